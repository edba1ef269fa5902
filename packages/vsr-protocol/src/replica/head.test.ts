import { describe, expect, test } from "vitest";
import { Command } from "../command.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { writeBlankPrepare, writeRootPrepare } from "../message/special-prepares.ts";
import { chooseHead, type HeadContext, type HeadJournal, headCertain } from "./head.ts";

const PIPELINE = 4;

function prepare(op: number, view = 1): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  if (op === 0) {
    writeRootPrepare(header, 0n);
    return header;
  }
  header.command = Command.prepare;
  header.operation = 128;
  header.op = op;
  header.view = view;
  header.checksum = BigInt(op * 100 + view);
  return header;
}

function blank(op: number): PrepareHeader {
  const header = new PrepareHeader(new Uint8Array(HEADER_SIZE_BYTES));
  writeBlankPrepare(header, op);
  return header;
}

/** As much of a journal as the head needs: headers by op, and those that were taken over as dirty. */
class FakeJournal implements HeadJournal {
  readonly headers: Map<number, PrepareHeader>;
  readonly dirty: number[] = [];
  constructor(headers: readonly PrepareHeader[]) {
    this.headers = new Map(headers.map((header) => [header.op, header]));
  }
  headerWithOp(op: number): PrepareHeader | null {
    return this.headers.get(op) ?? null;
  }
  hasHeader(header: PrepareHeader): boolean {
    return this.headers.get(header.op)?.checksum === header.checksum;
  }
  opMaximum(): number {
    return Math.max(0, ...this.headers.keys());
  }
  setHeaderAsDirty(header: PrepareHeader): void {
    this.headers.set(header.op, header);
    this.dirty.push(header.op);
  }
}

function context(changes: Partial<HeadContext> = {}): HeadContext {
  return {
    opCheckpoint: 0,
    checkpointHeader: prepare(changes.opCheckpoint ?? 0),
    opPrepareMax: 31,
    view: 2,
    logView: 2,
    viewHeaders: [prepare(0)],
    commitMax: 0,
    pipelinePrepareQueueMax: PIPELINE,
    ...changes,
  };
}

const log = (...ops: readonly number[]): FakeJournal => new FakeJournal(ops.map((op) => prepare(op)));

describe("the head in a view that has started", () => {
  test("is the highest op in the journal", () => {
    const journal = log(0, 1, 2, 3);
    expect(chooseHead(journal, context()).op).toBe(3);
    expect(journal.dirty).toEqual([]);
  });

  test("is the newest view header if that is higher, which then is to be fetched", () => {
    const journal = log(0, 1, 2, 3);
    expect(chooseHead(journal, context({ viewHeaders: [prepare(5), prepare(4)] })).op).toBe(5);
    expect(journal.dirty).toEqual([5]);
  });

  test("is the view header of the highest op in the journal's place", () => {
    const journal = log(0, 1, 2, 3);
    expect(chooseHead(journal, context({ viewHeaders: [prepare(3, 2)] })).op).toBe(3);
    expect(journal.headerWithOp(3)?.view).toBe(2);
    expect(journal.dirty).toEqual([3]);
  });

  test("no view header below the head is loaded, although its op is missing", () => {
    const journal = log(0, 1, 4);
    expect(chooseHead(journal, context({ viewHeaders: [prepare(3), prepare(2)] })).op).toBe(4);
    expect(journal.dirty).toEqual([]);
  });

  test("view headers above what the log may hold are passed over", () => {
    const journal = log(0, 1);
    expect(
      chooseHead(journal, context({ opPrepareMax: 4, viewHeaders: [prepare(6), prepare(5), prepare(4)] })).op,
    ).toBe(4);
    expect(journal.dirty).toEqual([4]);
  });

  test("a formatted log has op 0 as its head", () => {
    expect(chooseHead(log(0), context({ view: 0, logView: 0 }))).toEqual({ op: 0, commitMin: 0, commitMax: 0 });
  });
});

describe("the head during a view change", () => {
  const changing = { view: 3, logView: 2 };

  test("is the highest promised op, whatever was written after the promise", () => {
    const journal = log(0, 1, 2, 3, 4);
    expect(chooseHead(journal, context({ ...changing, viewHeaders: [prepare(3), prepare(2)] })).op).toBe(3);
    expect(journal.dirty).toEqual([]);
  });

  test("passes over gaps in the promise", () => {
    const journal = log(0, 1);
    const viewHeaders = [blank(6), prepare(5), blank(4)];
    expect(chooseHead(journal, context({ ...changing, viewHeaders })).op).toBe(5);
    expect(journal.dirty).toEqual([5]);
  });

  test("without a usable promise is the highest op in the journal", () => {
    expect(chooseHead(log(0, 1, 2), context({ ...changing, opPrepareMax: 8, viewHeaders: [prepare(9)] })).op).toBe(2);
  });

  test.each<[string, FakeJournal, number]>([
    ["ends below it", log(5), 19],
    ["is empty", log(), 0],
  ])("is the checkpoint if there is no promise and the journal %s", (_, journal, opCheckpoint) => {
    const given = context({ ...changing, opCheckpoint, opPrepareMax: 51, viewHeaders: [prepare(60)] });
    expect(chooseHead(journal, given).op).toBe(opCheckpoint);
    expect(journal.dirty).toEqual([opCheckpoint]);
  });
});

describe("what is known to be committed", () => {
  test.each([
    { head: 3, stored: 0, commitMax: 0 },
    { head: 9, stored: 0, commitMax: 5 },
    { head: 9, stored: 7, commitMax: 7 },
  ])(
    "is all but a pipeline below the head, or what the superblock knows: $commitMax of $head",
    ({ head, stored, commitMax }) => {
      expect(chooseHead(log(0, head), context({ commitMax: stored }))).toEqual({ op: head, commitMin: 0, commitMax });
    },
  );
});

describe("a head is certain", () => {
  const faulty = (...slots: readonly number[]) => ({ hasFaulty: (op: number) => slots.includes(op % 32) });

  test.each([
    { why: "nothing is damaged", op: 5, max: 31, slots: [], certain: true },
    { why: "the damage is below it", op: 5, max: 31, slots: [0, 4], certain: true },
    { why: "its own slot is damaged", op: 5, max: 31, slots: [5], certain: false },
    { why: "the next slot is damaged", op: 5, max: 31, slots: [6], certain: false },
    { why: "the last slot is damaged", op: 5, max: 31, slots: [31], certain: false },
    { why: "the damage is beyond the last op", op: 38, max: 51, slots: [20], certain: true },
    { why: "the last slot of another wrap is damaged", op: 38, max: 51, slots: [19], certain: false },
    { why: "slots around the end of the ring are damaged", op: 62, max: 71, slots: [1], certain: false },
    { why: "it is the last op, whatever is damaged", op: 51, max: 51, slots: [19, 20], certain: true },
  ])("unless a newer op may hide behind damage: $why", ({ op, max, slots, certain }) => {
    expect(headCertain(faulty(...slots), op, max)).toBe(certain);
  });
});
