/**
 * Trees on a grid in memory, beside maps: values that are put and removed over many ops, compacted, and lost in crashes.
 */
import type { ValueLayout } from "@stagbeetle/kernels";
import { type Config, MemorySpill, Random } from "@stagbeetle/vsr-protocol";
import type { ReadContext } from "../src/block-reader.ts";
import { forestBlocksMax } from "../src/forest.ts";
import { treeScanBlocksMax } from "../src/scan/tree-scan.ts";
import type { Tree } from "../src/tree.ts";
import type { TreeDeclaration } from "../src/tree-schema.ts";
import { ForestOnGrid, type ForestOnGridOptions } from "./forest-on-grid.ts";
import { smallSpill } from "./small-spill.ts";
import { TestGrid, type TestGridParts } from "./test-grid.ts";

const VALUES_PER_OP = 30;
/** Where values spill: two of the largest, so that a run has many pages. */
const PAGE_SIZE_BYTES = 64;
const MEMORY_SIZE_BYTES = 64 * 1024 * 1024;

/** A tree of each kind. The general one has several value blocks a table, or, where values spill, several values a page. */
function layoutsOf(spills: boolean): readonly ValueLayout[] {
  return [
    { key: "timestamp", sizeBytes: spills ? 32 : 256, timestampOffset: 8, secondary: false },
    { key: "composite64", sizeBytes: 16, timestampOffset: 8, secondary: true },
    { key: "composite128", sizeBytes: 32, timestampOffset: 16, secondary: true },
    { key: "unique", sizeBytes: 32, timestampOffset: 16, secondary: false },
  ];
}

/** The parts that a crash takes away. */
export class TreesOnGrid extends ForestOnGrid {
  readonly context: ReadContext;
  /** Room for two keys. */
  readonly keys: number;

  constructor(parts: TestGridParts, layouts: readonly ValueLayout[], options: ForestOnGridOptions) {
    const trees = layouts.map((layout, number): TreeDeclaration => ({
      treeId: number + 1,
      name: layout.key,
      layout,
      valuesPerBatch: VALUES_PER_OP,
    }));
    super(parts, trees, options);
    this.context = {
      memory: parts.kernels.memory,
      store: parts.store,
      infos: this.forest.infos,
      spill: this.forest.spill,
    };
    this.keys = parts.kernels.memory.allocate(64, 16, "test");
  }
}

/** A key: the field (0 in trees without one) and the timestamp (that of unique entries is no part of the key). */
export interface TestKey {
  readonly field: bigint;
  readonly timestamp: bigint;
}

/** What a map has for a key: a number in the value that is no part of the key, where there is room. */
export interface TestValue extends TestKey {
  readonly payload: number;
}

const TOMBSTONE = 1n << 63n;

/** One tree and its map. */
export class TreeModel {
  readonly layout: ValueLayout;
  /** By key integer. */
  readonly values: Map<bigint, TestValue> = new Map();

  constructor(layout: ValueLayout) {
    this.layout = layout;
  }

  /** The key integer (spec 05 §3.3). */
  integer({ field, timestamp }: TestKey): bigint {
    if (this.layout.key === "timestamp") return timestamp;
    return this.layout.key === "unique" ? field : (field << 64n) | timestamp;
  }

  randomKey(random: Random): TestKey {
    // A few busy keys, and many others.
    const number = BigInt(1 + (random.boolean() ? random.index(12) : random.index(3000)));
    if (this.layout.key === "timestamp") return { field: 0n, timestamp: number };
    if (this.layout.key === "unique") return { field: number << 60n, timestamp: 7n };
    return { field: (number % 5n) << 40n, timestamp: number };
  }

  /** All values with keys from `min` to `max`, ascending. */
  range(min: bigint, max: bigint): TestValue[] {
    const found = [...this.values].filter(([key]) => key >= min && key <= max);
    return found.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  }
}

/** Everything, driven op by op. */
export class TestTrees {
  readonly grid: TestGrid<TreesOnGrid>;
  readonly models: readonly TreeModel[];
  readonly config: Config;
  /** Where values wait to be flushed. */
  readonly disk: MemorySpill = new MemorySpill();
  readonly #random: Random;
  op = 0;

  /** @param spills whether memory tables keep the runs of older bars on a disk. */
  constructor(config: Config, seed: number, spills: boolean = false) {
    const options = spills ? { spill: smallSpill(this.disk, PAGE_SIZE_BYTES) } : {};
    const layouts = layoutsOf(spills);
    this.models = layouts.map((layout) => new TreeModel(layout));
    this.config = config;
    this.#random = new Random(seed);
    this.grid = new TestGrid({
      config,
      random: new Random(seed + 1000),
      memorySizeBytes: MEMORY_SIZE_BYTES,
      blocksOfUsers: forestBlocksMax(config, layouts.length) + 2 * treeScanBlocksMax(config),
      cacheBlocks: 64,
      create: (parts) => new TreesOnGrid(parts, layouts, options),
    });
  }

  tree(number: number): Tree {
    return this.grid.users.forest.tree(number + 1);
  }

  /** The integer of a key, as 32 key bytes in memory. */
  key(integer: bigint, slot: 0 | 1 = 0): number {
    const { keys, context } = this.grid.users;
    const pointer = keys + 32 * slot;
    for (let word = 0; word < 4; word += 1) {
      context.memory.view.setBigUint64(pointer + 8 * word, (integer >> BigInt(64 * word)) & ((1n << 64n) - 1n), true);
    }
    return pointer;
  }

  /** What a value in memory is. */
  valueAt({ layout }: TreeModel, pointer: number): TestValue {
    const { view } = this.grid.users.context.memory;
    const timestamp = view.getBigUint64(pointer + layout.timestampOffset, true);
    const low = layout.key === "timestamp" ? 0n : view.getBigUint64(pointer, true);
    const wide = layout.key === "unique" || layout.key === "composite128";
    const field = wide ? low | (view.getBigUint64(pointer + 8, true) << 64n) : low;
    return { field, timestamp, payload: layout.key === "timestamp" ? view.getUint32(pointer, true) : 0 };
  }

  /** One op: puts and removals in every tree, compaction, and whatever follows. */
  step(): void {
    this.op += 1;
    for (const [number, model] of this.models.entries()) {
      for (let count = this.#random.index(VALUES_PER_OP); count > 0; count -= 1) this.#write(number, model);
    }
    this.grid.beforeCompact(this.op);
    this.grid.wait((done) => this.grid.users.forest.compact(this.op, this.grid.checkpointOp, done));
    this.grid.afterCompact(this.op);
  }

  #write(number: number, model: TreeModel): void {
    const key = model.randomKey(this.#random);
    const integer = model.integer(key);
    const present = model.values.has(integer);
    // In secondary indexes a put comes only to what is absent, and a removal only to what is present.
    const remove = model.layout.secondary ? present : present && this.#random.chance(1, 3);
    const value = { ...key, payload: model.layout.key === "timestamp" ? this.#random.index(1000) : 0 };
    this.#put(this.tree(number), model, value, remove);
    if (remove) model.values.delete(integer);
    else model.values.set(integer, value);
  }

  #put(tree: Tree, { layout }: TreeModel, { field, timestamp, payload }: TestValue, remove: boolean): void {
    const { memory } = this.grid.users.context;
    const { mutable } = tree.memory;
    const pointer = mutable.slot();
    memory.bytes.fill(0, pointer, pointer + layout.sizeBytes);
    if (layout.key !== "timestamp") memory.view.setBigUint64(pointer, field & ((1n << 64n) - 1n), true);
    else if (!remove) memory.view.setUint32(pointer, payload, true);
    if (layout.key === "unique" || layout.key === "composite128") {
      memory.view.setBigUint64(pointer + 8, field >> 64n, true);
    }
    const kept = remove && layout.key === "unique" ? 0n : timestamp;
    memory.view.setBigUint64(pointer + layout.timestampOffset, kept | (remove ? TOMBSTONE : 0n), true);
    mutable.put();
  }
}
