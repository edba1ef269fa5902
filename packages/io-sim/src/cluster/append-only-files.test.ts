import { aofMerge, Iterator, type MergeResult, MemoryFile } from "@stagbeetle/aof";
import { assert } from "@stagbeetle/kernels";
import { Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { NO_STORAGE_FAULTS, type StorageFaults } from "../faults/storage-faults.ts";
import { NO_NETWORK_FAULTS } from "../network/network.ts";
import { STORED_ECHO } from "./application.ts";
import { Cluster } from "./cluster.ts";

const SEEDS = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? "6");
const REPLICA_COUNT = 3;
const CRASHES = 8;
/** Several checkpoints: there is one every twenty ops. */
const OPS_BETWEEN_CRASHES = 25;
const DOWN_TICKS_MAX = 400;
const TICKS_MAX = 30_000;
const STORAGE_SIZE_BYTES = 128 * 1024 * 1024;

const RESTLESS: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  readLatency: { minimumMicroseconds: 0, meanMicroseconds: 10_000 },
  writeLatency: { minimumMicroseconds: 0, meanMicroseconds: 20_000 },
  crashOutcomes: { lost: 1, torn: 1, complete: 1 },
};

/** A cluster of three whose machines lose their power one after the other, while clients go on. */
class Run {
  readonly cluster: Cluster;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.cluster = new Cluster({
      config: TEST_MIN,
      application: STORED_ECHO,
      seed: BigInt(seed),
      clientCount: 2,
      replicaCount: REPLICA_COUNT,
      storageSizeLimit: STORAGE_SIZE_BYTES,
      network: { ...NO_NETWORK_FAULTS, delayMeanTicks: 1 },
    });
  }

  /** Returns when all replicas have executed the same. */
  toTheEnd(): void {
    const { machines, clients, history } = this.cluster;
    for (const machine of machines) {
      machine.format();
      machine.start(RESTLESS);
    }
    for (const client of clients) client.register();
    for (let crash = 0; crash < CRASHES; crash += 1) {
      const op = history.opMax + 1 + this.#random.index(OPS_BETWEEN_CRASHES);
      this.#until(() => history.opMax >= op);
      const machine = this.cluster.machineAt(this.#random.index(REPLICA_COUNT));
      machine.crash();
      for (let ticks = this.#random.index(DOWN_TICKS_MAX); ticks > 0; ticks -= 1) this.#tick();
      machine.start(RESTLESS);
    }
    this.#until(() => this.#level);
  }

  get #level(): boolean {
    const { machines, history } = this.cluster;
    return machines.every(
      (machine) => machine.state === "serving" && machine.replica.state.commitMin === history.opMax,
    );
  }

  #until(condition: () => boolean): void {
    for (let ticks = 0; !condition(); ticks += 1) {
      assert(ticks < TICKS_MAX, () => `what the run waits for does not come: ${this.cluster.describe()}`);
      this.#tick();
    }
  }

  #tick(): void {
    const { clients, workload } = this.cluster;
    this.cluster.tick();
    this.cluster.settle();
    for (const client of clients) {
      if (client.state === "idle" && this.#random.chance(1, 8)) client.request(workload.next(client.bodySizeMax));
    }
  }
}

/** The ops that a file has. */
function opsOf(file: MemoryFile): ReadonlySet<number> {
  const iterator = new Iterator({ config: TEST_MIN, file, validateChain: false });
  const ops = new Set<number>();
  for (let step = iterator.next(); step.kind !== "end"; step = iterator.next()) {
    if (step.kind === "entry") ops.add(step.entry.header.op);
    else iterator.skipFault(step.fault);
  }
  return ops;
}

/** Holds what was merged against what was executed, and what is said to be missing against what the files have. */
function check({ history }: Cluster, inputs: readonly MemoryFile[], random: Random): MergeResult {
  const output = new MemoryFile();
  const opsIndexedMax = 1 + random.index(200);
  const result = aofMerge({ config: TEST_MIN, inputs, output, opsIndexedMax });
  const iterator = new Iterator({ config: TEST_MIN, file: output });
  for (let op = result.opFirst; op <= result.opLast; op += 1) {
    const step = iterator.next();
    assert(step.kind === "entry", () => `${step.kind} in place of op ${op}`);
    expect([step.entry.header.op, step.entry.header.checksum]).toEqual([op, history.executed(op).checksum]);
  }
  expect(iterator.next().kind).toBe("end");

  const held = inputs.map(opsOf);
  const missing = [];
  for (let op = result.opFirst; op <= Math.max(...held.flatMap((ops) => [...ops])); op += 1) {
    if (!held.some((ops) => ops.has(op))) missing.push(op);
  }
  const named = result.problems.flatMap((problem) => {
    assert(problem.kind === "missing", () => `a problem of kind ${problem.kind}`);
    const { first, last } = problem.ops;
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  expect(named).toEqual(missing);
  return result;
}

const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);
const seen = { gaps: 0, duplicates: 0 };

test.each(seeds)("what power failures leave on three machines merges to all that was executed (seed %i)", (seed) => {
  const run = new Run(seed);
  run.toTheEnd();
  const { cluster } = run;
  const random = new Random(seed);
  const files = cluster.machines.map(({ aofFile }) => aofFile);

  // A replica that was behind and took over a checkpoint lacks ops in its own file; all files together lack none.
  for (const file of files) {
    const { problems, duplicates } = check(cluster, [file], random);
    seen.gaps += problems.length;
    seen.duplicates += duplicates;
  }
  const first = random.index(REPLICA_COUNT);
  const all = check(cluster, [...files.slice(first), ...files.slice(0, first)], random);
  expect([all.opFirst, all.opLast, all.problems]).toEqual([1, cluster.history.opMax, []]);
});

test("among those files were some with gaps, and some that have entries twice", () => {
  expect(seen.gaps).toBeGreaterThan(0);
  expect(seen.duplicates).toBeGreaterThan(0);
});
