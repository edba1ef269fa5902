import { propertyRuns } from "@stagbeetle/kernels/testing";
import { createKernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Tables } from "../../test/builders.ts";
import { keyInteger } from "../key.ts";
import { ManifestLevel, type ManifestMemory } from "./manifest-level.ts";
import { NodePool } from "./segmented-array.ts";
import { TableInfoPool, TableInfoView } from "./table-info.ts";
import { TableRange } from "./table-range.ts";

const TABLES_MAX = 1024;
const NODE_CAPACITY = 8;
const GROWTH_FACTOR = 4;

const memory = new LinearMemory({ sizeBytes: 1 << 24, shared: false });
const infos = new TableInfoView(memory);
const nodes = new NodePool(memory, NODE_CAPACITY, NodePool.nodeCountFor(2 * TABLES_MAX, 2, NODE_CAPACITY));
const pool = new TableInfoPool(memory, 2 * TABLES_MAX);
const tables = new Tables(memory, infos, pool);
const { keys } = tables;
const manifestMemory: ManifestMemory = { kernels: createKernels({ memory }), memory, infos, nodes };
const level = new ManifestLevel(manifestMemory);
const below = new ManifestLevel(manifestMemory);
const range = new TableRange(memory, infos);
let addressNext = 1;

beforeEach(reset);

function reset(): void {
  level.clear();
  below.clear();
  pool.reset();
  addressNext = 1;
}

function make(keyMin: number, keyMax: number, snapshotMin = 1, valueCount = 1): Pointer {
  addressNext += 1;
  return tables.make({ keyMin, keyMax, address: addressNext, snapshotMin, valueCount });
}

/** Adds a live table. */
function add(to: ManifestLevel, keyMin: number, keyMax: number, snapshotMin = 1): Pointer {
  const table = make(keyMin, keyMax, snapshotMin);
  to.insert(table);
  return table;
}

/** The keys of a table, or "none". */
function spans(table: Pointer): string {
  return table === 0 ? "none" : `${keyInteger(memory, infos.keyMin(table))}-${keyInteger(memory, infos.keyMax(table))}`;
}

function rangeSpans(): { keys: string; tables: string[] } {
  const { min, max } = range.keys;
  return { keys: `${keyInteger(memory, min)}-${keyInteger(memory, max)}`, tables: range.tables.map(spans) };
}

describe("a manifest level", () => {
  test("orders tables by last key and then by first snapshot", () => {
    const old = add(level, 5, 9, 4);
    level.setSnapshotMax(old, 7);
    for (const [keyMin, keyMax] of [
      [20, 30],
      [1, 3],
      [5, 9],
    ] as const) {
      add(level, keyMin, keyMax, 8);
    }
    expect([...level].map((table) => `${spans(table)}@${infos.snapshotMin(table)}`)).toEqual([
      "1-3@8",
      "5-9@4",
      "5-9@8",
      "20-30@8",
    ]);
  });

  test("refuses a live table with keys of another", () => {
    add(level, 5, 9);
    for (const [keyMin, keyMax] of [
      [9, 12],
      [1, 5],
      [6, 7],
      [1, 20],
    ] as const) {
      expect(() => add(level, keyMin, keyMax)).toThrow("has keys of live table");
    }
  });

  test("refuses a table twice, and to remove one that it does not have", () => {
    const table = add(level, 5, 9);
    expect(() => level.insert(table)).toThrow("in its level already");
    level.remove(table);
    expect(() => level.remove(table)).toThrow("not in its level");
    expect(() => level.setSnapshotMax(table, 9)).toThrow("not in its level");
  });

  test("finds the table of a key as each snapshot sees it", () => {
    const old = add(level, 10, 30, 4);
    level.setSnapshotMax(old, 7);
    const left = add(level, 10, 19, 8);
    const right = add(level, 25, 30, 8);
    const found = (snapshot: number, key: number): Pointer => level.lookup(snapshot, keys.of(key));
    expect([found(3, 12), found(4, 12), found(7, 22), found(8, 12), found(8, 22), found(8, 25)]).toEqual([
      0,
      old,
      old,
      left,
      0,
      right,
    ]);
    expect([found(8, 9), found(8, 31)]).toEqual([0, 0]);
  });

  test("keeps the key range of live tables only", () => {
    const first = add(level, 1, 3);
    const middle = add(level, 10, 20);
    const last = add(level, 30, 40);
    level.setSnapshotMax(first, 5);
    level.check();
    expect(level.keyRangeLive.contains(keys.of(9))).toBe(false);
    expect(level.keyRangeLive.contains(keys.of(10))).toBe(true);
    level.remove(last);
    expect(level.keyRangeLive.contains(keys.of(21))).toBe(false);
    level.remove(middle);
    expect(level.keyRangeLive.empty).toBe(true);
    expect([level.tableCount, level.tableCountLive, level.valueCountLive]).toEqual([1, 0, 0]);
  });

  test("widens an overlap to its tables, but takes no table of the widened part only", () => {
    for (const [keyMin, keyMax] of [
      [1, 3],
      [5, 10],
      [12, 20],
      [22, 30],
    ] as const) {
      add(level, keyMin, keyMax);
    }
    level.overlap(keys.of(10), keys.of(12), range);
    expect(rangeSpans()).toEqual({ keys: "5-20", tables: ["5-10", "12-20"] });
    level.overlap(keys.of(31), keys.of(33), range);
    expect(rangeSpans()).toEqual({ keys: "31-33", tables: [] });
    // The range's own keys as bounds.
    range.keys.set(keys.of(2), keys.of(6));
    level.overlap(range.keys.min, range.keys.max, range);
    expect(rangeSpans()).toEqual({ keys: "1-10", tables: ["1-3", "5-10"] });
  });

  test("chooses the table over the fewest others, and of equals the one with the smallest keys", () => {
    for (const [keyMin, keyMax] of [
      [0, 9],
      [10, 19],
      [20, 29],
      [30, 39],
    ] as const) {
      add(level, keyMin, keyMax);
    }
    for (const key of [1, 4, 7, 11, 18, 22, 29, 33, 34, 35]) add(below, key, key);
    expect(spans(level.leastOverlap(below, GROWTH_FACTOR, range))).toBe("10-19");
    expect(rangeSpans()).toEqual({ keys: "10-19", tables: ["11-11", "18-18"] });
  });

  test("chooses a table over none as soon as there is one", () => {
    add(level, 0, 9);
    add(level, 10, 19);
    add(level, 20, 29);
    add(below, 5, 6);
    expect(spans(level.leastOverlap(below, GROWTH_FACTOR, range))).toBe("10-19");
    expect(range.tables).toEqual([]);
  });

  test("counts a table below under each table that it is under", () => {
    add(level, 0, 9);
    add(level, 10, 19);
    add(below, 2, 3);
    add(below, 5, 25);
    expect(spans(level.leastOverlap(below, GROWTH_FACTOR, range))).toBe("10-19");
    expect(rangeSpans()).toEqual({ keys: "5-25", tables: ["5-25"] });
  });

  test("does not choose a table over more than a compaction can take", () => {
    add(level, 0, 99);
    for (let key = 0; key < 5; key += 1) add(below, 10 * key, 10 * key);
    expect(() => level.leastOverlap(below, GROWTH_FACTOR, range)).toThrow("over 4 others at most");
    expect(spans(level.leastOverlap(below, 5, range))).toBe("0-99");
  });

  test("gives replaced tables of a range from the last to the first", () => {
    const replaced = [add(level, 1, 4), add(level, 6, 9), add(level, 12, 15)];
    for (const table of replaced) level.setSnapshotMax(table, 5);
    add(level, 1, 7, 6);
    add(level, 8, 15, 6);
    expect(level.replacedIn(keys.of(1), keys.of(15)).map(spans)).toEqual(["12-15", "6-9", "1-4"]);
    expect(level.replacedIn(keys.of(5), keys.of(9)).map(spans)).toEqual(["6-9"]);
    expect(() => level.replacedIn(keys.of(2), keys.of(9))).toThrow("outside of the range");
  });
});

/** What the model knows of a table. */
interface ModelTable {
  readonly table: Pointer;
  readonly keyMin: number;
  readonly keyMax: number;
  readonly snapshotMin: number;
  snapshotMax: number;
}

const SPAN_MAX = 7;
const SLOTS = 150;

/** A level's model: a plain list in the level's order, and the answers found by looking at every table. */
class Model {
  readonly tables: ModelTable[] = [];

  get live(): ModelTable[] {
    return this.tables.filter(({ snapshotMax }) => snapshotMax === Infinity);
  }

  insert(entry: ModelTable): void {
    this.tables.push(entry);
    this.tables.sort((a, b) => a.keyMax - b.keyMax || a.snapshotMin - b.snapshotMin);
  }

  remove(entry: ModelTable): void {
    this.tables.splice(this.tables.indexOf(entry), 1);
  }

  in(min: number, max: number): ModelTable[] {
    return this.live.filter(({ keyMin, keyMax }) => keyMin <= max && keyMax >= min);
  }

  at(snapshot: number, key: number): Pointer {
    const found = this.tables.filter(
      ({ keyMin, keyMax, snapshotMin, snapshotMax }) =>
        keyMin <= key && key <= keyMax && snapshotMin <= snapshot && snapshot <= snapshotMax,
    );
    expect(found.length).toBeLessThanOrEqual(1);
    return found[0]?.table ?? 0;
  }
}

const steps = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 8, arbitrary: fc.constant("insert" as const) },
      { weight: 5, arbitrary: fc.constant("replace" as const) },
      { weight: 3, arbitrary: fc.constant("snapshot" as const) },
      { weight: 3, arbitrary: fc.constant("removeReplaced" as const) },
      { weight: 3, arbitrary: fc.constant("removeLive" as const) },
    ),
    all: fc.boolean(),
    slots: fc.array(fc.tuple(fc.nat(SLOTS - 1), fc.nat(SPAN_MAX - 1), fc.nat(SPAN_MAX - 1)), {
      minLength: 1,
      maxLength: 10,
    }),
    query: fc.tuple(fc.nat(SLOTS * SPAN_MAX), fc.nat(3 * SPAN_MAX)),
  }),
  { minLength: 10, maxLength: 60 },
);

function expectQueries(model: Model, [from, size]: readonly [number, number], snapshot: number): void {
  const [min, max] = [keys.of(from), keys.of(from + size)];
  const inRange = model.in(from, from + size);
  const { live } = model;
  expect(level.edge(min, max, "ascending")).toBe(inRange[0]?.table ?? 0);
  expect(level.edge(min, max, "descending")).toBe(inRange.at(-1)?.table ?? 0);
  expect(level.overlaps(min, max)).toBe(inRange.length > 0);
  expect(level.nextAbove(min)).toBe(live.find(({ keyMin }) => keyMin > from)?.table ?? 0);
  expect(level.nextBelow(min)).toBe(live.findLast(({ keyMax }) => keyMax < from)?.table ?? 0);
  level.overlap(min, max, range);
  expect(range.tables).toEqual(inRange.map(({ table }) => table));
  expect(rangeSpans().keys).toBe(
    `${Math.min(from, ...inRange.map(({ keyMin }) => keyMin))}-${Math.max(from + size, ...inRange.map(({ keyMax }) => keyMax))}`,
  );
  for (const seen of [snapshot, snapshot - 1, Number.MAX_SAFE_INTEGER]) {
    // A level whose live tables do not span the key has no live table with it; replaced ones leave before anyone asks.
    if (level.keyRangeLive.contains(min)) expect(level.lookup(seen, min)).toBe(model.at(seen, from));
  }
}

describe("a manifest level under random changes", () => {
  test("gives the same answers as a list of its tables", () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        reset();
        const model = new Model();
        let snapshot = 2;
        for (const { kind, all, slots, query } of sequence) {
          const chosen = <Element>(elements: readonly Element[]): Element[] =>
            elements.filter((_, index) => all || slots.some(([slot]) => slot % 3 === index % 3));
          if (kind === "snapshot") snapshot += 1;
          for (const [slot, a, b] of kind === "insert" ? slots : []) {
            const keyMin = slot * SPAN_MAX + Math.min(a, b);
            const keyMax = slot * SPAN_MAX + Math.max(a, b);
            // One version a slot and snapshot, and none while the slot is live.
            const busy = ({ table, snapshotMin }: ModelTable): boolean =>
              Math.floor(Number(keyInteger(memory, infos.keyMin(table))) / SPAN_MAX) === slot &&
              (infos.isLive(table) || infos.snapshotMax(table) >= snapshot || snapshotMin === snapshot);
            if (model.tables.some(busy) || model.tables.length === TABLES_MAX) continue;
            const table = make(keyMin, keyMax, snapshot, 1 + a);
            level.insert(table);
            model.insert({ table, keyMin, keyMax, snapshotMin: snapshot, snapshotMax: Infinity });
          }
          for (const entry of kind === "replace" ? chosen(model.live) : []) {
            if (entry.snapshotMin === snapshot) continue;
            level.setSnapshotMax(entry.table, snapshot);
            entry.snapshotMax = snapshot;
          }
          if (kind === "removeReplaced") {
            const replaced = model.tables.filter(({ snapshotMax }) => snapshotMax < Infinity);
            const found = level.replacedIn(keys.of(0), keys.of(SLOTS * SPAN_MAX));
            expect(found).toEqual(replaced.map(({ table }) => table).toReversed());
            for (const entry of chosen(replaced.toReversed())) {
              level.remove(entry.table);
              model.remove(entry);
              pool.free(entry.table);
            }
          }
          for (const entry of kind === "removeLive" ? chosen(model.live) : []) {
            level.remove(entry.table);
            model.remove(entry);
            pool.free(entry.table);
          }
          level.check();
          expect([...level]).toEqual(model.tables.map(({ table }) => table));
          expect(level.tableCountLive).toBe(model.live.length);
          expectQueries(model, query, snapshot);
        }
        while (level.tableCount > 0) level.remove([...level].at(-1) ?? 0);
        expect(level.keyRangeLive.empty).toBe(true);
      }),
      { numRuns: propertyRuns(60) },
    );
  });

  test("chooses the same table to compact as counting all overlaps does", () => {
    const spansOf = fc
      .uniqueArray(fc.nat(300), { minLength: 2, maxLength: 80 })
      .map((bounds) => bounds.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(spansOf, spansOf, (boundsA, boundsB) => {
        reset();
        const models = [level, below].map((to, which) => {
          const bounds = which === 0 ? boundsA : boundsB;
          const model = new Model();
          for (let at = 0; at + 1 < bounds.length; at += 2) {
            const [keyMin, keyMax] = [bounds[at] as number, bounds[at + 1] as number];
            const entry = { table: make(keyMin, keyMax, 2), keyMin, keyMax, snapshotMin: 2, snapshotMax: Infinity };
            to.insert(entry.table);
            model.insert(entry);
            // Some replaced tables in between, which must not count.
            if (at % 3 === 0) {
              to.setSnapshotMax(entry.table, 9);
              entry.snapshotMax = 9;
            }
          }
          return model;
        });
        const [modelA, modelB] = models as [Model, Model];
        const counted = modelA.live.map(({ table, keyMin, keyMax }) => ({
          table,
          count: modelB.in(keyMin, keyMax).length,
        }));
        const choices = counted.filter(({ count }) => count <= GROWTH_FACTOR);
        const least = Math.min(...choices.map(({ count }) => count));
        const expected = choices.find(({ count }) => count === least);
        if (expected === undefined) {
          expect(() => level.leastOverlap(below, GROWTH_FACTOR, range)).toThrow("others at most");
          return;
        }
        expect(level.leastOverlap(below, GROWTH_FACTOR, range)).toBe(expected.table);
        expect(range.tables).toHaveLength(least);
      }),
      { numRuns: propertyRuns(150) },
    );
  });
});
