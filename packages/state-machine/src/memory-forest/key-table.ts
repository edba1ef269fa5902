/**
 * A hash table from the primary keys of objects to the objects.
 *
 * Open addressing with linear probing, at most half full. A slot holds the key's hash and a reference; the key itself
 * stays in the object, so that a hit touches one slot and one object, and a miss almost always only a slot.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type ForestMemory, NOT_FOUND, ORPHANED, type Pointer } from "../forest.ts";

const SLOTS_MIN = 1 << 10;
/** References are pointers divided by 8, which leaves this bit for burnt keys. */
const ORPHAN_BIT = 0x8000_0000;

function scramble(hash: number, lane: number): number {
  let mixed = Math.imul(lane, 0xcc9e2d51);
  mixed = (mixed << 15) | (mixed >>> 17);
  mixed = hash ^ Math.imul(mixed, 0x1b873593);
  return Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64;
}

/** A 32-bit hash of 0, 2 or 4 lanes. */
export function hashLanes(lanes: Uint32Array, at: number, count: number): number {
  let hash = count;
  for (let index = 0; index < count; index += 1) hash = scramble(hash, lanes[at + index] as number);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Keys of two or four lanes that lie at a fixed offset in their records. */
export class KeyTable {
  readonly #memory: ForestMemory;
  readonly #keyLanes: number;
  readonly #keyOffsetLanes: number;
  /** Two lanes a slot: hash, then reference; reference 0 is an empty slot. */
  #slots = new Uint32Array(2 * SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #count = 0;

  /** @param keyOffset of the key in the record, in bytes. */
  constructor(memory: ForestMemory, keyLanes: 2 | 4, keyOffset: number) {
    assert(keyOffset % 4 === 0, () => `a key at ${keyOffset}`);
    this.#memory = memory;
    this.#keyLanes = keyLanes;
    this.#keyOffsetLanes = keyOffset >>> 2;
  }

  /** Makes room for so many keys more. */
  reserve(count: number): void {
    let slots = this.#mask + 1;
    if (2 * (this.#count + count) <= slots) return;
    while (2 * (this.#count + count) > slots) slots *= 2;
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * slots);
    this.#mask = slots - 1;
    for (let index = 0; index < old.length; index += 2) {
      const reference = old[index + 1] as number;
      if (reference !== 0) this.#place(old[index] as number, reference);
    }
  }

  /** The record with this key, or {@link ORPHANED}, or {@link NOT_FOUND}. */
  find(keys: Uint32Array, at: number): Pointer {
    const slot = this.#slotOf(keys, at, hashLanes(keys, at, this.#keyLanes));
    const reference = this.#slots[2 * slot + 1] as number;
    if (reference === 0) return NOT_FOUND;
    return reference >= ORPHAN_BIT ? ORPHANED : reference * 8;
  }

  /** Adds the key of the record at `record`, which must be new. */
  insert(record: Pointer, orphan: boolean): void {
    assert(2 * this.#count <= this.#mask, "the key table is full; more keys than were reserved");
    const keys = this.#memory.u32;
    const at = (record >>> 2) + this.#keyOffsetLanes;
    const hash = hashLanes(keys, at, this.#keyLanes);
    const slot = this.#slotOf(keys, at, hash);
    assert(this.#slots[2 * slot + 1] === 0, "the key is in the table already");
    this.#slots[2 * slot] = hash;
    this.#slots[2 * slot + 1] = (record / 8 + (orphan ? ORPHAN_BIT : 0)) >>> 0;
    this.#count += 1;
  }

  /**
   * Takes back the newest insertion, that of the record at `record`. Since nothing was inserted after it, no probe
   * sequence leads over its slot, and the slot can simply be emptied.
   */
  removeNewest(record: Pointer): void {
    const keys = this.#memory.u32;
    const at = (record >>> 2) + this.#keyOffsetLanes;
    const slot = this.#slotOf(keys, at, hashLanes(keys, at, this.#keyLanes));
    assert(this.#slots[2 * slot + 1] === record / 8, "the key to remove is not in the table");
    this.#slots[2 * slot] = 0;
    this.#slots[2 * slot + 1] = 0;
    this.#count -= 1;
  }

  /** The slot that holds the key, or the empty one where it belongs. */
  #slotOf(keys: Uint32Array, at: number, hash: number): number {
    const slots = this.#slots;
    let slot = hash & this.#mask;
    for (;;) {
      const reference = slots[2 * slot + 1] as number;
      if (reference === 0) return slot;
      if (slots[2 * slot] === hash && this.#matches(reference, keys, at)) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #matches(reference: number, keys: Uint32Array, at: number): boolean {
    const lanes = this.#memory.u32;
    const stored = ((reference & ~ORPHAN_BIT) * 2 + this.#keyOffsetLanes) >>> 0;
    for (let index = 0; index < this.#keyLanes; index += 1) {
      if (lanes[stored + index] !== keys[at + index]) return false;
    }
    return true;
  }

  #place(hash: number, reference: number): void {
    let slot = hash & this.#mask;
    while (this.#slots[2 * slot + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[2 * slot] = hash;
    this.#slots[2 * slot + 1] = reference;
  }
}
