import { assert } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { headerChain, prepareHeader } from "../../test/builders.ts";
import { RepairBench, type RepairBenchOptions } from "../../test/repair-bench.ts";
import { Command } from "../command.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { Operation } from "../operation.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { Timeout } from "../timeout.ts";
import { FaultDetector } from "./fault-detector.ts";
import { Pipeline } from "./pipeline.ts";
import { Replication } from "./replication.ts";

/** A release that is not run yet. */
const NEWER = 99_999;

/** A node among three, by default a backup of view 0, with a log of ops 0 to 5 of which 3 are executed. */
class Bench extends RepairBench {
  readonly calls: string[] = [];
  readonly pipeline = new Pipeline({ prepareQueueMax: 4, requestQueueMax: 4 });
  readonly faultDetector = new FaultDetector();
  readonly replication: Replication;
  readonly headers: readonly PrepareHeader[];

  constructor(options: RepairBenchOptions & { readonly head?: number; readonly commit?: number } = {}) {
    super(options);
    const { head = 5, commit = 3 } = options;
    this.headers = this.chain(head, { commitMin: commit, commitMax: Math.max(commit, head - 4) });
    if (this.roles.primary) this.pipeline.toQueue(1, 0);
    this.replication = new Replication({
      ...this.parts,
      pipeline: this.pipeline,
      faultDetector: this.faultDetector,
      requestSizeLimit: 1024,
      // Takes bodies of whole words.
      stateMachine: {
        operationValid: (operation) => operation === 128,
        inputValid: (_, body) => body.length % 4 === 0,
      },
      joinViewQuorum: () => this.quorum,
      updatingCheckpoint: () => this.syncing,
      onRepair: (prepare: Message) => this.calls.push(`repair ${prepare.as(PrepareHeader).op}`),
      onFollowed: () => this.calls.push("followed"),
      onJournalWritten: () => this.calls.push("resume"),
      onPrepareWritten: (header: PrepareHeader) => this.calls.push(`written ${header.op}`),
    });
  }

  /** A prepare after the head, or after the op before it. */
  next(
    op = this.log.op + 1,
    fields: {
      view?: number;
      replica?: number;
      commit?: number;
      size?: number;
      operation?: number;
      release?: number;
    } = {},
  ): Message {
    const parent = this.journal.headerWithOp(op - 1)?.checksum ?? 9n;
    const header = prepareHeader({ op, view: fields.view ?? this.view.view, parent });
    header.replica = fields.replica ?? 0;
    header.commit = fields.commit ?? Math.max(0, op - 4);
    header.size = fields.size ?? HEADER_SIZE_BYTES;
    header.operation = fields.operation ?? header.operation;
    header.release = fields.release ?? header.release;
    this.checksums.set(header);
    return this.prepare(header);
  }

  onPrepare(message: Message): string[] {
    this.calls.length = 0;
    this.replication.onPrepare(message);
    return this.calls.slice();
  }
}

describe("a backup", () => {
  test("takes a prepare after its head into the log, writes it, and says so when it is on disk", () => {
    const bench = new Bench();
    const prepare = bench.next(6, { commit: 4 });
    expect(bench.onPrepare(prepare)).toEqual(["followed"]);
    expect([bench.log.op, bench.log.commitMax]).toEqual([6, 4]);
    expect(bench.journal.hasDirty(6)).toBe(true);
    expect(bench.sent).toEqual([]);
    bench.calls.length = 0;
    bench.journal.completeWrite();
    expect(bench.calls).toEqual(["resume", "written 6"]);
  });

  test("leaves a gap if prepares were lost", () => {
    const bench = new Bench();
    bench.onPrepare(bench.next(8));
    expect(bench.log.op).toBe(8);
    expect(bench.journal.headerWithOp(7)).toBeNull();
  });

  test("keeps what is executed next in memory", () => {
    const bench = new Bench();
    const prepare = bench.next(6);
    bench.onPrepare(prepare);
    expect(bench.pipeline.find(6, prepare.header.checksum)).toBe(prepare);
    const far = bench.next(12);
    bench.onPrepare(far);
    expect(bench.pipeline.find(12, far.header.checksum)).toBeNull();
  });

  test("drops a prepare of a newer view, and one that the primary did not make", () => {
    const bench = new Bench();
    expect(bench.onPrepare(bench.next(6, { view: 1 }))).toEqual([]);
    expect(bench.onPrepare(bench.next(6, { replica: 2 }))).toEqual(["followed"]);
    expect(bench.log.op).toBe(5);
  });

  test("repairs with a prepare of an older view, or below the head", () => {
    const bench = new Bench();
    bench.view.view = 3;
    expect(bench.onPrepare(bench.next(6, { view: 2 }))).toEqual(["repair 6"]);
    expect(bench.onPrepare(bench.next(4))).toEqual(["repair 4"]);
    expect(bench.log.op).toBe(5);
  });

  test("takes no prepare of its view while it changes views or installs a checkpoint", () => {
    const bench = new Bench();
    bench.status.current = "view_change";
    expect(bench.onPrepare(bench.next(6))).toEqual([]);
    bench.status.current = "normal";
    bench.syncing = true;
    expect(bench.onPrepare(bench.next(6))).toEqual([]);
    expect(bench.log.op).toBe(5);
  });

  test("hears a sign of life in every prepare beyond its head", () => {
    const bench = new Bench();
    bench.time.monotonicNs = 5_000_000_000n;
    expect(bench.faultDetector.tardiness(bench.time.monotonicNs)).toBe("yellow");
    bench.onPrepare(bench.next(6, { view: 7 }));
    expect(bench.faultDetector.tardiness(bench.time.monotonicNs)).toBe("green");
  });

  test("takes no prepare that follows from another state, breaks the chain of its view, is too large or too far ahead", () => {
    const bench = new Bench();
    const diverged = bench.next(6);
    diverged.as(PrepareHeader).checkpointId = 77n;
    const unchained = bench.next(6);
    unchained.as(PrepareHeader).parent = 77n;
    const wrong = [
      diverged,
      unchained,
      bench.next(6, { size: 1025 }),
      bench.next(6, { replica: 2 }),
      bench.next(9, { commit: 4 }),
    ];
    for (const prepare of wrong) expect(bench.onPrepare(prepare)).toEqual(["followed"]);
    expect([bench.log.op, bench.log.commitMax, bench.journal.writesPending]).toEqual([5, 3, 0]);
  });

  test("takes no prepare that does not follow its head, whatever view that was prepared in", () => {
    const bench = new Bench();
    bench.view.view = 3;
    const header = prepareHeader({ op: 6, view: 3, parent: 9n, commit: 4 });
    expect([bench.onPrepare(bench.prepare(header)), bench.log.op]).toEqual([["followed"], 5]);
    expect(bench.logger.lines.at(-1)).toMatch(/not the successor of op 5/u);
    expect([bench.onPrepare(bench.next(6, { commit: 4 })), bench.log.op]).toEqual([["followed"], 6]);
  });

  test("takes no prepare that is not later than its head", () => {
    const bench = new Bench();
    const head = bench.journal.headerWithOp(5);
    assert(head !== null, "there is a head");
    const early = bench.next(6);
    early.as(PrepareHeader).timestamp = head.timestamp;
    expect(bench.onPrepare(early)).toEqual(["followed"]);
    expect(bench.log.op).toBe(5);
    expect(bench.logger.lines.at(-1)).toContain("of a time before that of op 5");
  });

  test("takes no prepare for an op of which the log that the view began with has another one", () => {
    const bench = new Bench();
    bench.view.hasOther = ({ op }) => op === 6;
    expect(bench.onPrepare(bench.next(6))).toEqual(["followed"]);
    expect(bench.log.op).toBe(5);
    expect(bench.logger.lines.at(-1)).toContain("not op 6 of the log that the view began with");
  });

  test.each([
    ["an operation that its state machine does not have", { operation: 149 }, "there is no operation 149"],
    ["an operation that the protocol does not have", { operation: 7 }, "there is no operation 7"],
    ["a pulse that its state machine does not have", { operation: Operation.pulse }, "there is no operation 4"],
    ["a body that its state machine does not take", { size: HEADER_SIZE_BYTES + 3 }, "of a body that operation 128"],
    ["such an operation of a newer release, before it can run", { operation: 149, release: NEWER }, "no operation 149"],
  ])("takes no prepare of %s, wherever it would go", (_, fields, because) => {
    const bench = new Bench();
    for (const op of [4, 6]) {
      expect(bench.onPrepare(bench.next(op, fields))).toEqual([]);
      expect(bench.logger.lines.at(-1)).toMatch(/^error: on_prepare: dropped: /u);
      expect(bench.logger.lines.at(-1)).toContain(because);
    }
    expect([bench.log.op, bench.log.commitMax, bench.sent]).toEqual([5, 3, []]);
  });

  test.each([Operation.register, Operation.reconfigure, Operation.upgrade, Operation.noop])(
    "takes a prepare of operation %i of the protocol, whose body the state machine does not see",
    (operation) => {
      const bench = new Bench();
      bench.onPrepare(bench.next(6, { operation, size: HEADER_SIZE_BYTES + 3 }));
      expect(bench.log.op).toBe(6);
    },
  );

  test("judges a prepare of a newer release if the cluster does not upgrade at the next checkpoint (test_min: op 23)", () => {
    const bench = new Bench({ head: 23, commit: 20 });
    const ofNewer = (): Message => bench.next(24, { commit: 21, operation: 149, release: NEWER });
    expect(bench.onPrepare(ofNewer())).toEqual([]);
    expect(bench.logger.lines.at(-1)).toContain("there is no operation 149");
    const last = bench.journal.headerWithOp(23);
    assert(last !== null, "there is a head");
    last.operation = Operation.upgrade;
    expect(bench.onPrepare(ofNewer())).toEqual(["followed"]);
    expect(bench.log.op).toBe(24);
  });

  test("repairs with the root of the log", () => {
    const bench = new Bench();
    const [root] = headerChain(0, 0);
    assert(root !== undefined, "a chain has a root");
    expect(bench.onPrepare(bench.prepare(root))).toEqual(["repair 0"]);
  });

  test("leaves bodies beyond its --limit-request to the checks of that", () => {
    const bench = new Bench();
    expect(bench.onPrepare(bench.next(4, { size: 1025 }))).toEqual(["repair 4"]);
    expect(bench.onPrepare(bench.next(6, { size: 1025 }))).toEqual(["followed"]);
    expect(bench.logger.lines.at(-1)).toContain("more than this replica's --limit-request");
  });

  test("takes no header of an unused slot for a prepare", () => {
    const bench = new Bench();
    const reserved = bench.next(6);
    reserved.as(PrepareHeader).operation = Operation.reserved;
    expect(bench.onPrepare(reserved)).toEqual([]);
    expect(bench.log.op).toBe(5);
  });
});

describe("beyond what the log of its checkpoint holds (test_min: op 31), a backup", () => {
  test("takes nothing as long as the next checkpoint is not known to be durable", () => {
    const bench = new Bench({ head: 31, commit: 22 });
    bench.onPrepare(bench.next(32, { commit: 27 }));
    expect(bench.log.op).toBe(31);
  });

  test("overwrites what it has executed, but not what the next checkpoint needs", () => {
    const bench = new Bench({ head: 31, commit: 23 });
    bench.onPrepare(bench.next(32, { commit: 28 }));
    expect(bench.log.op).toBe(32);
    // The next checkpoint is that of op 19: 19 + 32 would take its slot.
    bench.onPrepare(bench.next(50, { commit: 46 }));
    expect(bench.log.op).toBe(50);
    bench.onPrepare(bench.next(51, { commit: 47 }));
    expect(bench.log.op).toBe(50);
  });

  test("takes the prepares of a newer release as they are: after the next checkpoint, that one executes them", () => {
    const bench = new Bench({ head: 31, commit: 23 });
    expect(bench.onPrepare(bench.next(32, { commit: 28, operation: 149, release: NEWER }))).toEqual(["followed"]);
    expect(bench.log.op).toBe(32);
  });

  test("overwrites nothing that it has not executed", () => {
    const bench = new Bench({ head: 31, commit: 3 });
    bench.onPrepare(bench.next(35, { commit: 31 }));
    expect(bench.log.op).toBe(35);
    bench.onPrepare(bench.next(36, { commit: 32 }));
    expect(bench.log.op).toBe(35);
  });
});

describe("the primary", () => {
  /** The head is prepared and waits for its quorum. */
  function primary(options: RepairBenchOptions = {}): Bench {
    const bench = new Bench({ replica: 0, head: 5, commit: 5, ...options });
    const prepare = bench.next(6);
    bench.pipeline.pushPrepare(prepare);
    bench.onPrepare(prepare);
    return bench;
  }

  test("sends its own prepare to all others and standbys, and writes it", () => {
    const bench = primary();
    expect(bench.taken(Command.prepare).map(({ to }) => to)).toEqual(["nodes"]);
    expect(bench.journal.writesPending).toBe(1);
    expect(bench.log.op).toBe(6);
  });

  test("sends what lacks a quorum once more, to those who did not acknowledge it", () => {
    const bench = primary();
    bench.taken(Command.prepare);
    const timeout = new Timeout({ name: "prepare", afterTicks: 25, random: bench.random, config: bench.config });
    timeout.start();
    bench.replication.onTimeout(timeout);
    expect(bench.taken(Command.prepare).map(({ to }) => to)).toEqual([1, 2]);
    expect(timeout.attempts).toBe(1);
    bench.pipeline.head?.acknowledge(1);
    bench.replication.onTimeout(timeout);
    expect(bench.taken(Command.prepare).map(({ to }) => to)).toEqual([2]);
    bench.pipeline.head?.acknowledge(2);
    bench.replication.onTimeout(timeout);
    expect(bench.calls).toContain("repair 6");
    expect(timeout.attempts).toBe(0);
  });

  test("passes on what the others may lack, of whatever view", () => {
    const bench = new Bench({ replica: 0, head: 5, commit: 4 });
    bench.view.view = 3;
    const older = bench.next(6, { view: 2, replica: 2 });
    expect(bench.onPrepare(older)).toEqual(["repair 6"]);
    bench.onPrepare(bench.next(6, { view: 4, replica: 1 }));
    bench.onPrepare(bench.prepare(bench.headers[5] ?? older.as(PrepareHeader)));
    bench.onPrepare(bench.prepare(bench.headers[4] ?? older.as(PrepareHeader)));
    const sent = bench.taken(Command.prepare).map(({ to, bytes }) => `${new PrepareHeader(bytes).view} to ${to}`);
    expect(sent).toEqual(["2 to nodes", "4 to nodes"]);
  });

  test("does not send what it authored before it was formatted anew, in a newer view or under a newer release", () => {
    const bench = new Bench({ replica: 0, head: 5, commit: 5 });
    const prepare = bench.next(6);
    prepare.as(PrepareHeader).release = bench.release + 1;
    bench.replication.onPrepare(prepare);
    bench.replication.onPrepare(bench.next(6, { view: 3 }));
    expect(bench.taken(Command.prepare)).toEqual([]);
  });

  test("takes no prepare of its view that it did not make", () => {
    const bench = new Bench({ replica: 0, head: 5, commit: 5 });
    bench.replication.onPrepare(bench.next(6));
    expect(bench.log.op).toBe(5);
  });

  test("alone, writes one prepare after the other", () => {
    const bench = primary({ replicaCount: 1 });
    const second = bench.next(7);
    bench.pipeline.pushPrepare(second);
    bench.onPrepare(second);
    expect(bench.journal.writesPending).toBe(1);
    bench.journal.completeWrite();
    const { head } = bench.pipeline;
    assert(head !== null, "there is a head");
    head.okQuorumReceived = true;
    bench.pipeline.popPrepare();
    bench.replication.writeNext();
    expect(bench.journal.writesPending).toBe(1);
  });
});

test("a prepare that was replaced in the log, or is being written, is not written", () => {
  const bench = new Bench();
  const prepare = bench.next(6);
  bench.onPrepare(prepare);
  expect(bench.replication.writePrepare(prepare)).toBe(false);
  const other = bench.next(5, { view: 0, replica: 2 });
  expect(bench.replication.writePrepare(other)).toBe(false);
  expect(bench.journal.writesPending).toBe(1);
});
