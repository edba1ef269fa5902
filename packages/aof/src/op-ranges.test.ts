import fc from "fast-check";
import { expect, test } from "vitest";
import { OpRanges } from "./op-ranges.ts";

const ops = fc.array(fc.nat(60), { maxLength: 80 });

test("ranges hold what a set of ops holds, and never touch", () => {
  fc.assert(
    fc.property(ops, (added) => {
      const ranges = new OpRanges();
      const model = new Set<number>();
      for (const op of added) {
        expect(ranges.add(op)).toBe(model.has(op) ? "known" : "added");
        model.add(op);
      }
      const held = ranges.ranges.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, index) => first + index),
      );
      expect(held).toEqual([...model].toSorted((a, b) => a - b));
      expect(ranges.count).toBe(model.size);
      for (const [index, { first }] of ranges.ranges.entries()) {
        expect(first).toBeGreaterThan((ranges.ranges[index - 1]?.last ?? -2) + 1);
      }
    }),
  );
});

test("the next op at or after another is found", () => {
  fc.assert(
    fc.property(ops, fc.nat(61), (added, from) => {
      const ranges = new OpRanges();
      for (const op of added) ranges.add(op);
      const expected = added.filter((op) => op >= from).toSorted((a, b) => a - b)[0] ?? null;
      expect(ranges.atOrAfter(from)).toBe(expected);
    }),
  );
});

test("a set that is full takes only ops that need no range more", () => {
  const ranges = new OpRanges(2);
  expect([1, 5, 9, 2, 4, 9, 3].map((op) => ranges.add(op))).toEqual([
    "added",
    "added",
    "full",
    "added",
    "added",
    "full",
    "added",
  ]);
  expect([ranges.add(9), ranges.count]).toEqual(["added", 6]);
});
