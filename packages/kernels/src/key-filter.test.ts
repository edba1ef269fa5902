import { describe, expect, test } from "vitest";

import { KeyFilter } from "./key-filter.ts";
import { createKernels } from "./kernels.ts";
import type { Kernels } from "./kernels.ts";
import { LinearMemory } from "./linear-memory.ts";

const keyCount = 20_000;
const keySizeBytes = 16;

const kernels: Kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 8 << 20, shared: false }) });

/** Lanes in no order, the same in every run. */
function randomLane(number: number, lane: number): number {
  let mixed = Math.imul(number * 4 + lane + 1, 0x9e37_79b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca77);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Ids as clients make them: `number` in one lane, something else in the others. */
const kinds = {
  "ascending from 1": (number: number) => [number, 0, 0, 0],
  "numbers in the upper lane": (number: number) => [7, 0, 0, number],
  "time above, random below": (number: number) => [randomLane(number, 0), randomLane(number, 1), number >> 6, 5],
  "the same in all lanes": (number: number) => [number, number, number, number],
  random: (number: number) => [0, 1, 2, 3].map((lane) => randomLane(number, lane)),
};

describe.each(Object.entries(kinds))("a filter of ids: %s", (_, kind) => {
  test("has all that it was given, and few others", () => {
    const filter = new KeyFilter(kernels, keyCount, "test");
    const keys = kernels.memory.allocate(2 * keyCount * keySizeBytes, 16);
    for (let number = 0; number < 2 * keyCount; number++)
      kernels.memory.u32.set(kind(number + 1), keys / 4 + 4 * number);
    filter.addMany(keys, keySizeBytes, keyCount);
    const mayHave = Array.from({ length: 2 * keyCount }, (_, number) => filter.mayHave(keys + number * keySizeBytes));
    expect(mayHave.slice(0, keyCount).every(Boolean)).toBe(true);
    expect(mayHave.slice(keyCount).filter(Boolean).length / keyCount).toBeLessThan(0.03);
    const both = new KeyFilter(kernels, keyCount, "test");
    both.addAll(filter);
    expect(both.mayHave(keys)).toBe(true);
    filter.clear();
    expect([filter.mayHave(keys), both.mayHave(keys)]).toEqual([false, true]);
  });
});
