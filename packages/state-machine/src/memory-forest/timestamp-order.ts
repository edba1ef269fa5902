/**
 * The objects of a groove by timestamp: its object tree.
 *
 * Objects nearly always come with ascending timestamps; then the order is that of insertion and nothing is stored.
 * After the first object that comes late, the order is an array of ordinals, brought up to date before it is read.
 *
 * @module
 */
import { assert, fail } from "@stagbeetle/kernels";
import type { ForestMemory } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import type { ObjectStore } from "./object-store.ts";

/** What {@link TimestampOrder.restore} goes back to. */
export interface TimestampOrderState {
  readonly newestLow: number;
  readonly newestHigh: number;
  readonly ascending: boolean;
}

/** Maps positions (0 is the oldest timestamp) to ordinals. Only objects that were there at the last `catchUp` have a position. */
export class TimestampOrder {
  readonly #memory: ForestMemory;
  readonly #store: ObjectStore;
  readonly #timestampOffset: number;
  /** The greatest timestamp of all objects; 0 if there are none. */
  readonly newest: Uint32Array = new Uint32Array(2);
  readonly #wanted = new Uint32Array(2);
  /** Whether all objects, also those without a position yet, were inserted in the order of their timestamps. */
  #ascending = true;
  /** How many ordinals the order covers. */
  #coveredCount = 0;
  /** Null while position and ordinal are the same. */
  #ordinals: Uint32Array | null = null;
  #positionCount = 0;
  #generation = 0;

  constructor(memory: ForestMemory, store: ObjectStore, timestampOffset: number) {
    this.#memory = memory;
    this.#store = store;
    this.#timestampOffset = timestampOffset;
  }

  /** How many positions there are. */
  get count(): number {
    return this.#positionCount;
  }

  /** Changes whenever a position comes to mean another object. */
  get generation(): number {
    return this.#generation;
  }

  /** Notes that an object with this timestamp was inserted. */
  inserted(lanes: Uint32Array, at: number): void {
    if (u64.lessThan(this.newest, 0, lanes, at)) u64.copy(this.newest, 0, lanes, at);
    else this.#ascending = false;
  }

  save(): TimestampOrderState {
    return {
      newestLow: this.newest[0] as number,
      newestHigh: this.newest[1] as number,
      ascending: this.#ascending,
    };
  }

  /** Forgets the insertions since `save`. There was no `catchUp` in between. */
  restore(state: TimestampOrderState): void {
    assert(this.#coveredCount <= this.#store.count, "objects with a position are taken back");
    this.newest[0] = state.newestLow;
    this.newest[1] = state.newestHigh;
    this.#ascending = state.ascending;
  }

  /** Gives a position to every object. */
  catchUp(): void {
    const count = this.#store.count;
    if (this.#coveredCount === count) return;
    if (this.#ascending) {
      this.#coveredCount = count;
      this.#positionCount = count;
      return;
    }
    const tail = this.#sortedTail(count);
    if (this.#ordinals !== null && this.#newerThanOrder(tail[0] as number)) this.#append(tail);
    else this.#merge(tail);
    this.#coveredCount = count;
  }

  /** The object at a position. */
  ordinalAt(position: number): number {
    if (position < 0 || position >= this.#positionCount) fail(`position ${position} of ${this.#positionCount}`);
    return this.#ordinals === null ? position : (this.#ordinals[position] as number);
  }

  /** The lane at which the timestamp of an object begins. */
  timestampLane(ordinal: number): number {
    return (this.#store.pointerOf(ordinal) + this.#timestampOffset) >>> 2;
  }

  /** The first position whose timestamp is at least this one; `count` if there is none. */
  lowerBound(timestamp: bigint): number {
    u64.fromBigInt(this.#wanted, 0, timestamp);
    return this.#lowerBound(this.#wanted, 0);
  }

  /** The position of exactly this timestamp, or −1. */
  find(timestamps: Uint32Array, at: number): number {
    const position = this.#lowerBound(timestamps, at);
    if (position === this.#positionCount) return -1;
    const lane = this.timestampLane(this.ordinalAt(position));
    return u64.equal(this.#memory.u32, lane, timestamps, at) ? position : -1;
  }

  /** The ordinal of the newest object with this timestamp, with a position or without, or −1. */
  findOrdinal(timestamps: Uint32Array, at: number): number {
    const lanes = this.#memory.u32;
    if (this.#ascending) {
      const ordinal = this.#search(timestamps, at, this.#store.count, null);
      const found = ordinal < this.#store.count && u64.equal(lanes, this.timestampLane(ordinal), timestamps, at);
      return found ? ordinal : -1;
    }
    for (let ordinal = this.#store.count - 1; ordinal >= this.#coveredCount; ordinal -= 1) {
      if (u64.equal(lanes, this.timestampLane(ordinal), timestamps, at)) return ordinal;
    }
    const position = this.find(timestamps, at);
    return position === -1 ? -1 : this.ordinalAt(position);
  }

  #lowerBound(timestamps: Uint32Array, at: number): number {
    return this.#search(timestamps, at, this.#positionCount, this.#ordinals);
  }

  #search(timestamps: Uint32Array, at: number, count: number, ordinals: Uint32Array | null): number {
    const lanes = this.#memory.u32;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ordinal = ordinals === null ? middle : (ordinals[middle] as number);
      if (u64.lessThan(lanes, this.timestampLane(ordinal), timestamps, at)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The ordinals not yet covered, by timestamp. */
  #sortedTail(count: number): Uint32Array {
    const lanes = this.#memory.u32;
    const tail = Uint32Array.from({ length: count - this.#coveredCount }, (_, index) => this.#coveredCount + index);
    return tail.sort((a, b) => {
      return u64.lessThan(lanes, this.timestampLane(a), lanes, this.timestampLane(b)) ? -1 : 1;
    });
  }

  #newerThanOrder(ordinal: number): boolean {
    if (this.#positionCount === 0) return true;
    const last = this.timestampLane(this.ordinalAt(this.#positionCount - 1));
    return u64.lessThan(this.#memory.u32, last, this.#memory.u32, this.timestampLane(ordinal));
  }

  #append(tail: Uint32Array): void {
    const ordinals = this.#ordinals;
    assert(ordinals !== null, "there is no order to append to");
    const count = this.#positionCount + tail.length;
    if (count > ordinals.length) {
      this.#ordinals = new Uint32Array(2 * count);
      this.#ordinals.set(ordinals.subarray(0, this.#positionCount));
    }
    for (const ordinal of tail) {
      if (!this.#newerThanOrder(ordinal)) fail("two objects have one timestamp");
      (this.#ordinals as Uint32Array)[this.#positionCount] = ordinal;
      this.#positionCount += 1;
    }
  }

  /** Merges the tail into the order. No two objects have the same timestamp. */
  #merge(tail: Uint32Array): void {
    const lanes = this.#memory.u32;
    const merged = new Uint32Array(this.#positionCount + tail.length);
    let position = 0;
    let taken = 0;
    let count = 0;
    while (position < this.#positionCount || taken < tail.length) {
      const old = position < this.#positionCount ? this.ordinalAt(position) : -1;
      const late = taken < tail.length ? (tail[taken] as number) : -1;
      const oldFirst =
        late === -1 || (old !== -1 && !u64.lessThan(lanes, this.timestampLane(late), lanes, this.timestampLane(old)));
      const ordinal = oldFirst ? old : late;
      if (oldFirst) position += 1;
      else taken += 1;
      const previous = count === 0 ? -1 : (merged[count - 1] as number);
      const ascends =
        previous === -1 || u64.lessThan(lanes, this.timestampLane(previous), lanes, this.timestampLane(ordinal));
      if (!ascends) fail("two objects have one timestamp");
      merged[count] = ordinal;
      count += 1;
    }
    this.#ordinals = merged;
    this.#positionCount = count;
    this.#generation += 1;
  }
}
