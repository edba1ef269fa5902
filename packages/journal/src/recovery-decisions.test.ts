import { describe, expect, test } from "vitest";
import { decide, type DecisionContext, type RingEntry, slotsDecided, type SlotEntries } from "./recovery-decisions.ts";

const COUNT = 32;
const BAD: RingEntry = { kind: "bad", parsable: false };
const FOREIGN: RingEntry = { kind: "bad", parsable: true };
const RESERVED: RingEntry = { kind: "reserved" };
const prepare = (op: number, view = 1): RingEntry => ({ kind: "prepare", op, view, checksum: BigInt(op * 100 + view) });

/** A log in its second wrap, checkpoint 19, whose head is 38: slots 7 to 18 still hold ops 7 to 18. */
const CONTEXT: DecisionContext = { opCheckpoint: 19, opPrepareMax: 51, solo: true, writesMax: 2 };
const HEAD = 38;

function secondWrap(changes: Readonly<Record<number, SlotEntries>> = {}): SlotEntries[] {
  return Array.from({ length: COUNT }, (_, slot) => {
    const op = slot + COUNT <= HEAD ? slot + COUNT : slot;
    return changes[slot] ?? { header: prepare(op), prepare: prepare(op) };
  });
}

describe("torn prepares", () => {
  test("a broken prepare after the head, over an older one, is truncated", () => {
    const decisions = decide(secondWrap({ 7: { header: prepare(7), prepare: BAD } }), CONTEXT);
    expect(decisions.opMax).toBe(HEAD);
    expect(slotsDecided(decisions, "cut_torn")).toEqual([7]);
    expect(slotsDecided(decisions, "vsr")).toEqual([]);
  });

  test("the last slot that may follow the head is one of them", () => {
    const decisions = decide(secondWrap({ 19: { header: prepare(19), prepare: BAD } }), CONTEXT);
    expect(slotsDecided(decisions, "cut_torn")).toEqual([19]);
  });

  test("a broken prepare at or below the head is damage, and does not make the head uncertain", () => {
    const decisions = decide(
      secondWrap({ 6: { header: prepare(38), prepare: BAD }, 7: { header: prepare(7), prepare: BAD } }),
      CONTEXT,
    );
    expect(slotsDecided(decisions, "cut_torn")).toEqual([7]);
    expect(slotsDecided(decisions, "vsr")).toEqual([6]);
  });

  test.each<[string, SlotEntries]>([
    ["its header is broken too", { header: BAD, prepare: BAD }],
    ["its header is reserved", { header: RESERVED, prepare: BAD }],
    ["the prepare is a whole one of another slot", { header: prepare(8), prepare: FOREIGN }],
    ["the prepare was never there", { header: prepare(8), prepare: RESERVED }],
  ])("nothing is truncated if another slot after the head is damaged in a way that may hide an op: %s", (_, damage) => {
    const torn = { header: prepare(7), prepare: BAD };
    const context = { ...CONTEXT, solo: false };
    for (const slot of [8, 19]) {
      const header = damage.header.kind === "prepare" ? prepare(slot) : damage.header;
      const decisions = decide(secondWrap({ 7: torn, [slot]: { ...damage, header } }), context);
      expect(slotsDecided(decisions, "cut_torn")).toEqual([]);
      expect(slotsDecided(decisions, "vsr")).toEqual([7, slot]);
    }
  });

  test("more torn prepares than can have been in flight are damage", () => {
    const torn = (slot: number) => ({ header: prepare(slot), prepare: BAD });
    const two = decide(secondWrap({ 7: torn(7), 9: torn(9) }), CONTEXT);
    expect(slotsDecided(two, "cut_torn")).toEqual([7, 9]);
    const three = decide(secondWrap({ 7: torn(7), 9: torn(9), 10: torn(10) }), CONTEXT);
    expect(slotsDecided(three, "cut_torn")).toEqual([]);
    expect(slotsDecided(three, "vsr")).toEqual([7, 9, 10]);
  });

  describe("in the first wrap", () => {
    const context: DecisionContext = { ...CONTEXT, opCheckpoint: 0, opPrepareMax: 31 };
    const firstWrap = (changes: Readonly<Record<number, SlotEntries>>): SlotEntries[] =>
      Array.from({ length: COUNT }, (_, slot): SlotEntries => {
        if (slot in changes) return changes[slot] as SlotEntries;
        if (slot <= 24) return { header: prepare(slot), prepare: prepare(slot) };
        return { header: RESERVED, prepare: RESERVED };
      });

    test("a broken prepare right after the head is truncated by a replica that is alone, and by no other", () => {
      const entries = firstWrap({ 25: { header: RESERVED, prepare: BAD } });
      const alone = decide(entries, context);
      expect(alone.slots[25]?.case.label).toBe("@B");
      expect(slotsDecided(alone, "cut_torn")).toEqual([25]);
      const withPeers = decide(entries, { ...context, solo: false });
      expect(slotsDecided(withPeers, "cut_torn")).toEqual([]);
      expect(slotsDecided(withPeers, "vsr")).toEqual([25]);
    });

    test.each<[string, number, SlotEntries]>([
      ["further on", 26, { header: RESERVED, prepare: BAD }],
      ["with a broken header", 25, { header: BAD, prepare: BAD }],
      ["that is a whole one of another slot", 25, { header: RESERVED, prepare: FOREIGN }],
      ["whose header says that it was acknowledged", 25, { header: prepare(25), prepare: BAD }],
    ])("a broken prepare %s is damage", (_, slot, damage) => {
      const decisions = decide(firstWrap({ [slot]: damage }), context);
      expect(slotsDecided(decisions, "cut_torn")).toEqual([]);
      expect(slotsDecided(decisions, "vsr")).toEqual([slot]);
    });

    test("damage elsewhere after the head leaves the torn one in doubt, too", () => {
      const torn = { header: RESERVED, prepare: BAD };
      const decisions = decide(firstWrap({ 25: torn, 28: torn }), context);
      expect(slotsDecided(decisions, "cut_torn")).toEqual([]);
      expect(slotsDecided(decisions, "vsr")).toEqual([25, 28]);
    });
  });

  test("a log that ends with the checkpoint's op does not take that op for an older one", () => {
    // Checkpoint and op_prepare_max share slot 19 of this smallest log.
    const damaged = { header: prepare(19), prepare: BAD };
    const torn = { header: prepare(0), prepare: BAD };
    const entries = Array.from({ length: COUNT }, (_, slot): SlotEntries => {
      if (slot === 19) return damaged;
      if (slot === 0) return torn;
      if (slot < 19) return { header: prepare(slot), prepare: prepare(slot) };
      return { header: RESERVED, prepare: RESERVED };
    });
    const decisions = decide(entries, CONTEXT);
    expect(decisions.opMax).toBe(19);
    expect(slotsDecided(decisions, "cut_torn")).toEqual([0]);
    expect(slotsDecided(decisions, "vsr")).toEqual([19]);
  });

  test("a log that ends before the checkpoint, or beyond what it may hold, truncates nothing", () => {
    const torn = { header: prepare(7), prepare: BAD };
    const behind = decide(secondWrap({ 7: torn }), { ...CONTEXT, opCheckpoint: 39, opPrepareMax: 71 });
    expect(slotsDecided(behind, "cut_torn")).toEqual([]);
    const full = decide(secondWrap({ 7: torn }), { ...CONTEXT, opPrepareMax: 38, opCheckpoint: 19 });
    expect(slotsDecided(full, "cut_torn")).toEqual([]);
  });
});
