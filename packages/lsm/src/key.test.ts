import { LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { expect, test } from "vitest";

import { compareKeys, keyAfter, keyBefore, keyInteger, KeyRange } from "./key.ts";

const memory = new LinearMemory({ sizeBytes: 1 << 16, shared: false });
const slots = memory.allocate(96, 16);
const anyKey = fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: (1n << 256n) - 2n }));

function write(slot: number, key: bigint): number {
  for (let word = 0; word < 4; word += 1) {
    memory.view.setBigUint64(slots + 32 * slot + 8 * word, BigInt.asUintN(64, key >> BigInt(64 * word)), true);
  }
  return slots + 32 * slot;
}

test("keys compare as integers, and have neighbours", () => {
  fc.assert(
    fc.property(anyKey, anyKey, (a, b) => {
      const order = compareKeys(memory.u32, write(0, a), write(1, b));
      expect(Math.sign(order)).toBe(a < b ? -1 : Number(a > b));
      keyAfter(memory.u32, slots + 64, slots);
      expect(keyInteger(memory, slots + 64)).toBe(a + 1n);
      expect(keyBefore(memory.u32, slots + 64, slots)).toBe(a > 0n);
      if (a > 0n) expect(keyInteger(memory, slots + 64)).toBe(a - 1n);
    }),
  );
});

test("a range spans what it was extended by", () => {
  const range = new KeyRange(memory, "test");
  expect([range.empty, range.contains(slots)]).toEqual([true, false]);
  fc.assert(
    fc.property(fc.array(anyKey, { minLength: 1, maxLength: 8 }), anyKey, (keys, probe) => {
      range.clear();
      for (const key of keys) range.extend(write(0, key), write(0, key));
      const sorted = keys.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
      const [min = 0n] = sorted;
      const max = sorted.at(-1) ?? 0n;
      expect([keyInteger(memory, range.min), keyInteger(memory, range.max)]).toEqual([min, max]);
      expect(range.contains(write(1, probe))).toBe(min <= probe && probe <= max);
    }),
  );
});
