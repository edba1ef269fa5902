import { describe, expect, test } from "vitest";
import { slotAt, slotForOp, SlotRange } from "./slot.ts";

const COUNT = 8;
const slot = (index: number) => slotAt(index, COUNT);

describe("slots", () => {
  test("an op lives in the slot of its number modulo the number of slots", () => {
    expect([0, 7, 8, 17].map((op) => slotForOp(op, COUNT))).toEqual([0, 7, 0, 1]);
  });

  test("a slot beyond the ring is a mistake", () => {
    expect(() => slotAt(8, COUNT)).toThrow("slot 8 of 8");
    expect(() => slotForOp(-1, COUNT)).toThrow("not an op: -1");
  });

  test.each([
    { head: 2, tail: 5, members: [2, 3, 4, 5] },
    { head: 6, tail: 1, members: [0, 1, 6, 7] },
    { head: 3, tail: 3, members: [3] },
    { head: 4, tail: 3, members: [0, 1, 2, 3, 4, 5, 6, 7] },
  ])("the range from $head to $tail holds $members", ({ head, tail, members }) => {
    const range = new SlotRange(slot(head), slot(tail));
    expect(Array.from({ length: COUNT }, (_, index) => index).filter((index) => range.contains(slot(index)))).toEqual(
      members,
    );
  });
});
