/**
 * All entries of an index in key order: by value, then by timestamp.
 *
 * @module
 */
import type { ForestMemory } from "../forest.ts";
import type { TimestampOrder } from "./timestamp-order.ts";

/** A sorted array that takes new entries in batches: `add` any number of them, then `merge`. */
export class SortedEntries {
  readonly #memory: ForestMemory;
  readonly #valueLanes: number;
  readonly #strideLanes: number;
  readonly #order: TimestampOrder;
  readonly #removed: (ordinal: number) => boolean;
  #entries = new Uint32Array(0);
  #count = 0;
  #added: Uint32Array;
  #addedCount = 0;

  constructor(memory: ForestMemory, valueLanes: number, order: TimestampOrder, removed: (ordinal: number) => boolean) {
    this.#memory = memory;
    this.#valueLanes = valueLanes;
    this.#strideLanes = valueLanes + 1;
    this.#order = order;
    this.#removed = removed;
    this.#added = new Uint32Array(1024 * this.#strideLanes);
  }

  /** How many entries there are, those removed since the last merge included. */
  get count(): number {
    return this.#count;
  }

  /** The object of an entry. */
  ordinal(index: number): number {
    return this.#entries[index * this.#strideLanes + this.#valueLanes] as number;
  }

  /** Writes the value of an entry to `out`. */
  value(index: number, out: Uint32Array, at: number): void {
    for (let lane = 0; lane < this.#valueLanes; lane += 1) {
      out[at + lane] = this.#entries[index * this.#strideLanes + lane] as number;
    }
  }

  /** Adds an entry; it is seen after the next `merge`. */
  add(values: Uint32Array, at: number, ordinal: number): void {
    const end = this.#addedCount * this.#strideLanes;
    if (end === this.#added.length) {
      const larger = new Uint32Array(2 * this.#added.length);
      larger.set(this.#added);
      this.#added = larger;
    }
    for (let lane = 0; lane < this.#valueLanes; lane += 1) this.#added[end + lane] = values[at + lane] as number;
    this.#added[end + this.#valueLanes] = ordinal;
    this.#addedCount += 1;
  }

  /** Brings the added entries to their places and drops removed ones. */
  merge(): void {
    if (this.#addedCount === 0) return;
    const stride = this.#strideLanes;
    const sorted = this.#sortAdded();
    const merged = new Uint32Array((this.#count + this.#addedCount) * stride);
    let old = 0;
    let fresh = 0;
    let count = 0;
    while (old < this.#count || fresh < sorted.length) {
      const added = sorted[fresh] as number;
      const oldFirst =
        fresh === sorted.length || (old < this.#count && this.#compare(this.#entries, old, this.#added, added) <= 0);
      const source = oldFirst ? this.#entries : this.#added;
      const from = (oldFirst ? old : added) * stride;
      if (oldFirst) old += 1;
      else fresh += 1;
      if (this.#removed(source[from + this.#valueLanes] as number)) continue;
      for (let lane = 0; lane < stride; lane += 1) merged[count * stride + lane] = source[from + lane] as number;
      count += 1;
    }
    this.#entries = merged;
    this.#count = count;
    this.#addedCount = 0;
  }

  #sortAdded(): Uint32Array {
    const sorted = Uint32Array.from({ length: this.#addedCount }, (_, index) => index);
    let ascending = true;
    for (let index = 1; index < this.#addedCount && ascending; index += 1) {
      ascending = this.#compare(this.#added, index - 1, this.#added, index) <= 0;
    }
    return ascending ? sorted : sorted.sort((a, b) => this.#compare(this.#added, a, this.#added, b));
  }

  #compare(a: Uint32Array, aIndex: number, b: Uint32Array, bIndex: number): number {
    const aAt = aIndex * this.#strideLanes;
    const bAt = bIndex * this.#strideLanes;
    for (let lane = this.#valueLanes - 1; lane >= 0; lane -= 1) {
      const difference = (a[aAt + lane] as number) - (b[bAt + lane] as number);
      if (difference !== 0) return difference;
    }
    return this.#compareTimestamps(a[aAt + this.#valueLanes] as number, b[bAt + this.#valueLanes] as number);
  }

  #compareTimestamps(a: number, b: number): number {
    const lanes = this.#memory.u32;
    const aLane = this.#order.timestampLane(a);
    const bLane = this.#order.timestampLane(b);
    const high = (lanes[aLane + 1] as number) - (lanes[bLane + 1] as number);
    return high !== 0 ? high : (lanes[aLane] as number) - (lanes[bLane] as number);
  }
}
