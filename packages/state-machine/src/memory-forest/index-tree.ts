/**
 * An index tree that is built when it is first scanned.
 *
 * Entries follow from the objects, so nothing is done when one is inserted: a scan first brings the index up to date with
 * the objects that have come since the last one. That happens between operations, where no scope is open, so an index
 * never holds an entry that may be taken back.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { IndexCondition, IndexDeclaration, IndexKind } from "@stagbeetle/lsm";
import type { ForestMemory, Pointer } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import type { ObjectStore } from "./object-store.ts";
import { PostingLists } from "./posting-lists.ts";
import { SortedEntries } from "./sorted-entries.ts";
import type { TimestampOrder } from "./timestamp-order.ts";

/** The lanes of an indexed value. */
function valueLanesOf(kind: IndexKind): 0 | 2 | 4 {
  switch (kind) {
    case "void":
      return 0;
    case "u64":
      return 2;
    case "u128":
    case "unique":
      return 4;
  }
}

/** The lanes of one entry that was put by hand: four for the value, one for the ordinal. */
const HAND_ENTRY_LANES = 5;

/** One index over the objects of a groove. */
export class IndexTree {
  readonly declaration: IndexDeclaration;
  readonly valueLanes: 0 | 2 | 4;
  readonly #memory: ForestMemory;
  readonly #store: ObjectStore;
  readonly #order: TimestampOrder;
  readonly #value = new Uint32Array(4);
  readonly #valueOther = new Uint32Array(4);
  /** By ordinal: whether the entry was removed by hand. Null until the first removal. */
  #removed: Uint32Array | null = null;
  #hand = new Uint32Array(0);
  #handCount = 0;
  #postings: PostingLists | null = null;
  #postingsPositionCount = 0;
  #postingsGeneration = 0;
  #sorted: SortedEntries | null = null;
  #sortedCount = 0;

  constructor(declaration: IndexDeclaration, memory: ForestMemory, store: ObjectStore, order: TimestampOrder) {
    this.declaration = declaration;
    this.valueLanes = valueLanesOf(declaration.kind);
    this.#memory = memory;
    this.#store = store;
    this.#order = order;
  }

  /** How many entries were put by hand. */
  get handCount(): number {
    return this.#handCount;
  }

  /** Writes the value that an object is indexed by to `out`. Returns false if it has no entry. */
  valueOf(object: Pointer, out: Uint32Array): boolean {
    const source = this.declaration.source;
    const at = object >>> 2;
    switch (source.from) {
      case "derived":
        return source.write(this.#memory.u32, at, out);
      case "hand":
        return false;
      case "object":
        return this.#holds(source.when, at);
      case "field":
        if (source.when !== undefined && !this.#holds(source.when, at)) return false;
        this.#readField(object + source.offset, source.sizeBytes, out);
        return source.zero === "indexed" || out.some((lane) => lane !== 0);
    }
  }

  #holds({ lane, mask, value, equal }: IndexCondition, at: number): boolean {
    return (((this.#memory.u32[at + lane] as number) & mask) >>> 0 === value) === equal;
  }

  /** Whether the value of an object changes with an update, and with it the index. */
  changes(object: Pointer, replacement: Pointer): boolean {
    const before = this.valueOf(object, this.#value);
    const after = this.valueOf(replacement, this.#valueOther);
    if (before !== after) return true;
    return before && this.#value.some((lane, index) => index < this.valueLanes && lane !== this.#valueOther[index]);
  }

  /** Whether the index was scanned before, so that updates must be told to it. */
  get built(): boolean {
    return this.#postings !== null || this.#sorted !== null;
  }

  /** Forgets what was built: it is built anew by the next scan. */
  invalidate(): void {
    this.#postings = null;
    this.#postingsPositionCount = 0;
    this.#sorted = null;
    this.#sortedCount = 0;
  }

  /** Adds an entry by hand. */
  put(values: Uint32Array, at: number, ordinal: number): void {
    assert(this.declaration.source.from === "hand", () => `${this.declaration.name} is not filled by hand`);
    if ((this.#handCount + 1) * HAND_ENTRY_LANES > this.#hand.length) {
      const larger = new Uint32Array(Math.max(1024 * HAND_ENTRY_LANES, 2 * this.#hand.length));
      larger.set(this.#hand);
      this.#hand = larger;
    }
    const entry = this.#handCount * HAND_ENTRY_LANES;
    for (let index = 0; index < this.valueLanes; index += 1) this.#hand[entry + index] = values[at + index] as number;
    this.#hand[entry + 4] = ordinal;
    this.#handCount += 1;
  }

  /** Takes back entries that were put by hand, so that `count` remain. */
  truncateHand(count: number): void {
    this.#handCount = count;
  }

  /** Removes the entry of an object, or puts it back. */
  setRemoved(ordinal: number, removed: boolean): void {
    assert(this.declaration.source.from !== "hand", () => `${this.declaration.name} is filled by hand`);
    const word = ordinal >>> 5;
    const bit = 1 << (ordinal & 31);
    if (this.#removed === null || word >= this.#removed.length) {
      const larger = new Uint32Array(Math.max(1024, 2 * (word + 1)));
      if (this.#removed !== null) larger.set(this.#removed);
      this.#removed = larger;
    }
    const before = this.#removed[word] as number;
    assert(((before & bit) !== 0) !== removed, () => `${this.declaration.name}: entry of ${ordinal} is removed twice`);
    this.#removed[word] = removed ? before | bit : before & ~bit;
  }

  /** Whether the entry of an object was removed by hand. */
  isRemoved(ordinal: number): boolean {
    if (this.#removed === null) return false;
    return (((this.#removed[ordinal >>> 5] ?? 0) >>> (ordinal & 31)) & 1) === 1;
  }

  /** The positions by value, up to date. */
  postings(): PostingLists {
    this.#order.catchUp();
    if (this.#postings === null || this.#postingsGeneration !== this.#order.generation) {
      this.#postings = new PostingLists(this.valueLanes);
      this.#postingsPositionCount = 0;
      this.#postingsGeneration = this.#order.generation;
    }
    assert(this.declaration.source.from !== "hand", "an index filled by hand is scanned by `entries` only");
    for (; this.#postingsPositionCount < this.#order.count; this.#postingsPositionCount += 1) {
      const ordinal = this.#order.ordinalAt(this.#postingsPositionCount);
      if (this.isRemoved(ordinal) || !this.valueOf(this.#store.pointerOf(ordinal), this.#value)) continue;
      this.#postings.append(this.#value, 0, this.#postingsPositionCount);
    }
    return this.#postings;
  }

  /** All entries by value, then by timestamp, up to date. */
  sorted(): SortedEntries {
    this.#sorted ??= new SortedEntries(this.#memory, this.valueLanes, this.#order, (ordinal) =>
      this.isRemoved(ordinal),
    );
    const sorted = this.#sorted;
    if (this.declaration.source.from === "hand") this.#sortHand(sorted);
    else this.#sortDerived(sorted);
    sorted.merge();
    return sorted;
  }

  /** All entries as (value, timestamp), in key order. */
  entries(): [value: bigint, timestamp: bigint][] {
    const sorted = this.sorted();
    const value = new Uint32Array(4);
    const entries: [bigint, bigint][] = [];
    for (let index = 0; index < sorted.count; index += 1) {
      const ordinal = sorted.ordinal(index);
      if (this.isRemoved(ordinal)) continue;
      sorted.value(index, value, 0);
      entries.push([u128.toBigInt(value, 0), u64.toBigInt(this.#memory.u32, this.#order.timestampLane(ordinal))]);
    }
    return entries;
  }

  #sortHand(sorted: SortedEntries): void {
    for (; this.#sortedCount < this.#handCount; this.#sortedCount += 1) {
      const entry = this.#sortedCount * HAND_ENTRY_LANES;
      sorted.add(this.#hand, entry, this.#hand[entry + 4] as number);
    }
  }

  #sortDerived(sorted: SortedEntries): void {
    for (; this.#sortedCount < this.#store.count; this.#sortedCount += 1) {
      if (this.isRemoved(this.#sortedCount)) continue;
      const object = this.#store.pointerOf(this.#sortedCount);
      if (this.valueOf(object, this.#value)) sorted.add(this.#value, 0, this.#sortedCount);
    }
  }

  #readField(pointer: Pointer, sizeBytes: 1 | 2 | 4 | 8 | 16, out: Uint32Array): void {
    const lanes = this.#memory.u32;
    const at = pointer >>> 2;
    out[1] = 0;
    out[2] = 0;
    out[3] = 0;
    const low = lanes[at] as number;
    if (sizeBytes === 1) out[0] = (low >>> (8 * (pointer & 3))) & 0xff;
    else if (sizeBytes === 2) out[0] = (low >>> (8 * (pointer & 3))) & 0xffff;
    else out[0] = low;
    if (sizeBytes >= 8) out[1] = lanes[at + 1] as number;
    if (sizeBytes === 16) {
      out[2] = lanes[at + 2] as number;
      out[3] = lanes[at + 3] as number;
    }
  }
}
