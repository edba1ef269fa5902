import { propertyRuns } from "@stagbeetle/kernels/testing";
import { LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NodePool, nodeCountMax, SegmentedArray } from "./segmented-array.ts";

/** Node sizes of the model tests; every one with a pool of exactly as many nodes as the array may need. */
const shapes = fc.record({
  nodeCapacity: fc.constantFrom(2, 4, 8, 16),
  elementCountMax: fc.constantFrom(1, 3, 8, 30, 64),
  sorted: fc.boolean(),
  seed: fc.array(fc.nat(0xffff), { minLength: 400, maxLength: 400 }),
});

function arrayOf(nodeCapacity: number, elementCountMax: number): { array: SegmentedArray; pool: NodePool } {
  const memory = new LinearMemory({ sizeBytes: 1 << 18, shared: false });
  const pool = new NodePool(memory, nodeCapacity, Math.max(1, nodeCountMax(elementCountMax, nodeCapacity)));
  return { array: new SegmentedArray(pool), pool };
}

const before = (element: number, wanted: number): boolean => element < wanted;

function lowerBound(elements: readonly number[], wanted: number): number {
  return elements.filter((element) => element < wanted).length;
}

function expectEqual(array: SegmentedArray, model: readonly number[]): void {
  array.check();
  expect(array.length).toBe(model.length);
  expect([...array]).toEqual(model);
  const backwards = model.map((_, index) => array.at(model.length - 1 - index));
  expect(backwards).toEqual(model.toReversed());
}

describe("a segmented array", () => {
  test("equals a plain array after any inserts and removes", () => {
    fc.assert(
      fc.property(shapes, ({ nodeCapacity, elementCountMax, sorted, seed }) => {
        const { array, pool } = arrayOf(nodeCapacity, elementCountMax);
        const model: number[] = [];
        let draws = 0;
        const draw = (limit: number): number => (seed[draws++ % seed.length] as number) % limit;
        const insert = (): void => {
          if (model.length === elementCountMax) return;
          const element = draw(2 * elementCountMax);
          const at = sorted ? array.partition(before, element) : draw(model.length + 1);
          array.insert(at, element);
          model.splice(at, 0, element);
        };
        const remove = (): void => {
          if (model.length === 0) return;
          const at = draw(model.length);
          expect(array.remove(at)).toBe(model.splice(at, 1)[0]);
        };
        for (let step = 0; step < 4 * elementCountMax; step += 1) {
          const inserts = draw(10) < (step < 2 * elementCountMax ? 6 : 4);
          for (let repeat = draw(3 * nodeCapacity); repeat >= 0; repeat -= 1) {
            if (inserts) insert();
            else remove();
          }
          expectEqual(array, model);
          if (!sorted) continue;
          for (const wanted of [0, draw(2 * elementCountMax), 0xffff_ffff]) {
            expect(array.partition(before, wanted)).toBe(lowerBound(model, wanted));
          }
        }
        while (model.length > 0) remove();
        expect(array.nodeCount).toBe(0);
        expect(pool.countUsed).toBe(0);
      }),
      { numRuns: propertyRuns(25) },
    );
  });

  test("can need exactly as many nodes as are computed", () => {
    for (const nodeCapacity of [4, 8, 16]) {
      const half = nodeCapacity / 2;
      const { array } = arrayOf(nodeCapacity, 8 * nodeCapacity);
      // Always in front: all nodes but the first are half full then. The last gives all but one of its elements to the first.
      while (array.nodeCount < 6) array.insert(0, array.length);
      for (let moved = 1; moved < half; moved += 1) array.insert(0, array.remove(array.length - 1));
      array.insert(0, array.length);
      array.check();
      expect(array.nodeCount).toBe(nodeCountMax(array.length, nodeCapacity));
    }
  });

  test("gives its nodes back when it is cleared", () => {
    const { array, pool } = arrayOf(4, 64);
    for (let element = 0; element < 64; element += 1) array.insert(element, element);
    array.clear();
    expect([array.length, pool.countUsed]).toEqual([0, 0]);
    array.insert(0, 7);
    expect([...array]).toEqual([7]);
  });

  test("refuses places that it does not have", () => {
    const { array } = arrayOf(4, 4);
    expect(() => array.at(0)).toThrow("element 0 of 0");
    expect(() => array.remove(0)).toThrow("element 0 of 0");
    expect(() => array.insert(1, 7)).toThrow("insert at 1 of 0");
  });

  test("says so when its pool is empty", () => {
    const { array } = arrayOf(4, 4);
    const fill = (): void => {
      for (let element = 0; element <= 2 * 4; element += 1) array.insert(0, element);
    };
    expect(fill).toThrow("all 2 nodes of the manifest are in use");
  });

  test("shares a pool that is large enough for all arrays together", () => {
    const memory = new LinearMemory({ sizeBytes: 1 << 18, shared: false });
    const elementCount = 50;
    const arrayCount = 7;
    const pool = new NodePool(memory, 4, NodePool.nodeCountFor(elementCount, arrayCount, 4));
    const arrays = Array.from({ length: arrayCount }, () => new SegmentedArray(pool));
    for (let element = 0; element < elementCount; element += 1) arrays[element % arrayCount]?.insert(0, element);
    expect(pool.countUsed).toBeLessThanOrEqual(pool.nodeCount);
    expect(arrays.reduce((sum, { length }) => sum + length, 0)).toBe(elementCount);
  });
});
