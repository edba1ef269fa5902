import { Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { TestTrees, type TestValue, type TreeModel } from "../../test/test-trees.ts";
import { ABSENT, NEEDS_READ, TreeLookup } from "../lookup/tree-lookup.ts";
import { TreeScan } from "./tree-scan.ts";

const seeds = 2 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const OPS = 120;
const TIMEOUT_MS = 60_000;

type Direction = "ascending" | "descending";

/** The largest key that a tree of each kind is asked for. */
const LARGEST = {
  timestamp: (1n << 63n) - 1n,
  composite64: (1n << 127n) - 1n,
  composite128: (1n << 191n) - 1n,
  unique: (1n << 127n) - 1n,
};

/** Reads of all kinds, held against the maps. */
class Reads {
  readonly trees: TestTrees;
  readonly random: Random;
  /** How often something had to be read. */
  reads = 0;

  constructor(seed: number, spills: boolean = false) {
    this.trees = new TestTrees(TEST_MIN, seed, spills);
    this.random = new Random(seed + 500);
  }

  get snapshot(): number {
    return this.trees.op + 1;
  }

  /** What a tree has for a key. */
  lookUp(number: number, model: TreeModel, integer: bigint): TestValue | null {
    const { trees } = this;
    const tree = trees.tree(number);
    const key = trees.key(integer);
    const valueAt = (pointer: number): TestValue | null => (pointer === ABSENT ? null : trees.valueAt(model, pointer));
    const newest = valueAt(tree.memory.mutable.find(key));
    if (newest !== null) return newest.timestamp >= 1n << 63n ? null : newest;
    let found: TestValue | null = null;
    let onEnd: (() => void) | null = null;
    const lookup = new TreeLookup(trees.grid.users.context, (value) => {
      found = valueAt(value);
      onEnd?.();
    });
    const value = lookup.begin(tree, this.snapshot, key);
    if (value !== NEEDS_READ) return valueAt(value);
    this.reads += 1;
    trees.grid.wait((done) => {
      onEnd = done;
      lookup.read();
    });
    return found;
  }

  open(number: number, min: bigint, max: bigint, direction: Direction): TreeScan {
    const { trees } = this;
    const { context, forest, keys } = trees.grid.users;
    const tree = trees.tree(number);
    const scan = new TreeScan(context, TEST_MIN.cluster.lsmLevels);
    forest.sortMutable(tree);
    trees.key(min, 0);
    trees.key(max, 1);
    context.memory.bytes.copyWithin(scan.keyMin, keys, keys + 64);
    scan.open({ tree, snapshot: this.snapshot, direction });
    return scan;
  }

  /** Comes to the next value, reading what it takes; null at the end. */
  next(scan: TreeScan, model: TreeModel): TestValue | null {
    for (;;) {
      const state = scan.settle();
      if (state === "value") return this.trees.valueAt(model, scan.value);
      if (state === "finished") return null;
      this.reads += 1;
      this.trees.grid.wait((done) => scan.read(done));
    }
  }

  /** Holds a scan against the map, with some probability skipping ahead after a value, as a join does. */
  expectScan(number: number, model: TreeModel, min: bigint, max: bigint, skips: boolean): void {
    const direction: Direction = this.random.boolean() ? "ascending" : "descending";
    const ascending = direction === "ascending";
    const range = model.range(min, max);
    const expected = ascending ? range : range.toReversed();
    const scan = this.open(number, min, max, direction);
    let at = 0;
    for (let value = this.next(scan, model); value !== null; value = this.next(scan, model)) {
      expect(value, `tree ${number + 1}, from ${min} to ${max}, ${direction}`).toEqual(expected[at]);
      scan.advance();
      at += 1;
      if (!skips || !this.random.chance(1, 3) || this.next(scan, model) === null) continue;
      const distance = BigInt(this.random.index(400));
      const to = ascending ? value.timestamp + distance : value.timestamp > distance ? value.timestamp - distance : 0n;
      scan.probe(this.trees.key(to) >>> 2);
      const before = ({ timestamp }: TestValue): boolean => (ascending ? timestamp < to : timestamp > to);
      while (at < expected.length && before(expected[at] as TestValue)) at += 1;
    }
    expect(at).toBe(expected.length);
    scan.close();
  }

  expectSame(): void {
    for (const [number, model] of this.trees.models.entries()) {
      this.trees.grid.users.forest.sortMutable(this.trees.tree(number));
      for (let count = 0; count < 10; count += 1) {
        const integer = model.integer(model.randomKey(this.random));
        const known = model.values.get(integer) ?? null;
        expect(this.lookUp(number, model, integer), `tree ${number + 1}, key ${integer}`).toEqual(known);
      }
      const [a, b] = [model.integer(model.randomKey(this.random)), model.integer(model.randomKey(this.random))];
      const all = this.random.chance(1, 4);
      this.expectScan(number, model, all ? 0n : a < b ? a : b, all ? LARGEST[model.layout.key] : a < b ? b : a, false);
      if (model.layout.key === "unique") continue;
      // The objects, or the entries of one field.
      const { field } = model.randomKey(this.random);
      const [first, last] = [1n, 5000n].map((timestamp) => model.integer({ field, timestamp }));
      this.expectScan(number, model, first as bigint, last as bigint, true);
    }
  }
}

describe("trees are read as maps", () => {
  test.each(Array.from({ length: seeds }, (_, seed) => [seed + 1, seed % 2 === 1] as const))(
    "in memory and in levels, by key, by range and by skipping, seed %d, with older bars on a disk: %s",
    (seed, spills) => {
      const reads = new Reads(seed, spills);
      for (let op = 0; op < OPS; op += 1) {
        reads.trees.step();
        reads.expectSame();
      }
      expect(reads.reads, "blocks were read").toBeGreaterThan(100);
      expect(reads.trees.disk.bytes.length > 0, "values were on the disk").toBe(spills);
      const { levels } = reads.trees.tree(0);
      expect(levels.filter((level) => level.tableCount > 0).length, "levels with tables").toBeGreaterThan(1);
    },
    TIMEOUT_MS,
  );
});

test("a scan of what is not sorted is refused, and one that is open is not opened", () => {
  const reads = new Reads(1);
  reads.trees.step();
  const { context } = reads.trees.grid.users;
  const scan = new TreeScan(context, TEST_MIN.cluster.lsmLevels);
  const tree = reads.trees.tree(1);
  reads.trees.grid.users.forest.sortMutable(tree);
  scan.open({ tree, snapshot: 2, direction: "ascending" });
  expect(() => scan.open({ tree, snapshot: 2, direction: "ascending" })).toThrow("is open");
  expect(scan.settle()).toBe("finished");
  scan.close();
  reads.trees.step();
  expect(tree.memory.mutable.runCount).toBeGreaterThan(1);
  expect(() => scan.open({ tree, snapshot: 3, direction: "ascending" })).toThrow("unsorted");
});
