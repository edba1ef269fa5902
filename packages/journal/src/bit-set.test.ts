import { propertyRuns, testMemory } from "@stagbeetle/kernels/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BitSet } from "./bit-set.ts";

test("a bit set behaves like a set of integers", () => {
  const change = fc.record({ kind: fc.constantFrom("set", "clear", "toggle"), index: fc.nat({ max: 69 }) });
  fc.assert(
    fc.property(fc.array(change), fc.nat({ max: 69 }), (changes, from) => {
      const bits = new BitSet(testMemory(64), 70, "bits");
      const model = new Set<number>();
      for (const { kind, index } of changes) {
        const value = kind === "set" || (kind === "toggle" && !model.has(index));
        bits.assign(index, value);
        if (value) model.add(index);
        else model.delete(index);
        expect(bits.bit(index)).toBe(value);
      }
      expect(bits.count).toBe(model.size);
      const above = [...model].filter((index) => index >= from);
      expect(bits.next(from)).toBe(above.length === 0 ? null : Math.min(...above));
    }),
    { numRuns: propertyRuns(100) },
  );
});

test("filling sets every bit and no more", () => {
  const bits = new BitSet(testMemory(64), 33, "bits");
  bits.fill();
  expect(bits.count).toBe(33);
  expect(() => bits.bit(33)).toThrow("bit 33 of 33");
});
