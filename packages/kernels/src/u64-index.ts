/** A hash index from keys of 8 bytes (u64: timestamps, addresses) to slots. */

import { HashIndex, hashIndexSizeBytes } from "./hash-index.ts";
import type { HashIndexOptions } from "./hash-index.ts";
import type { IndexExports } from "./kernel-module.ts";
import type { Kernels } from "./kernels.ts";

const keySizeBytes = 8;
/** Keys and values that fit in a bucket of 64 bytes, with four bytes about the bucket. */
const slotsPerBucket = 5;

function exportsOf({ exports }: Kernels): IndexExports {
  return {
    get: exports.u64IndexGet,
    getMany: exports.u64IndexGetMany,
    insert: exports.u64IndexInsert,
    replace: exports.u64IndexReplace,
    remove: exports.u64IndexRemove,
  };
}

/**
 * From keys of 8 bytes (u64: timestamps, addresses) to u32 values below 0xffffffff.
 *
 * @example
 * const index = new U64Index(kernels, { capacity: 100_000, label: "transfers by timestamp" });
 * index.insert(timestampPointer, slot); // absent: it is new
 * index.get(timestampPointer); // slot
 */
export class U64Index extends HashIndex {
  constructor(kernels: Kernels, options: HashIndexOptions) {
    super(kernels, exportsOf(kernels), keySizeBytes, slotsPerBucket, options);
  }

  /** Bytes that an index for `capacity` keys takes. */
  static sizeBytes(capacity: number): number {
    return hashIndexSizeBytes(capacity, slotsPerBucket);
  }
}
