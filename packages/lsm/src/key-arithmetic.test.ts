import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { expect, test } from "vitest";
import { keyInteger } from "./key.ts";
import { decrementKey, incrementKey } from "./key-arithmetic.ts";

const LARGEST = (1n << 256n) - 1n;

function at(key: bigint): { memory: LinearMemory; pointer: number } {
  const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
  createKernels({ memory });
  const pointer = memory.allocate(32, 16, "test");
  for (let word = 0; word < 4; word += 1) {
    memory.view.setBigUint64(pointer + 8 * word, (key >> BigInt(64 * word)) & 0xffff_ffff_ffff_ffffn, true);
  }
  return { memory, pointer };
}

test.each([0n, 1n, (1n << 32n) - 1n, (1n << 64n) - 1n, (1n << 192n) - 1n, 1n << 128n])(
  "a key and the next: %d",
  (key) => {
    const { memory, pointer } = at(key);
    expect(incrementKey(memory.u32, pointer)).toBe(true);
    expect(keyInteger(memory, pointer)).toBe(key + 1n);
    expect(decrementKey(memory.u32, pointer)).toBe(true);
    expect(keyInteger(memory, pointer)).toBe(key);
  },
);

test("there is nothing beyond the ends", () => {
  const largest = at(LARGEST);
  expect(incrementKey(largest.memory.u32, largest.pointer)).toBe(false);
  const smallest = at(0n);
  expect(decrementKey(smallest.memory.u32, smallest.pointer)).toBe(false);
  expect(keyInteger(smallest.memory, smallest.pointer)).toBe(LARGEST);
});
