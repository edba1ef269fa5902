import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepareHeader, PROPERTY_RUNS, sealed } from "../../../test/builders.ts";
import { build } from "../../../test/messages.ts";
import { RepairBench, type RepairBenchOptions } from "../../../test/repair-bench.ts";
import { Command } from "../../command.ts";
import { GetPrepareHeader } from "../../message/get-prepare.ts";
import type { Message } from "../../message/message.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import { Pipeline } from "../pipeline.ts";
import { PrepareBudget } from "./prepare-budget.ts";
import { PrepareRepair } from "./prepares.ts";

const HEAD = 12;

class Bench {
  readonly node: RepairBench;
  readonly pipeline: Pipeline;
  readonly budget: PrepareBudget;
  readonly repair: PrepareRepair;
  readonly chain: readonly PrepareHeader[];
  readonly calls: string[] = [];
  /** Whether the journal takes writes. */
  writable = true;

  constructor(options: RepairBenchOptions & { readonly commitMin?: number } = {}) {
    const node = new RepairBench(options);
    this.node = node;
    this.chain = node.chain(HEAD, { commitMin: options.commitMin ?? 4, view: (op) => (op > 8 ? 3 : 0) });
    this.pipeline = new Pipeline({ prepareQueueMax: 4, requestQueueMax: 4 });
    this.budget = new PrepareBudget(node.parts);
    this.repair = new PrepareRepair({
      ...node.parts,
      pipeline: this.pipeline,
      budget: this.budget,
      joinViewQuorum: () => node.quorum,
      replication: {
        writePrepare: (message: Message) => {
          const header = message.as(PrepareHeader);
          if (!this.writable || !node.journal.hasHeader(header)) return false;
          this.calls.push(`write ${header.op}`);
          node.journal.writesPending += 1;
          return true;
        },
        sendPrepareOk: ({ op }) => this.calls.push(`ok ${op}`),
      },
      commit: () => this.calls.push("commit"),
      onRepaired: () => this.calls.push("repair"),
    });
  }

  at(op: number): PrepareHeader {
    const header = this.chain[op];
    if (header === undefined) throw new Error(`no op ${op}`);
    return header;
  }

  /** What was asked for: destination, op, and whether by checksum. */
  asked(): string[] {
    return this.node.taken(Command.getPrepare).map(({ to, bytes }) => {
      const { prepareOp, prepareChecksum, view } = new GetPrepareHeader(bytes);
      const how =
        prepareChecksum === 0n ? `in view ${view}` : prepareChecksum === this.at(prepareOp).checksum ? "exactly" : "?";
      expect(view === 0 || prepareChecksum === 0n).toBe(true);
      return `${prepareOp} ${how} of ${to}`;
    });
  }

  /** Lets a `get_prepare` arrive. The ops that are answered. */
  answered(fields: { readonly [name: string]: number | bigint }): number[] {
    const message = this.node.received(build(GetPrepareHeader, { command: Command.getPrepare, replica: 2, ...fields }));
    this.repair.onGetPrepare(message);
    message.release();
    return this.node.taken(Command.prepare).map(({ to, bytes }) => {
      expect(to).toBe(fields["replica"] ?? 2);
      return new PrepareHeader(bytes).op;
    });
  }

  arrive(header: PrepareHeader): string[] {
    const message = this.node.prepare(header);
    this.repair.onRepair(message);
    message.release();
    return this.calls.splice(0);
  }

  store(header: PrepareHeader): void {
    this.node.journal.stored.set(header.checksum, this.node.prepare(header));
  }
}

describe("prepares that are missing", () => {
  test("are asked for by checksum if their header is known, else by op and view, the oldest first", () => {
    const subject = new Bench({ replica: 1, replicaCount: 3 });
    subject.node.journal.soil(5);
    subject.node.journal.lose(7);
    subject.repair.request({ opMin: 5, opMax: 12 });
    const asked = subject.asked();
    expect(asked.map((each) => each.replace(/ of .*/u, ""))).toEqual(["5 exactly", "7 in view 3"]);
  });

  test("are asked for as far as the budget goes", () => {
    const subject = new Bench({ replica: 1, replicaCount: 3 });
    for (let op = 5; op <= 12; op += 1) subject.node.journal.soil(op);
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect(subject.asked().length).toBe(4);
    expect(subject.budget.exhausted).toBe(true);
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect(subject.asked()).toEqual([]);
  });

  test("are not asked for while all writes are busy, or if they are being written", () => {
    const subject = new Bench({ replica: 1 });
    subject.node.journal.soil(5);
    subject.node.journal.writesPending = subject.node.config.process.journalIopsWriteMax;
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect(subject.asked()).toEqual([]);
    subject.node.journal.writesPending = 1;
    subject.node.journal.writingNow.add(subject.at(5).checksum);
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect(subject.asked()).toEqual([]);
  });

  test("are written from memory if they are there, as far as writes are free", () => {
    const subject = new Bench({ replica: 1 });
    for (const op of [5, 6, 7]) {
      subject.node.journal.soil(op);
      const message = subject.node.prepare(subject.at(op));
      subject.pipeline.cache(message);
      message.release();
    }
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect(subject.calls).toEqual(["write 5", "write 6"]);
    expect(subject.asked()).toEqual([]);
  });

  test("wait for their turn on a replica that is alone", () => {
    const subject = new Bench({ replica: 0, replicaCount: 1 });
    subject.node.journal.soil(5);
    const message = subject.node.prepare(subject.at(5));
    subject.pipeline.cache(message);
    message.release();
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect([subject.calls, subject.asked()]).toEqual([[], []]);
  });

  test("are asked of all others in a view change, and charged to one", () => {
    const subject = new Bench({ replica: 0, replicaCount: 3 });
    subject.node.status.current = "view_change";
    subject.node.journal.soil(5);
    subject.repair.request({ opMin: 5, opMax: 12 });
    expect(subject.asked()).toEqual(["5 exactly of replicas"]);
    expect(subject.budget.describe()).toMatch(/: 5 .*: none|: none .*: 5/u);
  });
});

describe("get_prepare", () => {
  test("is answered from memory, from disk, or not at all", () => {
    const subject = new Bench({ replica: 1 });
    const cached = subject.node.prepare(subject.at(5));
    subject.pipeline.cache(cached);
    cached.release();
    subject.store(subject.at(6));
    const by = (op: number): number[] => subject.answered({ prepareOp: op, prepareChecksum: subject.at(op).checksum });
    expect([by(5), by(6), by(7)]).toEqual([[5], [6], []]);
  });

  test("by op is answered with what the log has at that op", () => {
    const subject = new Bench({ replica: 1 });
    subject.store(subject.at(6));
    expect(subject.answered({ prepareOp: 6, view: 3 })).toEqual([6]);
    subject.node.journal.lose(6);
    expect(subject.answered({ prepareOp: 6, view: 3 })).toEqual([]);
    expect(subject.answered({ prepareOp: 6 })).toEqual([]);
  });

  test("is answered even if the log calls the slot dirty, as long as the disk has the prepare", () => {
    const subject = new Bench({ replica: 1 });
    subject.store(subject.at(6));
    subject.node.journal.soil(6);
    expect(subject.answered({ prepareOp: 6, prepareChecksum: subject.at(6).checksum })).toEqual([6]);
  });

  test("is answered to standbys, not by them, and not to itself", () => {
    const subject = new Bench({ replica: 1 });
    subject.store(subject.at(6));
    const prepareChecksum = subject.at(6).checksum;
    expect(subject.answered({ prepareOp: 6, prepareChecksum, replica: 4 })).toEqual([6]);
    expect(subject.answered({ prepareOp: 6, prepareChecksum, replica: 1 })).toEqual([]);
    const standby = new Bench({ replica: 3, replicaCount: 3 });
    standby.store(standby.at(6));
    expect(standby.answered({ prepareOp: 6, prepareChecksum })).toEqual([]);
  });

  test("is not answered with what this replica itself prepared under a release that it does not run any more", () => {
    const subject = new Bench({ replica: 1 });
    const header = prepareHeader({ op: 6 });
    header.replica = 1;
    header.release = subject.node.release + 1;
    sealed(header);
    subject.store(header);
    expect(subject.answered({ prepareOp: 6, prepareChecksum: header.checksum })).toEqual([]);
  });

  test("gives back all messages", () => {
    const subject = new Bench({ replica: 1 });
    subject.store(subject.at(6));
    subject.answered({ prepareOp: 6, prepareChecksum: subject.at(6).checksum });
    expect(subject.node.pool.available).toBe(subject.node.pool.messagesMax - 1);
  });
});

describe("a prepare that comes", () => {
  test("and is here is acknowledged again, in case that was lost", () => {
    expect(new Bench({ replica: 1 }).arrive(new Bench().at(6))).toEqual(["ok 6"]);
  });

  test("and is missing is written, cached, executed and more is repaired", () => {
    const subject = new Bench({ replica: 1 });
    subject.node.journal.lose(6);
    subject.budget.decrement(6);
    expect(subject.arrive(subject.at(6))).toEqual(["write 6", "commit", "repair"]);
    expect(subject.pipeline.find(6, subject.at(6).checksum)).not.toBeNull();
    expect(subject.budget.describe()).toMatch(/0: none .*2: none/u);
  });

  test("is cached only if it is to be executed soon", () => {
    const subject = new Bench({ replica: 1 });
    subject.node.journal.lose(2);
    subject.arrive(subject.at(2));
    expect(subject.pipeline.find(2, subject.at(2).checksum)).toBeNull();
    const late = new Bench({ replica: 1, commitMin: 1 });
    late.node.journal.soil(10);
    late.arrive(late.at(10));
    expect(late.pipeline.find(10, late.at(10).checksum)).toBeNull();
  });

  test("and does not chain to the head yet is thrown away, but kept in memory", () => {
    const subject = new Bench({ replica: 1 });
    for (const op of [6, 7]) subject.node.journal.lose(op);
    expect(subject.arrive(subject.at(6))).toEqual([]);
    expect(subject.node.journal.headerWithOp(6)).toBeNull();
  });

  test("and cannot be written now is asked for again later", () => {
    const subject = new Bench({ replica: 1 });
    subject.writable = false;
    subject.node.journal.lose(6);
    expect(subject.arrive(subject.at(6))).toEqual([]);
    expect(subject.node.journal.hasDirty(6)).toBe(true);
  });

  test("is taken by the primary of a view to come, which executes when it has repaired", () => {
    const subject = new Bench({ replica: 0 });
    subject.node.status.current = "view_change";
    subject.node.quorum = true;
    subject.node.journal.lose(6);
    expect(subject.arrive(subject.at(6))).toEqual(["write 6", "repair"]);
    expect(subject.pipeline.find(6, subject.at(6).checksum)).toBeNull();
  });

  test.each([
    ["status recovering", (subject: Bench): void => void (subject.node.status.current = "recovering"), 6],
    ["status recovering_head", (subject: Bench): void => void (subject.node.status.current = "recovering_head"), 6],
    ["view started", (subject: Bench): void => void (subject.node.status.current = "view_change"), 10],
    ["in a view change", (subject: Bench): void => void (subject.node.status.current = "view_change"), 6],
    ["newer view", (subject: Bench): void => void (subject.node.view.view = 2), 10],
  ] as const)("is ignored: %s", (because, change, op) => {
    const subject = new Bench({ replica: 1 });
    subject.node.journal.lose(op);
    change(subject);
    expect(subject.arrive(subject.at(op))).toEqual([]);
    expect(subject.node.logger.lines.at(-1)).toContain(because);
  });

  test("is ignored above the head, and of a newer release", () => {
    const subject = new Bench({ replica: 1 });
    expect(subject.arrive(prepareHeader({ op: HEAD + 1, view: 3 }))).toEqual([]);
    expect(subject.node.logger.lines.at(-1)).toContain("it would advance the head");
    const header = prepareHeader({ op: 6 });
    header.release = subject.node.release + 1;
    expect(subject.arrive(sealed(header))).toEqual([]);
    expect(subject.node.logger.lines.at(-1)).toContain("newer release");
  });

  test("whatever it is, changes the log only if it belongs there, and leaves no message behind", () => {
    const statuses = ["normal", "view_change", "recovering", "recovering_head"] as const;
    const anything = fc.record({
      op: fc.nat(40),
      view: fc.nat(5),
      genuine: fc.boolean(),
      status: fc.constantFrom(...statuses),
      quorum: fc.boolean(),
      replica: fc.nat(3),
    });
    const property = fc.property(anything, fc.uniqueArray(fc.nat(HEAD - 1), { maxLength: 5 }), (facts, lost) => {
      const subject = new Bench({ replica: facts.replica });
      subject.node.status.current = facts.status;
      subject.node.quorum = facts.quorum;
      for (const op of lost) subject.node.journal.lose(op);
      const known = subject.chain[facts.op];
      subject.arrive(facts.genuine && known !== undefined ? known : prepareHeader({ op: facts.op, view: facts.view }));
      for (const op of subject.node.journal.ops()) {
        const header = subject.node.journal.headerWithOp(op);
        if (header?.view !== 3) expect(header?.checksum).toBe(subject.at(op).checksum);
      }
      const cached = subject.pipeline.find(facts.op, subject.chain[facts.op]?.checksum ?? 0n) === null ? 0 : 1;
      expect(subject.node.pool.available).toBeGreaterThanOrEqual(subject.node.pool.messagesMax - 1 - cached);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
