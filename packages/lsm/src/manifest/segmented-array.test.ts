import { LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { expect, test } from "vitest";

import { NodePool, SegmentedArray } from "./segmented-array.ts";

const runs = 100 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);

function poolOf(nodeCapacity: number, nodeCount: number): NodePool {
  return new NodePool(new LinearMemory({ sizeBytes: 1 << 17, shared: false }), nodeCapacity, nodeCount);
}

test("does what an array does, and keeps its nodes half full", () => {
  const step = fc.record({ remove: fc.nat({ max: 9 }), at: fc.nat(), count: fc.integer({ min: 1, max: 12 }) });
  const capacity = fc.constantFrom(2, 4, 6, 16);
  fc.assert(
    fc.property(capacity, fc.array(step, { maxLength: 120, size: "max" }), (nodeCapacity, steps) => {
      const pool = poolOf(nodeCapacity, 2000);
      const array = new SegmentedArray(pool);
      const model: number[] = [];
      for (const [number, { remove, at, count }] of steps.entries()) {
        // First it grows, then it shrinks.
        const removes = remove < (number < steps.length / 2 ? 4 : 6);
        for (let each = 0; each < count; each += 1) {
          if (removes && model.length > 0) {
            const index = at % model.length;
            expect(array.remove(index)).toBe(model.splice(index, 1)[0]);
          } else if (!removes) {
            const index = at % (model.length + 1);
            array.insert(index, number * 100 + each);
            model.splice(index, 0, number * 100 + each);
          }
        }
        array.check();
        expect(array.length).toBe(model.length);
        expect([...array]).toEqual(model);
      }
      model.forEach((element, index) => expect(array.at(index)).toBe(element));
      while (array.length > 0) array.remove(array.length - 1);
      expect([array.nodeCount, pool.countUsed]).toEqual([0, 0]);
    }),
    { numRuns: runs },
  );
});

test("finds the first element that is not before a key", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 60 }), { maxLength: 80, size: "max" }), fc.nat({ max: 61 }), (elements, key) => {
      const array = new SegmentedArray(poolOf(4, 200));
      for (const element of elements)
        array.insert(
          array.partition((other) => other < element),
          element,
        );
      const sorted = elements.toSorted((a, b) => a - b);
      expect([...array]).toEqual(sorted);
      expect(array.partition((element) => element < key)).toBe(sorted.filter((element) => element < key).length);
    }),
    { numRuns: runs },
  );
});

test("a pool that is empty says so", () => {
  const array = new SegmentedArray(poolOf(2, 1));
  array.insert(0, 1);
  array.insert(0, 2);
  expect(() => array.insert(0, 3)).toThrow("all 1 nodes");
});
