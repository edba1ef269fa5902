/**
 * Keys in memory: key bytes, padded with zeros to 32 (spec 05 §3.3, §5.4), compared as unsigned integers.
 *
 * @module
 */
import { keySlotSizeBytes, type LinearMemory, type Pointer } from "@stagbeetle/kernels";

/** The size of a key's slot in lanes of 32 bits. */
const KEY_LANES: number = keySlotSizeBytes / 4;

/** Where a key is: 32 bytes at a multiple of 4. */
export type KeyPointer = Pointer;

/** Negative, 0 or positive as the key at `a` is below, equal to or above that at `b`. */
export function compareKeys(lanes: Uint32Array, a: KeyPointer, b: KeyPointer): number {
  const atA = a >>> 2;
  const atB = b >>> 2;
  for (let lane = KEY_LANES - 1; lane >= 0; lane -= 1) {
    const difference = (lanes[atA + lane] as number) - (lanes[atB + lane] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Copies a key. */
export function copyKey(lanes: Uint32Array, target: KeyPointer, source: KeyPointer): void {
  lanes.copyWithin(target >>> 2, source >>> 2, (source >>> 2) + KEY_LANES);
}

/** The key as an integer: for messages and tests. */
export function keyInteger(memory: LinearMemory, key: KeyPointer): bigint {
  let integer = 0n;
  for (let word = 3; word >= 0; word -= 1) integer = (integer << 64n) | memory.view.getBigUint64(key + 8 * word, true);
  return integer;
}

/** Two keys in memory that span a range, both inclusive; or nothing. Allocates 64 bytes once. */
export class KeyRange {
  readonly min: KeyPointer;
  readonly max: KeyPointer;
  readonly #lanes: Uint32Array;
  #empty = true;

  constructor(memory: LinearMemory, label: string) {
    this.min = memory.allocate(2 * keySlotSizeBytes, 16, label);
    this.max = this.min + keySlotSizeBytes;
    this.#lanes = memory.u32;
  }

  get empty(): boolean {
    return this.#empty;
  }

  clear(): void {
    this.#empty = true;
  }

  set(min: KeyPointer, max: KeyPointer): void {
    this.#empty = false;
    copyKey(this.#lanes, this.min, min);
    copyKey(this.#lanes, this.max, max);
  }

  copy(other: KeyRange): void {
    if (other.empty) this.clear();
    else this.set(other.min, other.max);
  }

  /** Widens the range so that it holds all keys from `min` to `max`. */
  extend(min: KeyPointer, max: KeyPointer): void {
    if (this.#empty) {
      this.set(min, max);
      return;
    }
    if (compareKeys(this.#lanes, min, this.min) < 0) copyKey(this.#lanes, this.min, min);
    if (compareKeys(this.#lanes, max, this.max) > 0) copyKey(this.#lanes, this.max, max);
  }

  /** The same for one key of 8 bytes, in two lanes. */
  extendU64(keys: Uint32Array, at: number): void {
    const low = keys[at] as number;
    const high = keys[at + 1] as number;
    if (this.#empty) {
      const lanes = this.#lanes;
      lanes.fill(0, this.min >>> 2, (this.max >>> 2) + KEY_LANES);
      this.#empty = false;
      this.#setU64(this.min, low, high);
      this.#setU64(this.max, low, high);
      return;
    }
    if (this.#u64Above(this.max, low, high) < 0) this.#setU64(this.max, low, high);
    else if (this.#u64Above(this.min, low, high) > 0) this.#setU64(this.min, low, high);
  }

  contains(key: KeyPointer): boolean {
    if (this.#empty) return false;
    return compareKeys(this.#lanes, key, this.min) >= 0 && compareKeys(this.#lanes, key, this.max) <= 0;
  }

  /** Positive, 0 or negative as the bound at `key`, of 8 bytes, is above, equal to or below the number. */
  #u64Above(key: KeyPointer, low: number, high: number): number {
    const difference = (this.#lanes[(key >>> 2) + 1] as number) - high;
    return difference === 0 ? (this.#lanes[key >>> 2] as number) - low : difference;
  }

  #setU64(key: KeyPointer, low: number, high: number): void {
    this.#lanes[key >>> 2] = low;
    this.#lanes[(key >>> 2) + 1] = high;
  }
}
