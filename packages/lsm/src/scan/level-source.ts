/**
 * The values of one level of a tree within a range of keys, a block at a time (spec 05 §17.1).
 *
 * The range shrinks as the scan goes on: past each value block and each table that is done, and by probes. What to read next
 * follows from what is left of it.
 *
 * @module
 */
import { type Block, BlockRead } from "@stagbeetle/grid";
import { assert, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import type { BlockReference } from "@stagbeetle/vsr-protocol";
import { compareKeys, copyKey, keyAfter, keyBefore, type KeyPointer } from "../key.ts";
import type { LookupContext } from "../lookup/point-lookup.ts";
import { valueBlockCountOf, valueBlockReference } from "../table/index-block.ts";
import { valueCountOf, valuesBegin } from "../table/value-block.ts";
import type { Tree } from "../tree.ts";
import type { Direction, ScanState } from "./timestamp-scan.ts";

/** What the source waits for: the index block of its table, or a value block of it. */
type Wanted = "index" | number | null;

/** One level of a scan. Holds one index block and one value block at most. */
export class LevelSource {
  readonly #context: LookupContext;
  readonly #read: BlockRead;
  /** What is left of the range. */
  readonly #keyMin: KeyPointer;
  readonly #keyMax: KeyPointer;
  readonly #scratch: KeyPointer;
  #tree: Tree | null = null;
  #level = 0;
  #direction: Direction = "ascending";
  #table: Pointer = 0;
  #index: Block | null = null;
  /** The value block that is being scanned, and its number in the table. */
  #block: Block | null = null;
  #blockNumber = 0;
  #wanted: Wanted = null;
  /** Values that are left of the block. */
  #begin: Pointer = 0;
  #end: Pointer = 0;
  #callback: (() => void) | null = null;

  constructor(context: LookupContext) {
    this.#context = context;
    this.#keyMin = context.memory.allocate(3 * keySlotSizeBytes, 16, "scans");
    this.#keyMax = this.#keyMin + keySlotSizeBytes;
    this.#scratch = this.#keyMax + keySlotSizeBytes;
    this.#read = new BlockRead((_, block) => this.#onBlock(block as Block));
  }

  open(tree: Tree, level: number, keyMin: KeyPointer, keyMax: KeyPointer, direction: Direction): void {
    assert(this.#tree === null, "the source is in use");
    const { u32 } = this.#context.memory;
    copyKey(u32, this.#keyMin, keyMin);
    copyKey(u32, this.#keyMax, keyMax);
    this.#tree = tree;
    this.#level = level;
    this.#direction = direction;
    this.#settle();
  }

  close(): void {
    assert(this.#callback === null, "the source is loading");
    this.#dropBlock();
    this.#dropTable();
    this.#wanted = null;
    this.#tree = null;
  }

  /** Drops everything: its read was cancelled by the grid. */
  reset(): void {
    this.#callback = null;
    this.close();
  }

  state(): ScanState {
    if (this.#begin < this.#end) return "value";
    return this.#wanted === null ? "end" : "pending";
  }

  /** The next value. */
  get value(): Pointer {
    return this.#ascending ? this.#begin : this.#end - this.#sizeBytes;
  }

  take(): void {
    assert(this.#begin < this.#end, "the source has no value");
    if (this.#ascending) this.#begin += this.#sizeBytes;
    else this.#end -= this.#sizeBytes;
    if (this.#begin === this.#end) this.#leaveBlock();
  }

  /** Narrows the range to what is not before the key. */
  probe(key: KeyPointer): void {
    assert(this.#callback === null, "the source is loading");
    if (!this.#narrow(key)) return;
    if (this.#begin === this.#end) {
      if (this.#wanted !== null) this.#settle();
      return;
    }
    const { values } = this.#treeOpen();
    const count = (this.#end - this.#begin) / this.#sizeBytes;
    if (this.#ascending) this.#begin += values.lowerBound(this.#begin, count, key) * this.#sizeBytes;
    else this.#end = this.#begin + values.upperBound(this.#begin, count, key) * this.#sizeBytes;
    if (this.#begin === this.#end) this.#leaveBlock();
  }

  /** Loads blocks until there is a value, or none is left. The callback may run from inside the call. */
  load(callback: () => void): void {
    assert(this.#callback === null && this.state() === "pending", "the source does not wait for blocks");
    this.#callback = callback;
    this.#loadNext();
  }

  #loadNext(): void {
    const { store } = this.#context;
    while (this.state() === "pending") {
      const reference = this.#wantedReference();
      const block = store.readBlockFromMemory(reference);
      if (block === null) {
        store.readBlock(this.#read, reference);
        return;
      }
      this.#enter(block);
    }
    const callback = this.#callback;
    this.#callback = null;
    callback?.();
  }

  #onBlock(block: Block): void {
    assert(this.#callback !== null, "a block arrives that nobody waits for");
    this.#enter(block);
    this.#loadNext();
  }

  #wantedReference(): BlockReference {
    const { infos, memory } = this.#context;
    if (this.#wanted === "index") {
      return { address: infos.address(this.#table), checksum: infos.checksum(this.#table) };
    }
    assert(this.#wanted !== null && this.#index !== null, "no block is wanted");
    return valueBlockReference(memory, this.#index, this.#treeOpen().schema, this.#wanted);
  }

  #enter(block: Block): void {
    const { schema, values } = this.#treeOpen();
    if (this.#wanted === "index") {
      valueBlockCountOf(block, schema);
      this.#index = block.retain();
      this.#settle();
      return;
    }
    assert(this.#wanted !== null, "no block is wanted");
    this.#blockNumber = this.#wanted;
    this.#wanted = null;
    this.#block = block.retain();
    const count = valueCountOf(block, schema);
    const first = valuesBegin(block);
    this.#begin = first + values.lowerBound(first, count, this.#keyMin) * this.#sizeBytes;
    this.#end = first + values.upperBound(first, count, this.#keyMax) * this.#sizeBytes;
    if (this.#begin >= this.#end) this.#leaveBlock();
  }

  /** The block is done: the range goes on behind it. */
  #leaveBlock(): void {
    const { memory } = this.#context;
    const { schema } = this.#treeOpen();
    assert(this.#index !== null, "there is no index block");
    const keys = this.#index.pointer + (this.#ascending ? schema.keyMaxOffset : schema.keyMinOffset);
    const key = keys + this.#blockNumber * schema.keySizeBytes;
    memory.bytes.fill(0, this.#scratch, this.#scratch + keySlotSizeBytes);
    memory.bytes.copyWithin(this.#scratch, key, key + schema.keySizeBytes);
    this.#dropBlock();
    this.#narrowBeyond(this.#scratch);
    this.#settle();
  }

  /** Finds out what to read next. */
  #settle(): void {
    const { infos } = this.#context;
    this.#wanted = null;
    while (this.#rangeLeft()) {
      if (this.#index !== null) {
        this.#wanted = this.#blockInRange(this.#index);
        if (this.#wanted !== null) return;
        this.#narrowBeyond(this.#ascending ? infos.keyMax(this.#table) : infos.keyMin(this.#table));
        this.#dropTable();
        continue;
      }
      this.#table = this.#treeOpen().level(this.#level).edge(this.#keyMin, this.#keyMax, this.#direction);
      if (this.#table !== 0) this.#wanted = "index";
      return;
    }
    this.#dropTable();
  }

  /** The value block at the scan's end of the range, if one has keys of it. */
  #blockInRange(index: Block): number | null {
    const { memory } = this.#context;
    const { schema, values } = this.#treeOpen();
    const size = schema.keySizeBytes;
    const keyMins = index.pointer + schema.keyMinOffset;
    const keyMaxs = index.pointer + schema.keyMaxOffset;
    const count = valueBlockCountOf(index, schema);
    if (this.#ascending) {
      const at = values.keyLowerBound(keyMaxs, size, count, this.#keyMin);
      return at < count && values.keyAtMost(keyMins + at * size, this.#keyMax) ? at : null;
    }
    keyAfter(memory.u32, this.#scratch, this.#keyMax);
    const at = values.keyLowerBound(keyMins, size, count, this.#scratch) - 1;
    return at >= 0 && values.keyAtMost(this.#keyMin, keyMaxs + at * size) ? at : null;
  }

  #rangeLeft(): boolean {
    return compareKeys(this.#context.memory.u32, this.#keyMin, this.#keyMax) <= 0;
  }

  /** Lets the range begin at `key`, if it does not begin behind it already. */
  #narrow(key: KeyPointer): boolean {
    const { u32 } = this.#context.memory;
    const bound = this.#ascending ? this.#keyMin : this.#keyMax;
    const order = compareKeys(u32, key, bound);
    if (this.#ascending ? order <= 0 : order >= 0) return false;
    copyKey(u32, bound, key);
    return true;
  }

  /** Lets the range begin behind `key`. */
  #narrowBeyond(key: KeyPointer): void {
    const { u32 } = this.#context.memory;
    if (this.#ascending) {
      keyAfter(u32, this.#scratch, key);
      this.#narrow(this.#scratch);
    } else if (keyBefore(u32, this.#scratch, key)) {
      this.#narrow(this.#scratch);
    } else {
      // Nothing is before the smallest key: no range is left.
      keyAfter(u32, this.#keyMin, this.#keyMax);
    }
  }

  #dropBlock(): void {
    this.#block?.release();
    this.#block = null;
    this.#begin = 0;
    this.#end = 0;
  }

  #dropTable(): void {
    this.#index?.release();
    this.#index = null;
    this.#table = 0;
  }

  get #ascending(): boolean {
    return this.#direction === "ascending";
  }

  get #sizeBytes(): number {
    return this.#treeOpen().schema.layout.sizeBytes;
  }

  #treeOpen(): Tree {
    assert(this.#tree !== null, "the source is not open");
    return this.#tree;
  }
}
