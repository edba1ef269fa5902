import { assert } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { prepareHeader } from "../../test/builders.ts";
import { RepairBench, type RepairBenchOptions } from "../../test/repair-bench.ts";
import type { Message } from "../message/message.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { NextPrepare } from "./next-prepare.ts";
import { Pipeline } from "./pipeline.ts";

/** A node among three, by default a backup, with a log of ops 0 to 8 of which 5 are executed and 7 committed. */
class Bench extends RepairBench {
  readonly pipeline = new Pipeline({ prepareQueueMax: 4, requestQueueMax: 4 });
  readonly next: NextPrepare;
  readonly headers: readonly PrepareHeader[];
  /** The read that is under way. */
  read: ((message: Message | null) => void) | null = null;

  constructor(options: RepairBenchOptions & { readonly view?: (op: number) => number } = {}) {
    super(options);
    const { view = () => 0 } = options;
    this.headers = this.chain(8, { commitMin: 5, commitMax: 7, view });
    const journal = {
      headerWithOp: (op: number) => this.journal.headerWithOp(op),
      readPrepare: (_op: number, _checksum: bigint, _purpose: string, callback: (message: Message | null) => void) => {
        this.read = callback;
      },
    };
    this.next = new NextPrepare({
      ...this.parts,
      journal,
      pipeline: this.pipeline,
      validHashChain: () => this.headerRepair.validHashChain(),
    });
    this.next.executed(this.header(5));
  }

  /** What is taken: an op, `none`, or `reading`. */
  take(): number | "none" | "reading" {
    let taken: number | "none" | "reading" = "reading";
    this.next.take((message) => (taken = message === null ? "none" : message.as(PrepareHeader).op));
    return taken;
  }

  header(op: number): PrepareHeader {
    const header = this.headers[op];
    assert(header !== undefined, () => `no op ${op}`);
    return header;
  }
}

describe("a backup executes next", () => {
  test("the committed op after the last one, from memory if it is there", () => {
    const bench = new Bench();
    expect([bench.next.possible, bench.take()]).toEqual([true, "reading"]);
    bench.pipeline.cache(bench.prepare(bench.header(6)));
    expect(bench.take()).toBe(6);
  });

  test("nothing beyond what is committed, or while its head is unknown", () => {
    const bench = new Bench();
    bench.status.current = "recovering_head";
    expect([bench.next.possible, bench.take()]).toEqual([false, "none"]);
    bench.status.current = "normal";
    for (const op of [6, 7]) bench.log.executed(op);
    expect([bench.next.possible, bench.take()]).toEqual([false, "none"]);
  });

  test("an op of the head's view whatever is missing in between, but no op of an older view", () => {
    const sameView = new Bench();
    sameView.journal.lose(7);
    expect(sameView.take()).toBe("reading");
    const olderView = new Bench({ view: (op) => (op > 6 ? 2 : 0) });
    expect(olderView.take()).toBe("reading");
    olderView.journal.lose(7);
    expect(olderView.take()).toBe("none");
  });

  test("nothing that does not follow what was executed", () => {
    const bench = new Bench();
    bench.journal.fill([prepareHeader({ op: 6, parent: 99n })]);
    expect(bench.take()).toBe("none");
    expect(bench.logger.lines.at(-1)).toContain("does not follow what was executed");
  });

  test("nothing that does not follow what was executed, although the log has another op in that one's place", () => {
    const bench = new Bench();
    bench.journal.lose(5);
    expect(bench.take()).toBe("reading");
    bench.journal.fill([prepareHeader({ op: 6, parent: 99n })]);
    expect(bench.take()).toBe("none");
    expect(bench.logger.lines.at(-1)).toContain("does not follow what was executed");
  });

  test("what follows the checkpoint, after a state sync that took the place of what was executed", () => {
    const bench = new Bench();
    bench.superblock.working.checkpointHeader = bench.header(3);
    bench.opCheckpoint = 3;
    bench.log.syncTo(3);
    expect([bench.next.follows(bench.header(4)), bench.next.follows(bench.header(6))]).toEqual([true, false]);
  });

  test("nothing, if the view changes while the prepare is read and another replica will lead", () => {
    for (const [replica, expected] of [
      [1, "none"],
      [0, 6],
    ] as const) {
      const bench = new Bench({ replica });
      bench.status.current = "view_change";
      let taken: number | "none" = "none";
      bench.next.take((message) => (taken = message === null ? "none" : message.as(PrepareHeader).op));
      bench.read?.(bench.prepare(bench.header(6)));
      expect(taken).toBe(expected);
      expect(bench.pool.available).toBe(bench.pool.messagesMax - (expected === 6 ? 1 : 0));
    }
  });

  test("nothing that cannot be read: others repair it", () => {
    const bench = new Bench();
    let taken: Message | null | undefined;
    bench.next.take((message) => (taken = message));
    bench.read?.(null);
    expect(taken).toBeNull();
  });
});

test("a primary executes the head of its queue as soon as that has its quorum", () => {
  const bench = new Bench({ replica: 0 });
  for (const op of [6, 7, 8]) bench.pipeline.cache(bench.prepare(bench.header(op)));
  bench.pipeline.toQueue(6, 8);
  expect([bench.next.possible, bench.take()]).toEqual([false, "none"]);
  assert(bench.pipeline.head !== null, "the queue has a head");
  bench.pipeline.head.okQuorumReceived = true;
  expect([bench.next.possible, bench.take()]).toEqual([true, 6]);
});

test("a replica that is alone and cannot read its log ends with a line for the operator", () => {
  const bench = new Bench({ replica: 0, replicaCount: 1 });
  bench.status.current = "recovering";
  bench.next.take(() => undefined);
  expect(() => bench.read?.(null)).toThrow("op 6 cannot be read back");
});
