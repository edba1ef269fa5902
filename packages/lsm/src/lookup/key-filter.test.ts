import { LinearMemory } from "@stagbeetle/kernels";
import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import type { TreeMemory } from "../memory-table/tree-memory.ts";
import { KeyFilter, MemoryFilter } from "./key-filter.ts";

const KEYS = 20_000;

const memoryOf = (): LinearMemory => new LinearMemory({ sizeBytes: 4 << 20, shared: false });

/** Ids as clients make them: `number` in one lane, something else in the others. */
const kinds = {
  "ascending from 1": (number: number) => [number, 0, 0, 0],
  "numbers in the upper lane": (number: number) => [7, 0, 0, number],
  "time above, random below": (number: number) => [
    Math.imul(number, 0x9e37_79b1),
    Math.imul(number, 77),
    number >> 6,
    5,
  ],
  "the same in all lanes": (number: number) => [number, number, number, number],
  random: (number: number) => {
    const random = new Random(number);
    return [random.index(2 ** 31), random.index(2 ** 31), random.index(2 ** 31), random.index(2 ** 31)];
  },
};

describe.each(Object.entries(kinds))("a filter of ids: %s", (_, kind) => {
  test("has all that it was given, and few others", () => {
    const filter = new KeyFilter(memoryOf(), KEYS, "test");
    for (let number = 1; number <= KEYS; number += 1) filter.add(Uint32Array.from(kind(number)), 0);
    for (let number = 1; number <= KEYS; number += 1)
      expect(filter.mayHave(Uint32Array.from(kind(number)), 0)).toBe(true);
    let wrong = 0;
    for (let number = KEYS + 1; number <= 2 * KEYS; number += 1) {
      if (filter.mayHave(Uint32Array.from(kind(number)), 0)) wrong += 1;
    }
    expect(wrong / KEYS).toBeLessThan(0.03);
    filter.clear();
    expect(filter.mayHave(Uint32Array.from(kind(1)), 0)).toBe(false);
  });
});

test("filters follow their tables: exchanged, absorbed, or left alone", () => {
  const tables = { snapshotMin: 0, barsAbsorbed: 0 };
  const filter = new MemoryFilter(memoryOf(), tables as TreeMemory, 100, "test");
  const key = (number: number): Uint32Array => Uint32Array.of(number, 0, 0, 0);
  const known = (): number[] => [1, 2, 3, 4].filter((number) => filter.immutableMayHave(key(number), 0));
  const endBar = (snapshotMin: number, barsAbsorbed: number): void => {
    Object.assign(tables, { snapshotMin, barsAbsorbed });
    filter.barEnded();
  };
  filter.put(key(1), 0);
  expect(known()).toEqual([]);
  endBar(4, 0);
  expect(known()).toEqual([1]);
  // The immutable table was not flushed: it takes in what was put, or stays as it is if nothing was.
  filter.put(key(2), 0);
  endBar(8, 1);
  expect(known()).toEqual([1, 2]);
  endBar(8, 1);
  expect(known()).toEqual([1, 2]);
  filter.put(key(3), 0);
  endBar(16, 0);
  expect(known()).toEqual([3]);
  // Nothing was put, and the table was not flushed for the first time.
  endBar(16, 0);
  expect(known()).toEqual([3]);
  endBar(24, 0);
  expect(known()).toEqual([]);
  filter.put(key(4), 0);
  filter.reset();
  endBar(28, 0);
  expect(known()).toEqual([]);
});
