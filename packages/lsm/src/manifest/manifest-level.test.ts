import { LinearMemory, type Pointer } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { keyInteger } from "../key.ts";
import { ManifestLevel } from "./manifest-level.ts";
import { NodePool } from "./segmented-array.ts";
import { TableInfoPool, TableInfoView } from "./table-info.ts";
import { TableRange } from "./table-range.ts";

const runs = 150 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const KEY_MAX = 200;

interface ModelTable {
  readonly min: number;
  readonly max: number;
  readonly snapshotMin: number;
  snapshotMax: number;
  readonly info: Pointer;
}

/** A level beside a plain list. */
class Subject {
  readonly memory = new LinearMemory({ sizeBytes: 1 << 18, shared: false });
  readonly infos = new TableInfoView(this.memory);
  readonly pool = new TableInfoPool(this.memory, 500);
  readonly nodes = new NodePool(this.memory, 4, 1000);
  readonly range = new TableRange(this.memory, this.infos);
  readonly level: ManifestLevel = this.newLevel();
  readonly #keys = this.memory.allocate(96, 16);
  tables: ModelTable[] = [];
  #address = 0;

  newLevel(): ManifestLevel {
    return new ManifestLevel({ memory: this.memory, infos: this.infos, nodes: this.nodes });
  }

  key(key: number, slot = 0): Pointer {
    this.memory.view.setBigUint64(this.#keys + 32 * slot, BigInt(key), true);
    return this.#keys + 32 * slot;
  }

  insert(level: ManifestLevel, min: number, max: number, snapshotMin: number): ModelTable {
    const info = this.pool.allocate();
    this.#address += 1;
    this.infos.init(info, {
      keyMin: this.key(min, 0),
      keyMax: this.key(max, 1),
      checksum: this.#keys + 64,
      address: this.#address,
      snapshotMin,
      valueCount: max - min + 1,
      treeId: 1,
    });
    level.insert(info);
    return { min, max, snapshotMin, snapshotMax: Infinity, info };
  }

  live(): ModelTable[] {
    return this.tables.filter(({ snapshotMax }) => snapshotMax === Infinity).toSorted((a, b) => a.min - b.min);
  }
}

type Step =
  | { readonly do: "insert"; readonly min: number; readonly size: number }
  | { readonly do: "replace" | "remove"; readonly pick: number }
  | { readonly do: "bump" }
  | { readonly do: "purge" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("insert" as const),
      min: fc.nat({ max: KEY_MAX }),
      size: fc.nat({ max: 12 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("replace" as const, "remove" as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.constantFrom({ do: "bump" } as const, { do: "purge" } as const) },
);

function apply(subject: Subject, snapshot: number, each: Step): number {
  const live = subject.live();
  if (each.do === "bump") return snapshot + 1;
  if (each.do === "insert") {
    const max = each.min + each.size;
    if (live.some((table) => table.min <= max && each.min <= table.max)) return snapshot;
    subject.tables.push(subject.insert(subject.level, each.min, max, snapshot));
  } else if (each.do === "purge") {
    const replaced = subject.level.replacedIn(subject.key(0, 0), subject.key(KEY_MAX + 100, 1));
    const expected = subject.tables
      .filter(({ snapshotMax }) => snapshotMax < Infinity)
      .toSorted((a, b) => b.max - a.max || b.snapshotMin - a.snapshotMin);
    expect(replaced.map((info) => subject.infos.address(info))).toEqual(
      expected.map(({ info }) => subject.infos.address(info)),
    );
    for (const info of replaced) subject.level.remove(info);
    subject.tables = live;
  } else {
    const table = live[each.pick % Math.max(1, live.length)];
    if (table === undefined) return snapshot;
    if (each.do === "remove") {
      subject.level.remove(table.info);
      subject.tables = subject.tables.filter((other) => other !== table);
    } else {
      subject.level.setSnapshotMax(table.info, snapshot);
      table.snapshotMax = snapshot;
      // What replaces it is visible from the next snapshot on.
      return snapshot + 1;
    }
  }
  return snapshot;
}

function expectEqual(subject: Subject, snapshot: number, probes: readonly number[]): void {
  const { level, infos } = subject;
  const live = subject.live();
  level.check();
  expect(level.tableCount).toBe(subject.tables.length);
  expect(level.keyRangeLive.empty).toBe(live.length === 0);
  if (live.length > 0) {
    expect(Number(keyInteger(subject.memory, level.keyRangeLive.min))).toBe(live[0]?.min);
    expect(Number(keyInteger(subject.memory, level.keyRangeLive.max))).toBe(live.at(-1)?.max);
  }
  for (const probe of probes) {
    const has = live.find(({ min, max }) => min <= probe && probe <= max);
    expect(level.lookup(snapshot, subject.key(probe))).toBe(has?.info ?? 0);
    expect(level.nextAbove(subject.key(probe))).toBe(live.find(({ min }) => min > probe)?.info ?? 0);
    expect(level.nextBelow(subject.key(probe))).toBe(live.findLast(({ max }) => max < probe)?.info ?? 0);
    const end = probe + 15;
    const within = live.filter(({ min, max }) => min <= end && probe <= max);
    expect(level.edge(subject.key(probe, 0), subject.key(end, 1), "ascending")).toBe(within[0]?.info ?? 0);
    expect(level.edge(subject.key(probe, 0), subject.key(end, 1), "descending")).toBe(within.at(-1)?.info ?? 0);
    level.overlap(subject.key(probe, 0), subject.key(end, 1), subject.range);
    expect(subject.range.tables.map((info) => infos.address(info))).toEqual(
      within.map(({ info }) => infos.address(info)),
    );
    const min = Math.min(probe, ...within.map((table) => table.min));
    const max = Math.max(end, ...within.map((table) => table.max));
    expect(Number(keyInteger(subject.memory, subject.range.keys.min))).toBe(min);
    expect(Number(keyInteger(subject.memory, subject.range.keys.max))).toBe(max);
  }
}

describe("a level of a manifest", () => {
  test("has the tables of a list, and answers from them", () => {
    const probes = fc.array(fc.nat({ max: KEY_MAX + 20 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), probes, (steps, keys) => {
        const subject = new Subject();
        let snapshot = 1;
        for (const each of steps) {
          snapshot = apply(subject, snapshot, each);
          expectEqual(subject, snapshot, keys);
        }
      }),
      { numRuns: runs },
    );
  });

  test("chooses the table over the fewest others, the first of equals", () => {
    const subject = new Subject();
    const below = subject.newLevel();
    const level = subject.newLevel();
    const [wide, first] = [
      [0, 40],
      [50, 60],
      [70, 80],
    ].map(([min = 0, max = 0]) => subject.insert(level, min, max, 1));
    for (const [min = 0, max = 0] of [
      [0, 5],
      [10, 15],
      [55, 65],
      [75, 85],
    ])
      subject.insert(below, min, max, 1);
    expect(level.leastOverlap(below, 4, subject.range)).toBe(first?.info);
    expect(subject.range.tables.length).toBe(1);
    subject.insert(level, 90, 95, 1);
    expect(subject.infos.valueCount(level.leastOverlap(below, 4, subject.range))).toBe(6);
    expect(subject.range.tables).toEqual([]);
    expect(wide?.info).not.toBe(first?.info);
  });

  test("refuses a table that is there already, or is not", () => {
    const subject = new Subject();
    const table = subject.insert(subject.level, 1, 2, 1);
    expect(() => subject.level.insert(table.info)).toThrow("already");
    subject.level.remove(table.info);
    expect(() => subject.level.remove(table.info)).toThrow("is not in its level");
  });
});
