/**
 * Hash indexes in linear memory: from keys of a fixed size to values of 32 bits (the slot of a record, say), of a
 * capacity chosen once. The probing is in `assembly/hash-index.ts`; this file has the contract.
 */

import { assert, fail } from "./assert.ts";
import type { IndexExports } from "./kernel-module.ts";
import type { Kernels } from "./kernels.ts";
import type { LinearMemory, Pointer } from "./linear-memory.ts";

/** What a lookup gives for a key that is not there. It cannot be a value. */
export const absent: number = 0xffffffff;

/** The default seed of the hash: one for all, so that replicas agree in every last byte of their memory. */
const hashSeedDefault: bigint = 0x5347_4245_4554_4c45n;

// Offsets of the header, and sizes, as in assembly/hash-index.ts.
const headerSizeBytes = 64;
const bucketSizeBytes = 64;
const seedOffset = 0;
const bucketMaskOffset = 8;
const countOffset = 12;

/** An index never fills more than this part of its slots: beyond it, probing gets long. */
const loadMax = 0.75;

/** Capacity, place and seed of an index. */
export interface HashIndexOptions {
  /** How many keys it must hold at least. Buckets are a power of two, so it may hold up to about twice as many. */
  readonly capacity: number;
  /** Whose memory this is, for `LinearMemory.usage`. */
  readonly label?: string;
  /** Varies the order of keys within the index, never a result. */
  readonly seed?: bigint;
  /** Where the index lies: `sizeBytes` bytes at a multiple of 64, which it clears. Allocated unless given. */
  readonly pointer?: Pointer;
}

function bucketCountFor(capacity: number, slotsPerBucket: number): number {
  assert(Number.isSafeInteger(capacity) && capacity > 0, () => `capacity ${capacity}: expected a positive integer`);
  return 2 ** Math.max(0, Math.ceil(Math.log2(capacity / (slotsPerBucket * loadMax))));
}

/** Bytes that an index for `capacity` keys takes. */
export function hashIndexSizeBytes(capacity: number, slotsPerBucket: number): number {
  return headerSizeBytes + bucketCountFor(capacity, slotsPerBucket) * bucketSizeBytes;
}

/**
 * What {@link IdIndex} and {@link U64Index} have in common. Every operation on a key returns the value that the key
 * had before it, {@link absent} for none. Keys are read where `key` points, at any alignment; nothing is allocated.
 */
export abstract class HashIndex {
  /** Where it lies. */
  readonly pointer: Pointer;
  readonly sizeBytes: number;
  /** How many keys it can hold. */
  readonly capacity: number;
  readonly #memory: LinearMemory;
  readonly #exports: IndexExports;
  readonly #keySizeBytes: number;
  readonly #label: string;

  protected constructor(
    kernels: Kernels,
    exports: IndexExports,
    keySizeBytes: number,
    slotsPerBucket: number,
    options: HashIndexOptions,
  ) {
    const bucketCount = bucketCountFor(options.capacity, slotsPerBucket);
    const { label = "hash index", seed = hashSeedDefault } = options;
    assert(seed >= 0n && seed < 1n << 64n, () => `${label}: seed ${seed} is no u64`);
    this.#memory = kernels.memory;
    this.#exports = exports;
    this.#keySizeBytes = keySizeBytes;
    this.#label = label;
    this.sizeBytes = hashIndexSizeBytes(options.capacity, slotsPerBucket);
    this.capacity = Math.floor(bucketCount * slotsPerBucket * loadMax);
    this.pointer = options.pointer ?? kernels.memory.allocate(this.sizeBytes, bucketSizeBytes, label);
    kernels.memory.assertRange(this.pointer, this.sizeBytes);
    assert(
      this.pointer % bucketSizeBytes === 0,
      () => `${label}: pointer ${this.pointer} is no multiple of ${bucketSizeBytes}`,
    );
    assert(this.capacity >= options.capacity, () => `${label}: ${this.capacity} is under ${options.capacity}`);
    this.#memory.view.setBigUint64(this.pointer + seedOffset, seed, true);
    this.#memory.view.setUint32(this.pointer + bucketMaskOffset, bucketCount - 1, true);
    // Memory that was never handed out before is zero, and touching it would make it resident.
    if (options.pointer === undefined) this.#setCount(0);
    else this.clear();
  }

  /** How many keys it holds. */
  get count(): number {
    return this.#memory.view.getUint32(this.pointer + countOffset, true);
  }

  /** The value of the key at `key`. */
  get(key: Pointer): number {
    this.#memory.assertRange(key, this.#keySizeBytes);
    return this.#exports.get(this.pointer, key) >>> 0;
  }

  /**
   * Looks up `count` keys, the first at `keys` and each next one `strideBytes` further (so that keys can stay in their
   * records), and writes their values as u32 to `results`.
   */
  lookupMany(keys: Pointer, strideBytes: number, count: number, results: Pointer): void {
    if (!Number.isSafeInteger(count) || count < 0) fail(`${this.#label}: look up ${count} keys`);
    if (!Number.isSafeInteger(strideBytes) || strideBytes < 0) fail(`${this.#label}: stride of ${strideBytes} bytes`);
    if (count === 0) return;
    this.#memory.assertRange(keys, strideBytes * (count - 1) + this.#keySizeBytes);
    this.#memory.assertRange(results, 4 * count);
    this.#exports.getMany(this.pointer, keys, strideBytes, count, results);
  }

  /** Adds the key at `key`. A key that is there keeps its value, which is returned. Asserts that there is room. */
  insert(key: Pointer, value: number): number {
    this.#memory.assertRange(key, this.#keySizeBytes);
    this.#assertValue(value);
    if (this.count >= this.capacity) fail(`${this.#label}: full with ${this.count} keys of ${this.capacity}`);
    return this.#exports.insert(this.pointer, key, value) >>> 0;
  }

  /** Gives the key at `key` another value; a key that is not there is not added. */
  replace(key: Pointer, value: number): number {
    this.#memory.assertRange(key, this.#keySizeBytes);
    this.#assertValue(value);
    return this.#exports.replace(this.pointer, key, value) >>> 0;
  }

  /** Takes the key at `key` out, if it is there. */
  remove(key: Pointer): number {
    this.#memory.assertRange(key, this.#keySizeBytes);
    return this.#exports.remove(this.pointer, key) >>> 0;
  }

  /** Takes all keys out. */
  clear(): void {
    this.#memory.bytes.fill(0, this.pointer + headerSizeBytes, this.pointer + this.sizeBytes);
    this.#setCount(0);
  }

  #assertValue(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= absent) fail(`${this.#label}: value ${value} is no slot`);
  }

  #setCount(count: number): void {
    this.#memory.view.setUint32(this.pointer + countOffset, count, true);
  }
}
