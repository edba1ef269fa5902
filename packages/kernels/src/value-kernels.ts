/**
 * Kernels over the values of one LSM tree: records of fixed size that are ordered by a key derived from the record
 * (spec 05 §3.3). `assembly/values.ts`, `sort.ts` and `merge.ts` have the loops.
 *
 * A key travels as *key bytes*: the little-endian bytes of the key integer, padded with zeros to {@link keySlotSizeBytes}.
 */

import { assert, fail } from "./assert.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";

/** Bytes that a key takes in memory, whatever its kind. */
export const keySlotSizeBytes: number = 32;

/**
 * What the key of a value is.
 *
 * - `timestamp`: the u64 at the layout's offset without its bit 63. Objects of 8, 16, 32, … bytes.
 * - `unique`: the u128 at 0; timestamp at 16; 32 bytes.
 * - `composite64`: field u64 at 0, then timestamp u64; 16 bytes.
 * - `composite128`: field u128 at 0, then timestamp u64, then 8 zero bytes; 32 bytes.
 */
export type ValueKey = "timestamp" | "unique" | "composite64" | "composite128";

/** The shape of a tree's values. */
export interface ValueLayout {
  readonly key: ValueKey;
  readonly sizeBytes: number;
  /** Where the timestamp is, whose bit 63 marks a tombstone. */
  readonly timestampOffset: number;
  /** Two values of one key are a value and its tombstone, and annihilate. If not, the newer one replaces the older. */
  readonly secondary: boolean;
}

const kinds: readonly ValueKey[] = ["timestamp", "unique", "composite64", "composite128"];
const keySizes: Readonly<Record<ValueKey, number>> = { timestamp: 8, unique: 16, composite64: 16, composite128: 32 };
/** Of the 32 key bytes of composite128, the last 8 are always zero. */
const keyWords: Readonly<Record<ValueKey, number>> = { timestamp: 1, unique: 2, composite64: 2, composite128: 3 };
const fixedSizes = { unique: 32, composite64: 16, composite128: 32 } as const;
const fixedTimestampOffsets = { unique: 16, composite64: 8, composite128: 16 } as const;

const layoutSizeBytes = 16;
/** Values of this size or more are sorted by entries of timestamp and number: assembly/sort.ts. */
const indirectSizeMinBytes = 64;
const indirectEntrySizeBytes = 16;
const sortFailed = 0xffffffff;

/** What goes wrong in a merge, by the number that the kernel gives. */
export const mergeFaults: readonly string[] = [
  "none",
  "two entries of one key of a secondary index are not a value and its tombstone",
  "a tombstone of a secondary index met no value, and there is nothing below",
];

/** Bytes of the key bytes of a kind, as index blocks store them. */
export function keySizeBytesOf(key: ValueKey): number {
  return keySizes[key];
}

/** Bytes of scratch that {@link ValueKernels.sort} needs for `count` values. */
export function sortScratchSizeBytes(layout: ValueLayout, count: number): number {
  const values = count * layout.sizeBytes;
  return layout.sizeBytes >= indirectSizeMinBytes ? values + 2 * count * indirectEntrySizeBytes : values;
}

/** Sorts, searches and compares the values of one layout. */
export class ValueKernels {
  readonly kernels: Kernels;
  readonly layout: ValueLayout;
  readonly keySizeBytes: number;
  /** The layout in memory, for the kernels. */
  readonly pointer: Pointer;

  /** Takes 16 bytes of memory under `label`. */
  constructor(kernels: Kernels, layout: ValueLayout, label: string = "value layouts") {
    const { key, sizeBytes, timestampOffset, secondary } = layout;
    if (key === "timestamp") {
      assert(sizeBytes === 8 || (sizeBytes > 0 && sizeBytes % 16 === 0), () => `values of ${sizeBytes} bytes`);
      assert(timestampOffset % 8 === 0 && timestampOffset + 8 <= sizeBytes, () => `timestamp at ${timestampOffset}`);
    } else {
      assert(sizeBytes === fixedSizes[key], () => `${key}: values of ${sizeBytes} bytes`);
      assert(timestampOffset === fixedTimestampOffsets[key], () => `${key}: timestamp at ${timestampOffset}`);
    }
    this.kernels = kernels;
    this.layout = layout;
    this.keySizeBytes = keySizes[key];
    this.pointer = kernels.memory.allocate(layoutSizeBytes, layoutSizeBytes, label);
    kernels.memory.u32.set([kinds.indexOf(key), sizeBytes, timestampOffset, secondary ? 1 : 0], this.pointer / 4);
  }

  /**
   * Sorts `count` values stably and drops duplicates: of each key the last value stays, or, in a secondary index, a value
   * and its tombstone both go.
   *
   * @param scratch {@link sortScratchSizeBytes} bytes.
   * @returns how many values stay.
   */
  sort(values: Pointer, count: number, scratch: Pointer): number {
    const { memory, exports } = this.kernels;
    memory.assertRange(values, count * this.layout.sizeBytes);
    memory.assertRange(scratch, sortScratchSizeBytes(this.layout, count));
    const kept = exports.valueSort(this.pointer, values, count, scratch) >>> 0;
    if (kept === sortFailed) fail(mergeFaults[1] as string);
    return kept;
  }

  /** Negative if the key of the value at `a` is below that at `b`, 0 if they are equal, else positive. */
  compare(a: Pointer, b: Pointer): number {
    return this.kernels.exports.valueCompare(this.pointer, a, b);
  }

  /** Writes the key bytes of a value, {@link keySlotSizeBytes} with their padding. */
  writeKey(value: Pointer, key: Pointer): void {
    this.kernels.memory.assertRange(value, this.layout.sizeBytes);
    this.kernels.memory.assertRange(key, keySlotSizeBytes);
    this.kernels.exports.valueWriteKey(this.pointer, value, key);
  }

  /** Writes the smallest and the greatest key of `count` values, of which there is at least one, to two key slots. */
  writeKeyRange(values: Pointer, count: number, keys: Pointer): void {
    assert(count > 0, "the keys of no values");
    this.kernels.memory.assertRange(values, count * this.layout.sizeBytes);
    this.kernels.memory.assertRange(keys, 2 * keySlotSizeBytes);
    this.kernels.exports.valueKeyRange(this.pointer, values, count, keys);
  }

  /** How many of the ascending values have a key below `key`. */
  lowerBound(values: Pointer, count: number, key: Pointer): number {
    this.kernels.memory.assertRange(values, count * this.layout.sizeBytes);
    return this.kernels.exports.valueBound(this.pointer, values, count, key, 0) >>> 0;
  }

  /** How many of the ascending values have a key that is not above `key`. */
  upperBound(values: Pointer, count: number, key: Pointer): number {
    this.kernels.memory.assertRange(values, count * this.layout.sizeBytes);
    return this.kernels.exports.valueBound(this.pointer, values, count, key, 1) >>> 0;
  }

  /** The value with this key among ascending ones, or 0. */
  find(values: Pointer, count: number, key: Pointer): Pointer {
    const at = this.lowerBound(values, count, key);
    if (at === count) return 0;
    const value = values + at * this.layout.sizeBytes;
    return this.kernels.exports.valueBound(this.pointer, value, 1, key, 1) === 1 ? value : 0;
  }

  /**
   * The same for the keys of `wantedCount` ascending values: where each is among `count` ascending ones, or 0, as u32 in
   * `results`.
   */
  findMany(values: Pointer, count: number, wanted: Pointer, wantedCount: number, results: Pointer): void {
    const { memory, exports } = this.kernels;
    memory.assertRange(values, count * this.layout.sizeBytes);
    memory.assertRange(wanted, wantedCount * this.layout.sizeBytes);
    memory.assertRange(results, 4 * wantedCount);
    exports.valueFindMany(this.pointer, values, count, wanted, wantedCount, results);
  }

  /** How many of `count` values, from the first, have strictly ascending keys. */
  ascendingCount(values: Pointer, count: number): number {
    this.kernels.memory.assertRange(values, count * this.layout.sizeBytes);
    return this.kernels.exports.valueFirstDisorder(this.pointer, values, count) >>> 0;
  }

  /** How many of the ascending keys, `strideBytes` apart in key bytes, are below `key`. */
  keyLowerBound(keys: Pointer, strideBytes: number, count: number, key: Pointer): number {
    const { memory, exports } = this.kernels;
    if (count > 0) memory.assertRange(keys, (count - 1) * strideBytes + this.keySizeBytes);
    return exports.keyLowerBound(keys, strideBytes, count, key, keyWords[this.layout.key]) >>> 0;
  }
}
