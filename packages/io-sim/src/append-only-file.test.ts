import { AOF, aofMerge, MemoryFile, Survey } from "@stagbeetle/aof";
import { type Message, Operation, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { formattedDisk, SoloMachine, TallyClient } from "../test/solo-machine.ts";
import type { SimulatedDisk } from "./disk.ts";
import { NO_STORAGE_FAULTS, type StorageFaults } from "./faults/storage-faults.ts";

const SEEDS = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? "12");
const FAILURES = 6;
const STEPS_MAX = 1_000_000;

const RESTLESS: StorageFaults = {
  ...NO_STORAGE_FAULTS,
  readLatency: { minimumMicroseconds: 0, meanMicroseconds: 10_000 },
  writeLatency: { minimumMicroseconds: 0, meanMicroseconds: 20_000 },
  crashOutcomes: { lost: 1, torn: 1, complete: 1 },
};

/** How power failures are survived: what a checkpoint does for the file, and how much of what is not synced is lost. */
interface Rules {
  readonly syncs: boolean;
  readonly kept: (unsyncedSizeBytes: number) => number;
}

/** A machine whose disk and append-only file outlive it. */
class Life {
  readonly machine: SoloMachine;
  readonly file: MemoryFile;

  constructor(disk: SimulatedDisk, bytes: Uint8Array, random: Random, { syncs }: Rules) {
    const nextTick = (callback: () => void): void => this.machine.storage.nextTick(callback);
    this.file = new MemoryFile({ bytes, nextTick });
    const aof = new AOF({ config: TEST_MIN, file: this.file });
    const forgetful = {
      write: (prepare: Message): void => {
        aof.stateSynced();
        aof.write(prepare);
      },
      checkpoint: nextTick,
      stateSynced: () => undefined,
    };
    this.machine = new SoloMachine(disk, { random, faults: RESTLESS, aof: syncs ? aof : forgetful });
  }

  /** Takes the power away, and with it what was not synced, or part of it. Returns what is left of the file. */
  crash({ kept }: Rules): Uint8Array {
    const { file, machine } = this;
    machine.storage.crash();
    file.truncate(file.syncedSizeBytes + kept(file.sizeBytes - file.syncedSizeBytes));
    return file.bytes.slice();
  }
}

/** Lives through power failures and serves clients in between. Returns the last life, which serves. */
function lived(random: Random, rules: Rules, clients: readonly TallyClient[]): Life {
  const disk = formattedDisk();
  let life = new Life(disk, new Uint8Array(0), random, rules);
  let op = 0;
  const runTo = (target: number): void => {
    const { machine } = life;
    for (let step = 0; !machine.serving || machine.replica.state.commitMin < target; step += 1) {
      expect(step).toBeLessThan(STEPS_MAX);
      for (const client of clients) client.drive(machine);
      machine.step();
    }
    op = machine.replica.state.commitMin;
  };
  for (let failures = 0; failures < FAILURES; failures += 1) {
    // Across a checkpoint now and then: there is one every twenty ops.
    runTo(op + 1 + random.index(30));
    for (let step = random.index(60); step > 0; step -= 1) life.machine.step();
    life = new Life(disk, life.crash(rules), random, rules);
  }
  runTo(op + 1);
  return life;
}

const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);

test.each(seeds)("whatever power failures leave merges to all that was ever committed (seed %i)", (seed) => {
  const random = new Random(BigInt(seed));
  const clients = [1n, 2n, 3n].map((id) => new TallyClient(id));
  const { file, machine } = lived(random, { syncs: true, kept: (size) => random.index(size + 1) }, clients);

  const output = new MemoryFile();
  const opsIndexedMax = 1 + random.index(40);
  const { problems, opFirst, opLast } = aofMerge({ config: TEST_MIN, inputs: [file], output, opsIndexedMax });
  expect([problems, opFirst, opLast]).toEqual([[], 1, machine.replica.state.commitMin]);
  const survey = new Survey({ config: TEST_MIN, file: output });
  while (survey.next().kind !== "end");
  const { faults, checksumLast, entries, operations } = survey.report();
  expect([faults, checksumLast]).toEqual([[], machine.journal.headerWithOp(opLast)?.checksum]);
  // What clients were told is in it: every addition, once.
  const additions = entries - (operations.get(Operation.register) ?? 0);
  expect(additions).toBe(machine.machine.count);
  for (const { counts } of clients) expect(counts.at(-1) ?? 0).toBeLessThanOrEqual(additions);
});

test("a file that checkpoints do not sync loses what the log has forgotten", () => {
  const random = new Random(1n);
  const { file } = lived(random, { syncs: false, kept: () => 0 }, [new TallyClient(1n)]);
  const { opFirst } = aofMerge({ config: TEST_MIN, inputs: [file], output: new MemoryFile() });
  expect(opFirst).toBeGreaterThan(1);
});
