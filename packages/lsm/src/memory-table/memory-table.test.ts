import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { TestTables } from "../../test/tree-tables.ts";

describe("the mutable table", () => {
  test("makes runs as the example of spec 05 §23.3 says", () => {
    const tables = new TestTables("secondary");
    const state = (): unknown => [tables.keys(tables.mutable), tables.runEnds(tables.mutable)];
    tables.put(3, 1, 2);
    tables.sortSuffix();
    expect(state()).toEqual([[1, 2, 3], [3]]);
    tables.put(4, 5);
    expect(state()).toEqual([[1, 2, 3, 4, 5], [5]]);
    tables.put(-1, 6);
    expect(state()).toEqual([[1, 2, 3, 4, 5, -1, 6], [5]]);
    tables.sortSuffix();
    expect(state()).toEqual([
      [1, 2, 3, 4, 5, -1, 6],
      [5, 7],
    ]);
    tables.put(1);
    tables.sortSuffix();
    expect(state()).toEqual([
      [1, 2, 3, 4, 5, -1, 6, 1],
      [5, 7, 8],
    ]);
    tables.mutable.sort(tables.scratch);
    expect(state()).toEqual([[1, 2, 3, 4, 5, 6], [6]]);
  });

  test("a put and its tombstone in one op leave nothing", () => {
    const tables = new TestTables("secondary");
    tables.put(7, -7);
    tables.sortSuffix();
    expect([tables.mutable.count, tables.mutable.runCount]).toEqual([0, 0]);
  });

  test("an equal key does not extend a run", () => {
    const tables = new TestTables("object");
    tables.put(1, 2);
    tables.sortSuffix();
    tables.put(2, 3);
    expect(tables.runEnds(tables.mutable)).toEqual([2]);
    tables.sortSuffix();
    expect([tables.runEnds(tables.mutable), tables.mutable.count]).toEqual([[2, 4], 4]);
  });

  test("a lookup finds the newest value, a tombstone too, and nothing unsorted", () => {
    const tables = new TestTables("object");
    tables.put(1, 2);
    tables.sortSuffix();
    tables.put(-1, 9);
    expect(tables.find(tables.mutable, 1)).toBe(1);
    tables.sortSuffix();
    expect([1, 2, 3, 9].map((key) => tables.find(tables.mutable, key))).toEqual([-1, 2, null, 9]);
  });

  test("returns to where a scope began", () => {
    const tables = new TestTables("object");
    tables.put(1, 2);
    tables.sortSuffix();
    const saved = tables.mutable.save();
    tables.put(3, 1);
    tables.mutable.restore(saved);
    expect([tables.keys(tables.mutable), tables.runEnds(tables.mutable)]).toEqual([[1, 2], [2]]);
  });

  test("asserts that it is not overfilled", () => {
    const tables = new TestTables("object");
    for (let key = 1; key <= tables.schema.valueCountMax; key += 1) tables.put(key);
    expect(() => tables.put(1)).toThrow("is full");
  });
});

describe.each([
  ["in memory", false],
  ["on a disk", true],
])("the swap at the end of a bar, with older bars %s", (_, spills) => {
  test("exchanges the tables if the immutable one is flushed", () => {
    const tables = new TestTables("object", spills);
    tables.put(2, 1);
    tables.sortSuffix();
    tables.memory.swap(4, tables.scratch);
    expect([tables.immutableRuns(), tables.mutable.count]).toEqual([[[1, 2]], 0]);
    expect([tables.memory.flushed, tables.memory.snapshotMin]).toEqual([false, 4]);
  });

  test("absorbs the mutable table if it is not: one old run, then the new ones", () => {
    const tables = new TestTables("secondary", spills);
    tables.put(5, 6);
    tables.sortSuffix();
    tables.put(1);
    tables.sortSuffix();
    tables.memory.swap(4, tables.scratch);
    tables.put(-5);
    tables.sortSuffix();
    tables.memory.swap(8, tables.scratch);
    expect(tables.immutableRuns()).toEqual([[1, 5, 6], [-5]]);
    expect([tables.memory.snapshotMin, tables.memory.barsAbsorbed]).toEqual([8, 1]);
    expect(tables.immutable.spilled === null).toBe(!spills);
  });

  test("leaves an immutable table alone if there is nothing to absorb", () => {
    const tables = new TestTables("object", spills);
    tables.put(1);
    tables.sortSuffix();
    tables.memory.swap(4, tables.scratch);
    tables.memory.swap(8, tables.scratch);
    expect([tables.memory.snapshotMin, tables.immutable.count]).toEqual([4, 1]);
  });

  test("an old run can vanish: all that it had was removed since", () => {
    const tables = new TestTables("secondary", spills);
    for (const keys of [[1, 2], [-1, -2], [3]]) {
      tables.put(...keys);
      tables.sortSuffix();
      tables.memory.swap(4, tables.scratch);
    }
    expect(tables.immutableRuns()).toEqual([[3]]);
    expect(tables.immutable.count).toBe(1);
  });
});

test("runs are ascending and contiguous, and lookups are those of a map, whatever was put", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 20 }) },
    { weight: 2, arbitrary: fc.constant("suffix" as const) },
    { weight: 1, arbitrary: fc.constant("sort" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: "max" }), fc.boolean(), (steps, secondary) => {
      const tables = new TestTables(secondary ? "secondary" : "object");
      const model = new Map<number, boolean>();
      for (const each of steps) {
        if (each === "suffix") tables.sortSuffix();
        else if (each === "sort") tables.mutable.sort(tables.scratch);
        else {
          const live = secondary ? model.get(each) !== true : each % 3 > 0;
          tables.put(live ? each : -each);
          model.set(each, live);
        }
      }
      tables.sortSuffix();
      const keys = tables.keys(tables.mutable).map(Math.abs);
      const ends = tables.runEnds(tables.mutable);
      expect(ends.at(-1) ?? 0).toBe(keys.length);
      ends.forEach((end, run) => {
        const part = keys.slice(run === 0 ? 0 : ends[run - 1], end);
        expect(part).toEqual([...new Set(part)].toSorted((a, b) => a - b));
        expect(part.length).toBeGreaterThan(0);
      });
      for (const [key, live] of model) {
        const found = tables.find(tables.mutable, key);
        // What annihilated is not there at all.
        if (live) expect(found).toBe(key);
        else expect([null, -key]).toContain(found);
      }
    }),
    { numRuns: 200 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1) },
  );
});
