import { assert } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { copyOf, RepairBench, type RepairBenchOptions } from "../../test/repair-bench.ts";
import { Command } from "../command.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { initPrepareOk, PrepareOkHeader } from "../message/prepare-ok.ts";
import type { PrepareHeader } from "../message/prepare.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { BackupProgress } from "./backup-progress.ts";
import { Pipeline, type QueuedPrepare } from "./pipeline.ts";
import { Timeouts } from "./timeouts.ts";

/** A node among three, by default a backup of view 0, with a log of ops 0 to 8 of which 5 are executed. */
class Bench extends RepairBench {
  readonly calls: string[] = [];
  readonly pipeline = new Pipeline({ prepareQueueMax: 4, requestQueueMax: 4 });
  readonly progress = new BackupProgress();
  readonly timeouts: Timeouts;
  readonly headers: readonly PrepareHeader[];
  readonly subject: Acknowledgements;
  gridComplete = true;

  constructor(options: RepairBenchOptions & { readonly head?: number; readonly commit?: number } = {}) {
    super(options);
    const { head = 8, commit = 5 } = options;
    this.headers = this.chain(head, { commitMin: commit, commitMax: Math.max(commit, head - 4) });
    this.timeouts = new Timeouts({ config: this.config, random: this.random });
    this.progress.load(this.identity.replicaCount);
    this.subject = new Acknowledgements({
      ...this.parts,
      pipeline: this.pipeline,
      progress: this.progress,
      timeouts: this.timeouts,
      quorumReplication: () => 2,
      syncing: () => this.syncing,
      gridComplete: () => this.gridComplete,
      onHeard: () => this.calls.push("heard"),
      onQuorum: () => this.calls.push("quorum"),
    });
    if (this.roles.primary) this.#queue();
  }

  header(op: number): PrepareHeader {
    const header = this.headers[op];
    assert(header !== undefined, () => `no op ${op}`);
    return header;
  }

  /** The ops that were acknowledged since the last call, and to whom. */
  acknowledged(): string[] {
    return this.taken(Command.prepareOk).map(({ to, bytes }) => `${new PrepareOkHeader(bytes).op} to ${to}`);
  }

  /** The acknowledgement of a replica comes. */
  ok(op: number, replica: number, change: (header: PrepareOkHeader) => void = () => undefined): string[] {
    const header = new PrepareOkHeader(new Uint8Array(HEADER_SIZE_BYTES));
    const values = { view: this.view.view, replica, checkpointId: 0n, commitMin: this.log.commitMin };
    initPrepareOk(header, this.header(op), values, this.checksums);
    change(header);
    this.calls.length = 0;
    const message: Message = this.received(header.buffer);
    this.subject.onPrepareOk(message);
    message.release();
    return this.calls.slice();
  }

  queued(op: number): QueuedPrepare {
    const entry = this.pipeline.findQueued(op, this.header(op).checksum);
    assert(entry !== null, () => `op ${op} is not queued`);
    return entry;
  }

  #queue(): void {
    for (let op = this.log.commitMax + 1; op <= this.log.op; op += 1)
      this.pipeline.cache(this.prepare(this.header(op)));
    this.pipeline.toQueue(this.log.commitMax + 1, this.log.op);
    this.timeouts.start("prepare", "primaryAbdicate");
  }
}

describe("a backup acknowledges a prepare", () => {
  test("that it has on disk, to the primary of its view, with all that spec 03 §14.4 names", () => {
    const bench = new Bench();
    bench.subject.acknowledge(bench.header(7));
    const [sent] = bench.taken(Command.prepareOk);
    assert(sent !== undefined, "it is acknowledged");
    expect(sent.to).toBe(0);
    const { op, prepareChecksum, parent, client, request, operation, timestamp } = new PrepareOkHeader(sent.bytes);
    const header = bench.header(7);
    expect({ op, prepareChecksum, parent, client, request, operation, timestamp }).toEqual({
      op: 7,
      prepareChecksum: header.checksum,
      parent: header.parent,
      client: header.client,
      request: header.request,
      operation: header.operation,
      timestamp: header.timestamp,
    });
    expect(new PrepareOkHeader(sent.bytes)).toMatchObject({ view: 0, replica: 1, commitMin: 5, checkpointId: 0n });
  });

  test("of an older view to the primary of the view that it is in now", () => {
    const bench = new Bench();
    bench.view.view = 5;
    bench.subject.acknowledge(bench.header(7));
    expect(bench.acknowledged()).toEqual(["7 to 2"]);
  });

  const silent: readonly (readonly [name: string, change: (bench: Bench) => void])[] = [
    ["in another status", (bench) => (bench.status.current = "view_change")],
    ["during a state sync", (bench) => (bench.syncing = true)],
    ["that it does not have on disk", (bench) => bench.journal.soil(7)],
    ["that another one has replaced", (bench) => bench.journal.lose(7)],
    ["that a view change has cut off", (bench) => bench.log.installHead(6, 5)],
  ];
  test.each(silent)("but not %s", (_, change) => {
    const bench = new Bench();
    change(bench);
    bench.subject.acknowledge(bench.header(7));
    expect(bench.acknowledged()).toEqual([]);
  });

  test("but not one that was made on another checkpoint than the one here", () => {
    const bench = new Bench();
    const other = copyOf(bench.header(8));
    other.checkpointId = 77n;
    bench.checksums.set(other);
    bench.journal.fill([other]);
    bench.subject.acknowledge(other);
    expect(bench.acknowledged()).toEqual([]);
    expect(bench.logger.lines.at(-1)).toMatch(/the state of this replica has diverged/u);
  });

  test("but a standby never does", () => {
    const bench = new Bench({ replica: 3 });
    bench.subject.acknowledge(bench.header(7));
    expect(bench.acknowledged()).toEqual([]);
  });
});

describe("what claims a checkpoint that is not here is withheld", () => {
  test("beyond the pipeline after the next trigger, until the checkpoint is written", () => {
    const bench = new Bench({ head: 30, commit: 26 });
    expect(bench.subject.opMax).toBe(27);
    bench.subject.sendPrepareOksAfterCommitMax();
    expect(bench.acknowledged()).toEqual(["27 to 0"]);
    bench.opCheckpoint = 19;
    bench.subject.sendPrepareOksAfterCheckpoint();
    expect(bench.acknowledged()).toEqual(["28 to 0", "29 to 0", "30 to 0"]);
  });

  test("beyond the pipeline after the own trigger, while blocks of the checkpoint are missing", () => {
    const bench = new Bench({ head: 30, commit: 26, opCheckpoint: 19 });
    bench.gridComplete = false;
    bench.subject.sendPrepareOksAfterCommitMax();
    expect(bench.acknowledged()).toEqual(["27 to 0"]);
    bench.log.learnCommitMax(28);
    expect(bench.subject.opMax).toBe(47);
  });
});

test("after a view change everything that is not committed is acknowledged once more, gaps left out", () => {
  const bench = new Bench();
  bench.journal.soil(7);
  bench.subject.sendPrepareOksAfterCommitMax();
  expect(bench.acknowledged()).toEqual(["6 to 0", "8 to 0"]);
});

describe("a primary of three", () => {
  const primary = (): Bench => new Bench({ replica: 0 });

  test("executes when the second replica has a prepare, whoever that is", () => {
    const bench = primary();
    expect(bench.ok(6, 1)).toEqual(["heard"]);
    expect(bench.queued(6).okQuorumReceived).toBe(false);
    expect(bench.ok(6, 2)).toEqual(["heard", "quorum"]);
    expect(bench.queued(6).okQuorumReceived).toBe(true);
    expect(bench.ok(6, 0)).toEqual(["heard"]);
  });

  test("counts each replica once", () => {
    const bench = primary();
    bench.ok(6, 1);
    expect(bench.ok(6, 1)).toEqual([]);
    expect(bench.queued(6).okCount).toBe(1);
  });

  test("waits for the oldest prepare without a quorum", () => {
    const bench = primary();
    const prepare = bench.timeouts.get("prepare");
    prepare.tick();
    bench.ok(7, 1);
    bench.ok(7, 2);
    expect(prepare.ticks).toBe(1);
    bench.ok(6, 1);
    bench.ok(6, 2);
    expect(prepare.ticks).toBe(0);
    bench.ok(8, 1);
    expect(prepare.ticking).toBe(true);
    bench.ok(8, 2);
    expect([prepare.ticking, bench.timeouts.get("primaryAbdicate").ticking]).toEqual([false, false]);
  });

  test("keeps how far it has backed off when an older prepare gets its quorum", () => {
    const bench = primary();
    const prepare = bench.timeouts.get("prepare");
    prepare.backoff();
    const backedOff = prepare.afterDynamicTicks;
    expect(backedOff).toBeGreaterThan(25);
    bench.ok(6, 1);
    bench.ok(6, 2);
    expect([prepare.ticks, prepare.attempts, prepare.afterDynamicTicks]).toEqual([0, 0, backedOff]);
  });

  const ignored: readonly (readonly [name: string, change: (ok: PrepareOkHeader) => void])[] = [
    ["of an older view", (ok) => (ok.view = 9)],
    ["of another prepare", (ok) => (ok.prepareChecksum = 7n)],
    ["of a standby", (ok) => (ok.replica = 3)],
    ["that does not echo the prepare", (ok) => (ok.client = 99n)],
    ["with a commit_min that cannot be", (ok) => (ok.commitMin = 10)],
  ];
  test.each(ignored)("ignores an acknowledgement %s", (_, change) => {
    const bench = primary();
    expect(bench.ok(6, 1, change)).toEqual([]);
    expect(bench.queued(6).okCount).toBe(0);
  });

  test("learns how far the others are, even from acknowledgements of what is executed", () => {
    const bench = primary();
    bench.ok(8, 1, (ok) => (ok.commitMin = 1));
    bench.ok(3, 2, (ok) => (ok.commitMin = 2));
    expect(bench.progress.lag(0, 5, 60)).toBe(4);
  });

  test("ignores acknowledgements when it is none any more", () => {
    const bench = primary();
    bench.status.current = "view_change";
    expect(bench.ok(6, 1)).toEqual([]);
  });
});
