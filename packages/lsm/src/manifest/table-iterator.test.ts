import { propertyRuns } from "@stagbeetle/kernels/testing";
import { createKernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Tables } from "../../test/builders.ts";
import { ManifestLevel } from "./manifest-level.ts";
import { NodePool } from "./segmented-array.ts";
import { TableInfoPool, TableInfoView } from "./table-info.ts";
import { TableIterator } from "./table-iterator.ts";

const TREES = 2;
const LEVELS = 3;

const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const kernels = createKernels({ memory });
const infos = new TableInfoView(memory);
const pool = new TableInfoPool(memory, 512);
const nodes = new NodePool(memory, 8, NodePool.nodeCountFor(512, TREES * LEVELS, 8));
const tables = new Tables(memory, infos, pool);
const trees = Array.from({ length: TREES }, () => ({
  levels: Array.from({ length: LEVELS }, () => new ManifestLevel({ kernels, memory, infos, nodes })),
}));
const iterator = new TableIterator({ trees, infos }, memory);
let addressNext = 1;

beforeEach(() => {
  for (const { levels } of trees) for (const level of levels) level.clear();
  pool.reset();
  addressNext = 1;
  iterator.rewind();
});

function level(tree: number, number: number): ManifestLevel {
  const found = trees[tree]?.levels[number];
  if (found === undefined) throw new Error(`tree ${tree} has no level ${number}`);
  return found;
}

/** Adds a live table of one key; its address is the next number. */
function add(tree: number, number: number, key: number, snapshotMin = 1): Pointer {
  const table = tables.make({ keyMin: key, keyMax: key, address: addressNext, snapshotMin });
  addressNext += 1;
  level(tree, number).insert(table);
  return table;
}

function next(): number {
  const table = iterator.next();
  return table === 0 ? 0 : infos.address(table);
}

/** The addresses of all tables that are left, in order. */
function rest(): number[] {
  const found: number[] = [];
  for (let address = next(); address !== 0; address = next()) found.push(address);
  return found;
}

describe("the tables of a forest", () => {
  test("come level by level, tree by tree, and in the order of the level", () => {
    add(1, 2, 5);
    add(0, 0, 9);
    add(1, 0, 7);
    add(0, 0, 3);
    add(0, 2, 1);
    expect(rest()).toEqual([4, 2, 3, 5, 1]);
    expect(next()).toBe(0);
    iterator.rewind();
    expect(rest()).toEqual([4, 2, 3, 5, 1]);
  });

  test("can be begun in the middle", () => {
    add(0, 0, 1);
    add(0, 1, 1);
    add(1, 1, 1);
    iterator.rewind({ level: 1, tree: 1 });
    expect(rest()).toEqual([3]);
    expect(() => iterator.rewind({ level: LEVELS, tree: 0 })).toThrow("level 3 of 3");
    expect(() => iterator.rewind({ level: 0, tree: TREES })).toThrow("tree 2 of 2");
  });

  test("that are replaced come, too, each version once", () => {
    const old = add(0, 0, 5, 4);
    level(0, 0).setSnapshotMax(old, 7);
    add(0, 0, 5, 8);
    expect(rest()).toEqual([1, 2]);
  });

  test("that move down on the way are met again, and those that go away do not confuse", () => {
    const first = add(0, 0, 1);
    const second = add(0, 0, 2);
    add(0, 0, 3);
    expect(next()).toBe(1);
    level(0, 0).remove(first);
    level(0, 1).insert(first);
    level(0, 0).remove(second);
    expect(rest()).toEqual([3, 1]);
  });

  test("that come in front of the place are not met, those behind it are", () => {
    add(0, 0, 5);
    expect(next()).toBe(1);
    add(0, 0, 4);
    add(0, 0, 6);
    expect(rest()).toEqual([3]);
  });

  test("are all met, whatever comes, goes or moves down on the way", () => {
    const step = fc.record({
      kind: fc.constantFrom("next", "add", "remove", "down"),
      tree: fc.nat(TREES - 1),
      key: fc.nat(200),
      pick: fc.nat(1000),
    });
    const property = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      for (const { levels } of trees) for (const each of levels) each.clear();
      pool.reset();
      iterator.rewind();
      /** The tables that are there, each in its tree, level and with its key. */
      const present: { table: Pointer; tree: number; number: number; key: number }[] = [];
      const free = (tree: number, number: number, key: number): boolean =>
        !present.some((entry) => entry.tree === tree && entry.number === number && entry.key === key);
      for (let key = 0; key < 10; key += 1)
        present.push({ table: add(0, 0, 3 * key), tree: 0, number: 0, key: 3 * key });
      const original = new Set(present.map(({ table }) => table));
      const met = new Set<Pointer>();
      for (const { kind, tree, key, pick } of steps) {
        const chosen = present[pick % Math.max(1, present.length)];
        if (kind === "next") met.add(iterator.next());
        if (kind === "add" && free(tree, 0, key)) present.push({ table: add(tree, 0, key), tree, number: 0, key });
        if (chosen === undefined) continue;
        if (kind === "remove") {
          level(chosen.tree, chosen.number).remove(chosen.table);
          present.splice(present.indexOf(chosen), 1);
        }
        if (kind === "down" && chosen.number + 1 < LEVELS && free(chosen.tree, chosen.number + 1, chosen.key)) {
          level(chosen.tree, chosen.number).remove(chosen.table);
          chosen.number += 1;
          level(chosen.tree, chosen.number).insert(chosen.table);
        }
      }
      for (let table = iterator.next(); table !== 0; table = iterator.next()) met.add(table);
      for (const { table } of present) if (original.has(table)) expect(met).toContain(table);
    });
    fc.assert(property, { numRuns: propertyRuns(60) });
  });
});
