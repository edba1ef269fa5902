import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { expect, test } from "vitest";

import type { TreeMemory } from "../memory-table/tree-memory.ts";
import { MemoryFilter } from "./key-filter.ts";

test("filters follow their tables: exchanged, absorbed, or left alone", () => {
  const tables = { snapshotMin: 0, barsAbsorbed: 0 };
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 1 << 20, shared: false }) });
  const filter = new MemoryFilter(kernels, tables as TreeMemory, 100, "test");
  const pointer = kernels.memory.allocate(16, 16);
  const key = (number: number): number => {
    kernels.memory.u32.set([number, 0, 0, 0], pointer / 4);
    return pointer;
  };
  const put = (number: number): void => filter.put(key(number), 32, 1);
  const known = (): number[] => [1, 2, 3, 4].filter((number) => filter.immutableMayHave(key(number)));
  const endBar = (snapshotMin: number, barsAbsorbed: number): void => {
    Object.assign(tables, { snapshotMin, barsAbsorbed });
    filter.barEnded();
  };
  put(1);
  expect(known()).toEqual([]);
  endBar(4, 0);
  expect(known()).toEqual([1]);
  // The immutable table was not flushed: it takes in what was put, or stays as it is if nothing was.
  put(2);
  endBar(8, 1);
  expect(known()).toEqual([1, 2]);
  endBar(8, 1);
  expect(known()).toEqual([1, 2]);
  put(3);
  endBar(16, 0);
  expect(known()).toEqual([3]);
  // Nothing was put, and the table was not flushed for the first time.
  endBar(16, 0);
  expect(known()).toEqual([3]);
  endBar(24, 0);
  expect(known()).toEqual([]);
  put(4);
  filter.reset();
  endBar(28, 0);
  expect(known()).toEqual([]);
});
