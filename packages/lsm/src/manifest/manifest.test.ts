import { createKernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { Tables } from "../../test/builders.ts";
import { KeyRange } from "../key.ts";
import { tablesPerLevelMax } from "./level-limits.ts";
import { Manifest } from "./manifest.ts";
import { NodePool } from "./segmented-array.ts";
import { ManifestEvent, TableInfoPool, TableInfoView } from "./table-info.ts";

const TABLES_MAX = 256;
const NODE_CAPACITY = 8;

const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const infos = new TableInfoView(memory);
const pool = new TableInfoPool(memory, TABLES_MAX);
const nodes = new NodePool(memory, NODE_CAPACITY, NodePool.nodeCountFor(TABLES_MAX, 14, NODE_CAPACITY));
const tables = new Tables(memory, infos, pool);
const { keys } = tables;
const options = { kernels: createKernels({ memory }), memory, infos, nodes, config: TEST_MIN, name: "Transfer.id" };
const general = new Manifest({ ...options, annihilates: false });
const secondary = new Manifest({ ...options, annihilates: true });
const keyRange = new KeyRange(memory, "test");
let addressNext = 1;

beforeEach(() => {
  general.clear();
  secondary.clear();
  pool.reset();
  addressNext = 1;
});

/** A table as a manifest log has it. */
function logged(level: number, keyMin: number, keyMax: number, snapshotMin = 1): Pointer {
  const table = tables.make({ keyMin, keyMax, address: addressNext++, snapshotMin });
  infos.setLabel(table, ManifestEvent.update, level);
  return table;
}

describe("a manifest", () => {
  test("has a level for each that is configured", () => {
    expect(general.levels).toHaveLength(TEST_MIN.cluster.lsmLevels);
    expect(() => general.level(7)).toThrow("Transfer.id has no level 7");
  });

  test("restores tables to the level of their last entry", () => {
    general.restore(logged(0, 1, 5));
    general.restore(logged(2, 1, 5));
    expect(general.levels.map(({ tableCount }) => tableCount)).toEqual([1, 0, 1, 0, 0, 0, 0]);
    expect(general.tableCount).toBe(2);
    expect(general.describe()).toBe("Transfer.id: 1 0 1 0 0 0 0");
  });

  test("restores no table that cannot be one", () => {
    expect(() => general.restore(logged(7, 1, 5))).toThrow("level is 7");
  });

  test("searches its levels from the top, at most one table each", () => {
    const top = logged(0, 10, 20, 8);
    const middle = logged(1, 1, 15, 4);
    const bottom = logged(2, 12, 30, 1);
    for (const table of [bottom, top, middle]) general.restore(table);
    const path = (snapshot: number, key: number): Pointer[] => {
      const found: Pointer[] = [];
      let table = general.lookup(snapshot, keys.of(key));
      while (table !== 0) {
        found.push(table);
        table = general.lookup(snapshot, keys.of(key), infos.level(table) + 1);
      }
      return found;
    };
    expect(path(8, 13)).toEqual([top, middle, bottom]);
    expect(path(7, 13)).toEqual([middle, bottom]);
    expect(path(8, 18)).toEqual([top, bottom]);
    expect(path(8, 31)).toEqual([]);
  });

  test("has the key range of all its live tables once it is open", () => {
    keyRange.set(keys.of(500), keys.of(600));
    general.opened(keyRange);
    expect(keyRange.empty).toBe(true);
    general.restore(logged(0, 10, 20));
    general.restore(logged(1, 5, 6));
    general.restore(logged(1, 25, 90));
    general.opened(keyRange);
    expect([4, 5, 90, 91].map((key) => keyRange.contains(keys.of(key)))).toEqual([false, true, true, false]);
  });

  test("may have an empty level above others only if its entries annihilate each other", () => {
    general.restore(logged(1, 5, 6));
    secondary.restore(logged(1, 5, 6));
    expect(() => general.opened(keyRange)).toThrow("level 1 has tables and one above has none");
    expect(() => secondary.opened(keyRange)).not.toThrow();
  });

  test("refuses a level with more tables than it may have", () => {
    for (let table = 0; table < tablesPerLevelMax(TEST_MIN, 0); table += 1) general.restore(logged(0, table, table));
    expect(() => general.opened(keyRange)).not.toThrow();
    general.restore(logged(0, 99, 99));
    expect(() => general.assertLimits()).toThrow("5 tables in level 0 of 4");
  });

  test("keeps tombstones for as long as a live table below may have their keys", () => {
    const range = new KeyRange(memory, "test");
    range.set(keys.of(10), keys.of(20));
    general.restore(logged(1, 10, 20));
    expect(general.nothingBelow(1, range)).toBe(true);
    expect(general.nothingBelow(0, range)).toBe(false);
    const below = logged(4, 20, 30);
    general.restore(below);
    expect(general.nothingBelow(1, range)).toBe(false);
    expect(general.nothingBelow(6, range)).toBe(true);
    general.level(4).setSnapshotMax(below, 9);
    expect(general.nothingBelow(1, range)).toBe(true);
  });
});
