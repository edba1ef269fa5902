import { describe, expect, it } from "vitest";
import { blankHeader, headerChain, prepareHeader } from "../../../test/builders.ts";
import { SlotJournal } from "../../../test/slot-journal.ts";
import { TEST_MIN } from "../../config/test-min.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import { isBlankPrepare } from "../../message/special-prepares.ts";
import { type ViewChangeSlice, viewHeadersInvalid } from "../../view-headers.ts";
import { joinViewBits, joinViewHeaders, type LogLeft } from "./join-view-headers.ts";

const PIPELINE = TEST_MIN.cluster.pipelinePrepareQueueMax;
const LOG = headerChain(20, 0).reverse();
const header = (op: number): PrepareHeader => LOG[op] ?? blankHeader(op);
const other = (op: number): PrepareHeader => prepareHeader({ op, view: 1, parent: 5n });

/** A journal with these ops. */
const journalOf = (ops: readonly number[]): SlotJournal => {
  const journal = new SlotJournal(TEST_MIN);
  for (const op of ops) journal.put(header(op));
  return journal;
};

/** The list as text: ops, with `_` for blanks. */
const listed = (log: Partial<LogLeft> & Pick<LogLeft, "journal" | "op" | "commitMax">): string => {
  const headers = joinViewHeaders({
    viewHeaders: [header(8)],
    primaryRepairing: false,
    pipelinePrepareQueueMax: PIPELINE,
    ...log,
  });
  expect(viewHeadersInvalid(TEST_MIN, "joinView", headers)).toBe(null);
  return headers.map((entry) => `${entry.op}${isBlankPrepare(entry) ? "_" : ""}`).join(" ");
};

describe("the headers of a join_view", () => {
  it("are every op that may not be committed and the highest committed one", () => {
    expect(listed({ journal: journalOf([9, 10, 11, 12]), op: 12, commitMax: 10 })).toBe("12 11 10");
    expect(listed({ journal: journalOf([9, 10, 11, 12]), op: 12, commitMax: 12 })).toBe("12");
    expect(listed({ journal: journalOf([8, 9, 10, 11, 12]), op: 12, commitMax: 8 })).toBe("12 11 10 9 8");
  });

  it("are blank where nothing is known", () => {
    expect(listed({ journal: journalOf([9, 12]), op: 12, commitMax: 9 })).toBe("12 11_ 10_ 9");
    expect(listed({ journal: journalOf([12]), op: 12, commitMax: 9 })).toBe("12 11_ 10_ 9_");
  });

  it("are the head alone while that is behind what is committed", () => {
    expect(listed({ journal: journalOf([9, 10]), op: 10, commitMax: 14 })).toBe("10");
  });

  it("begin with the view's head if that did not fit into the log", () => {
    const viewHeaders: ViewChangeSlice = [header(12), header(11), header(10), header(9)];
    expect(listed({ journal: journalOf([9, 10]), op: 10, commitMax: 9, viewHeaders })).toBe("12 11 10 9");
  });

  it("take from the view what the journal lost, but nothing from the blanks of a checkpoint", () => {
    const viewHeaders = [header(12), blankHeader(11), header(10)];
    expect(listed({ journal: journalOf([9, 12]), op: 12, commitMax: 9, viewHeaders })).toBe("12 11_ 10 9");
  });

  it("leave out what the view says if a primary that repairs has chosen another log", () => {
    const viewHeaders = [other(13), header(12)];
    expect(listed({ journal: journalOf([10, 12]), op: 12, commitMax: 10, viewHeaders, primaryRepairing: true })).toBe(
      "12 11_ 10",
    );
  });

  it("are blank where the log contradicts itself, which only a peer that is wrong can bring about", () => {
    const journal = journalOf([9, 10, 12]);
    journal.put(other(11));
    expect(listed({ journal, op: 12, commitMax: 9 })).toBe("12 11_ 10 9");
    const later = journalOf([9, 11, 12]);
    later.put(prepareHeader({ op: 10, timestamp: 5000n }));
    expect(listed({ journal: later, op: 12, commitMax: 9 })).toBe("12 11 10_ 9");
    const newer = journalOf([9, 12]);
    newer.put(prepareHeader({ op: 10, view: 7 }));
    expect(listed({ journal: newer, op: 12, commitMax: 9 })).toBe("12 11_ 10_ 9");
  });

  it("must not be asked for without a head, or of a journal that contradicts the view", () => {
    expect(() => listed({ journal: journalOf([9]), op: 10, commitMax: 9 })).toThrow(/head/);
    const journal = journalOf([9, 10]);
    expect(() => listed({ journal, op: 10, commitMax: 9, viewHeaders: [other(10)] })).toThrow(/not that of the view/);
    expect(() => listed({ journal: journalOf([14]), op: 14, commitMax: 9 })).toThrow(/pipeline/);
  });
});

describe("the bits of a header in a join_view", () => {
  const bits = (entry: PrepareHeader, journal: SlotJournal, inPipeline = false): string => {
    const { present, nack } = joinViewBits([entry], { journal, inPipeline: () => inPipeline });
    return `${present === 1n ? "present" : ""}${nack === 1n ? " nack" : ""}`;
  };
  const empty = (): SlotJournal => new SlotJournal(TEST_MIN);
  /** The prepare of op 9 is on disk, and its header was cut off. */
  const cutOff = (): SlotJournal => {
    const journal = empty().put(header(9));
    journal.removeEntry(9);
    return journal;
  };
  const cutOffAndBack = (): SlotJournal => {
    const journal = cutOff();
    journal.setHeaderAsDirty(header(9));
    return journal;
  };

  it.each<[string, PrepareHeader, SlotJournal, string]>([
    ["it is on disk", header(9), empty().put(header(9)), "present"],
    ["it is being written", header(9), empty().put(header(9), "writing"), "present nack"],
    ["it was never written", header(9), empty().put(header(9), "dirty"), " nack"],
    ["it may have been damaged", header(9), empty().put(header(9), "faulty"), ""],
    ["nothing was ever in its slot", header(9), empty(), " nack"],
    ["something may have been lost in its slot", header(9), empty().lose(9), ""],
    ["it was cut off, but is still on disk", header(9), cutOff(), "present nack"],
    ["it was cut off and came back, and was on disk all the time", header(9), cutOffAndBack(), "present nack"],
    ["another one took its place", header(9), empty().put(other(9)), " nack"],
    ["another one took its place and was damaged", header(9), empty().put(other(9), "faulty"), " nack"],
    ["it is blank and nothing was ever in its slot", blankHeader(9), empty(), " nack"],
    ["it is blank and something may have been lost", blankHeader(9), empty().lose(9), ""],
    ["it is blank and has been repaired since", blankHeader(9), empty().put(header(9)), ""],
    ["it is blank and its header has come since", blankHeader(9), empty().put(header(9), "dirty"), ""],
  ])("if %s", (_name, entry, journal, expected) => {
    expect(bits(entry, journal)).toBe(expected);
  });

  it("say present if the prepare is in the pipeline, but not for a blank", () => {
    expect(bits(header(9), empty(), true)).toBe("present nack");
    expect(bits(blankHeader(9), empty(), true)).toBe(" nack");
  });

  it("look at the slot, whatever op is in it", () => {
    const wrapped = prepareHeader({ op: 9 + TEST_MIN.cluster.journalSlotCount });
    expect(bits(wrapped, empty().put(header(9)))).toBe(" nack");
    expect(bits(wrapped, empty().put(header(9), "faulty"))).toBe("");
  });

  it("are numbered from the head", () => {
    const journal = empty().put(header(12)).put(header(11), "dirty").lose(10).put(header(9));
    const list = [header(12), header(11), blankHeader(10), header(9)];
    expect(joinViewBits(list, { journal, inPipeline: () => false })).toEqual({ present: 0b1001n, nack: 0b0010n });
  });
});
