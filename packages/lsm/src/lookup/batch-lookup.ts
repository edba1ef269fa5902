/**
 * Looking up many keys in one tree: all of a table, and of a block, in one go (spec 05 §16.4).
 *
 * The keys are sorted, so that each level is walked once, and each block is searched once for all keys that it may have. Only
 * what memory has is searched. Values of the tree are `unique`: 32 bytes, the key first.
 *
 * @module
 */
import type { Block } from "@stagbeetle/grid";
import { assert, type Pointer, sortScratchSizeBytes } from "@stagbeetle/kernels";
import type { LevelTables, ReadableTree, ReadContext } from "../block-reader.ts";
import { valueBlockReference } from "../table/index-block.ts";
import { valueCountOf, valuesBegin } from "../table/value-block.ts";
import { firstValueBlockFrom, keyMaxOf, NO_VALUE_BLOCK } from "./index-search.ts";

const KEY_SIZE_BYTES = 16;
const ENTRY_SIZE_BYTES = 32;

/** Who hears of the outcome. Keys that nothing is said of are absent. */
export interface BatchLookupListener {
  /** The newest value with a key: good until control returns to the grid. It may be a tombstone. */
  found(key: Pointer, value: Pointer): void;
  /** A block has to be read before it is known whether the key exists. */
  needsRead(key: Pointer): void;
}

/** One batch at a time, again and again. */
export class BatchLookup {
  readonly #context: ReadContext;
  readonly #tree: ReadableTree;
  readonly #listener: BatchLookupListener;
  readonly #keysMax: number;
  /** The keys that are still looked for, ascending: values of the tree without a timestamp. */
  readonly #wanted: Pointer;
  readonly #scratch: Pointer;
  readonly #results: Pointer;
  #count = 0;
  #snapshot = 0;

  constructor(context: ReadContext, tree: ReadableTree, keysMax: number, listener: BatchLookupListener, label: string) {
    const { layout } = tree.schema;
    const { memory } = context;
    assert(layout.key === "unique", () => `${tree.schema.name}: a batch of keys of kind ${layout.key}`);
    this.#context = context;
    this.#tree = tree;
    this.#listener = listener;
    this.#keysMax = keysMax;
    this.#wanted = memory.allocate(keysMax * ENTRY_SIZE_BYTES, 64, label);
    this.#scratch = memory.allocate(sortScratchSizeBytes(layout, keysMax), 64, label);
    this.#results = memory.allocate(4 * keysMax, 64, label);
  }

  /** Begins a batch. */
  begin(snapshot: number): void {
    this.#snapshot = snapshot;
    this.#count = 0;
  }

  /** Asks for a key: 16 bytes. */
  add(key: Pointer): void {
    const { u32 } = this.#context.memory;
    assert(this.#count < this.#keysMax, () => `${this.#tree.schema.name}: more than ${this.#keysMax} keys in a batch`);
    const entry = this.#entry(this.#count) >>> 2;
    const from = key >>> 2;
    for (let lane = 0; lane < KEY_SIZE_BYTES / 4; lane += 1) u32[entry + lane] = u32[from + lane] as number;
    u32.fill(0, entry + KEY_SIZE_BYTES / 4, entry + ENTRY_SIZE_BYTES / 4);
    this.#count += 1;
  }

  /** Looks for all of them, level by level. Memory tables are not searched. */
  run(): void {
    if (this.#count === 0) return;
    this.#count = this.#tree.values.sort(this.#wanted, this.#count, this.#scratch);
    for (const level of this.#tree.levels) {
      this.#searchLevel(level);
      if (this.#count === 0) return;
    }
  }

  #searchLevel(level: LevelTables): void {
    const { infos, store } = this.#context;
    const { values } = this.#tree;
    let kept = 0;
    for (let at = 0; at < this.#count;) {
      const table = level.lookup(this.#snapshot, this.#entry(at));
      if (table === 0) {
        kept = this.#keep(kept, at, 1);
        at += 1;
        continue;
      }
      const count = values.upperBound(this.#entry(at), this.#count - at, infos.keyMax(table));
      const index = store.readBlockFromMemory({ address: infos.address(table), checksum: infos.checksum(table) });
      if (index === null) this.#readFor(at, count);
      else kept = this.#searchTable(index, at, count, kept);
      at += count;
    }
    this.#count = kept;
  }

  /** Searches a table for some of the keys, and keeps what it does not have behind the `kept` ones. Returns how many those are. */
  #searchTable(index: Block, begin: number, count: number, kept: number): number {
    const { store, memory } = this.#context;
    const { schema, values } = this.#tree;
    const end = begin + count;
    let keptNow = kept;
    for (let at = begin; at < end;) {
      const valueBlock = firstValueBlockFrom(this.#tree, index, this.#entry(at));
      if (valueBlock === NO_VALUE_BLOCK) return this.#keep(keptNow, at, end - at);
      const inBlock = values.upperBound(this.#entry(at), end - at, keyMaxOf(schema, index, valueBlock));
      const block = store.readBlockFromMemory(valueBlockReference(memory, index, schema, valueBlock));
      if (block === null) this.#readFor(at, inBlock);
      else keptNow = this.#searchBlock(block, at, inBlock, keptNow);
      at += inBlock;
    }
    return keptNow;
  }

  #searchBlock(block: Block, begin: number, count: number, kept: number): number {
    const { u32 } = this.#context.memory;
    const { schema, values } = this.#tree;
    values.findMany(valuesBegin(block), valueCountOf(block, schema), this.#entry(begin), count, this.#results);
    let keptNow = kept;
    for (let number = 0; number < count; number += 1) {
      const value = u32[(this.#results >>> 2) + number] as number;
      if (value === 0) keptNow = this.#keep(keptNow, begin + number, 1);
      else this.#listener.found(this.#entry(begin + number), value);
    }
    return keptNow;
  }

  #readFor(begin: number, count: number): void {
    for (let number = begin; number < begin + count; number += 1) this.#listener.needsRead(this.#entry(number));
  }

  /** Moves `count` keys from `begin` behind the first `kept` ones. Returns how many those are then. */
  #keep(kept: number, begin: number, count: number): number {
    if (kept !== begin) {
      const from = this.#entry(begin);
      this.#context.memory.bytes.copyWithin(this.#entry(kept), from, from + count * ENTRY_SIZE_BYTES);
    }
    return kept + count;
  }

  #entry(number: number): Pointer {
    return this.#wanted + number * ENTRY_SIZE_BYTES;
  }
}
