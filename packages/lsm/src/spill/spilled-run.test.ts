import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TestTables } from "../../test/tree-tables.ts";
import { KeyRange } from "../key.ts";

const propertyRuns = 100 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);

/** One bar after the other, in the same tables twice: in memory, and with the runs of older bars on a disk. */
class Twins {
  readonly inMemory: TestTables;
  readonly onDisk: TestTables;
  #snapshot = 4;

  constructor(usage: "object" | "secondary") {
    this.inMemory = new TestTables(usage);
    this.onDisk = new TestTables(usage, true);
  }

  bar(ops: readonly (readonly number[])[]): void {
    for (const tables of [this.inMemory, this.onDisk]) {
      for (const keys of ops) {
        tables.put(...keys);
        tables.sortSuffix();
      }
      tables.memory.swap(this.#snapshot, tables.scratch);
    }
    this.#snapshot += 4;
  }

  expectSame(keyMax: number): void {
    const { inMemory, onDisk } = this;
    expect(onDisk.immutableRuns()).toEqual(inMemory.immutableRuns());
    expect(onDisk.immutable.count).toBe(inMemory.immutable.count);
    for (let key = 1; key <= keyMax; key += 1) {
      expect(onDisk.find(onDisk.immutable, key)).toBe(inMemory.find(inMemory.immutable, key));
    }
    if (inMemory.immutable.count > 0) expect(keysOf(onDisk)).toEqual(keysOf(inMemory));
  }
}

/** The smallest and the greatest key. */
function keysOf({ kernels: { memory }, immutable, scratch }: TestTables): readonly bigint[] {
  const range = new KeyRange(memory, "test");
  immutable.keyRange(range, scratch);
  return [range.min, range.max].map((key) => memory.view.getBigUint64(key, true));
}

describe.each(["object", "secondary"] as const)("tables of %s values", (usage) => {
  const KEY_MAX = 40;

  test("are the same whether older bars are in memory or on a disk", () => {
    const key = fc.integer({ min: 1, max: KEY_MAX });
    const bars = fc.array(fc.array(fc.uniqueArray(key, { maxLength: 6 }), { maxLength: 4 }), {
      maxLength: 6,
      size: "max",
    });
    fc.assert(
      fc.property(bars, (keysOfBars) => {
        const twins = new Twins(usage);
        const live = new Set<number>();
        for (const ops of keysOfBars) {
          const signed = ops.map((keys) =>
            keys.map((number) => {
              // In a secondary index a put comes only to what is absent, and a tombstone only to what is there.
              const remove = usage === "secondary" ? live.has(number) : number % 3 === 0;
              if (remove) live.delete(number);
              else live.add(number);
              return remove ? -number : number;
            }),
          );
          twins.bar(signed);
          twins.expectSame(KEY_MAX);
        }
      }),
      { numRuns: propertyRuns },
    );
  });

  test("append where all that is younger is above, over many pages", () => {
    const twins = new Twins(usage);
    for (let bar = 0; bar < 7; bar += 1) twins.bar([Array.from({ length: 15 }, (_, number) => 1 + 15 * bar + number)]);
    twins.expectSame(110);
  });

  test.each([[[3]], [[3, 4]], [[1]], [[1, 3]], [[1, 2, 3]], [[2, 5]]])(
    "merge with %j where the run on the disk ends with 3",
    (removed) => {
      const twins = new Twins(usage);
      twins.bar([[1, 2, 3]]);
      // What was not there is put, and the rest is removed.
      twins.bar([removed.map((key) => (key > 3 ? key : -key))]);
      twins.bar([[9]]);
      twins.expectSame(10);
    },
  );
});

test("what comes back damaged ends the process with a line that says what to do", () => {
  const tables = new TestTables("object", true);
  const bar = (...keys: readonly number[]): void => {
    tables.put(...keys);
    tables.sortSuffix();
    tables.memory.swap(4, tables.scratch);
  };
  bar(1, 2, 3);
  bar(2);
  for (const [at, byte] of tables.disk.bytes.entries()) tables.disk.bytes[at] = byte ^ 1;
  // The run is read for the merge with the bar before.
  expect(() => bar(5)).toThrow("came back damaged; nothing is lost");
});

test("memory holds the last bar only, and what is on the disk is found", () => {
  const tables = new TestTables("object", true);
  for (let bar = 0; bar < 3; bar += 1) {
    tables.put(...Array.from({ length: 30 }, (_, number) => 1 + 30 * bar + number));
    tables.sortSuffix();
    tables.memory.swap(4 + bar, tables.scratch);
  }
  const [run] = tables.immutable.runs();
  expect(tables.immutable.spilled?.count).toBe(60);
  expect((run?.end ?? 0) - (run?.begin ?? 0)).toBe(30 * 16);
  expect([1, 60, 61, 91].map((key) => tables.find(tables.immutable, key))).toEqual([1, 60, 61, null]);
});
