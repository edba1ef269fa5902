/** A hash index from ids of 16 bytes (u128) to slots. */

import { HashIndex, hashIndexSizeBytes } from "./hash-index.ts";
import type { HashIndexOptions } from "./hash-index.ts";
import type { IndexExports } from "./kernel-module.ts";
import type { Kernels } from "./kernels.ts";

const keySizeBytes = 16;
/** Keys and values that fit in a bucket of 64 bytes, with four bytes about the bucket. */
const slotsPerBucket = 3;

function exportsOf({ exports }: Kernels): IndexExports {
  return {
    get: exports.idIndexGet,
    getMany: exports.idIndexGetMany,
    insert: exports.idIndexInsert,
    replace: exports.idIndexReplace,
    remove: exports.idIndexRemove,
  };
}

/**
 * From ids of 16 bytes (u128) to u32 values below 0xffffffff.
 *
 * @example
 * const index = new IdIndex(kernels, { capacity: 100_000, label: "accounts by id" });
 * index.insert(idPointer, slot); // absent: it is new
 * index.get(idPointer); // slot
 * index.lookupMany(transfersPointer + 16, 128, transferCount, slotsPointer);
 */
export class IdIndex extends HashIndex {
  constructor(kernels: Kernels, options: HashIndexOptions) {
    super(kernels, exportsOf(kernels), keySizeBytes, slotsPerBucket, options);
  }

  /** Bytes that an index for `capacity` keys takes. */
  static sizeBytes(capacity: number): number {
    return hashIndexSizeBytes(capacity, slotsPerBucket);
  }
}
