/**
 * For each value of an index, the ascending positions of the objects that have it.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { hashLanes } from "./key-table.ts";

const LIST_CAPACITY_MIN = 2;

/** A hash table of arrays that share one pool. Arrays double when they are full; their old room is used for others. */
export class PostingLists {
  readonly #valueLanes: number;
  #values: Uint32Array;
  #offsets = new Uint32Array(64);
  #lengths = new Uint32Array(64);
  #capacities = new Uint32Array(64);
  #listCount = 0;
  /** List number + 1, or 0 for an empty slot. At most half full. */
  #slots = new Uint32Array(128);
  #pool = new Uint32Array(256);
  #poolUsed = 0;
  /** By binary logarithm of the capacity: offsets of rooms that lists have left. */
  readonly #free: number[][] = [];

  /** @param valueLanes 0, 2 or 4: lanes of the indexed value. */
  constructor(valueLanes: number) {
    this.#valueLanes = valueLanes;
    this.#values = new Uint32Array(64 * Math.max(valueLanes, 1));
  }

  /** The positions themselves; a list is a range of it. Replaced when it grows. */
  get pool(): Uint32Array {
    return this.#pool;
  }

  /** The number of the list of this value, or −1. */
  find(values: Uint32Array, at: number): number {
    return (this.#slots[this.#slotOf(values, at)] as number) - 1;
  }

  /** Where a list begins in the pool. */
  offset(list: number): number {
    return this.#offsets[list] as number;
  }

  /** How many positions a list has. */
  length(list: number): number {
    return this.#lengths[list] as number;
  }

  /** Adds a position, which is greater than all others in the list, to the list of the value. */
  append(values: Uint32Array, at: number, position: number): void {
    let list = this.find(values, at);
    if (list === -1) list = this.#create(values, at);
    const length = this.length(list);
    if (length === this.#capacities[list]) this.#enlarge(list);
    const end = this.offset(list) + length;
    assert(length === 0 || (this.#pool[end - 1] as number) < position, () => `position ${position} is not the newest`);
    this.#pool[end] = position;
    this.#lengths[list] = length + 1;
  }

  #slotOf(values: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashLanes(values, at, this.#valueLanes) & mask;
    for (;;) {
      const list = (this.#slots[slot] as number) - 1;
      if (list === -1 || this.#matches(list, values, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #matches(list: number, values: Uint32Array, at: number): boolean {
    const stored = list * this.#valueLanes;
    for (let index = 0; index < this.#valueLanes; index += 1) {
      if (this.#values[stored + index] !== values[at + index]) return false;
    }
    return true;
  }

  #create(values: Uint32Array, at: number): number {
    const list = this.#listCount;
    if (2 * (list + 1) > this.#slots.length) this.#rehash();
    if (list === this.#offsets.length) this.#enlargeDirectory();
    this.#listCount += 1;
    for (let index = 0; index < this.#valueLanes; index += 1) {
      this.#values[list * this.#valueLanes + index] = values[at + index] as number;
    }
    this.#slots[this.#slotOf(values, at)] = list + 1;
    this.#offsets[list] = this.#room(LIST_CAPACITY_MIN);
    this.#capacities[list] = LIST_CAPACITY_MIN;
    return list;
  }

  #enlarge(list: number): void {
    const capacity = this.#capacities[list] as number;
    const from = this.offset(list);
    const to = this.#room(2 * capacity);
    this.#pool.copyWithin(to, from, from + capacity);
    this.#freeOf(capacity).push(from);
    this.#offsets[list] = to;
    this.#capacities[list] = 2 * capacity;
  }

  #room(capacity: number): number {
    const left = this.#freeOf(capacity).pop();
    if (left !== undefined) return left;
    const offset = this.#poolUsed;
    this.#poolUsed += capacity;
    if (this.#poolUsed > this.#pool.length) this.#pool = enlarged(this.#pool, this.#poolUsed);
    return offset;
  }

  #freeOf(capacity: number): number[] {
    const index = 31 - Math.clz32(capacity);
    while (this.#free.length <= index) this.#free.push([]);
    return this.#free[index] as number[];
  }

  #rehash(): void {
    this.#slots = new Uint32Array(2 * this.#slots.length);
    for (let list = 0; list < this.#listCount; list += 1) {
      this.#slots[this.#slotOf(this.#values, list * this.#valueLanes)] = list + 1;
    }
  }

  #enlargeDirectory(): void {
    const count = 2 * this.#offsets.length;
    this.#offsets = enlarged(this.#offsets, count);
    this.#lengths = enlarged(this.#lengths, count);
    this.#capacities = enlarged(this.#capacities, count);
    this.#values = enlarged(this.#values, count * Math.max(this.#valueLanes, 1));
  }
}

function enlarged(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(length, 2 * array.length));
  larger.set(array);
  return larger;
}
