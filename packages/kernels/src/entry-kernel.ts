/**
 * Deriving the entries that an index has for a range of objects, in one call (spec 05 §3.3, §3.4). `assembly/entries.ts` has
 * the loop.
 */

import { assert } from "./assert.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";

/** Where entries come from: a field of objects of one size. Sizes and offsets in bytes. */
export interface EntrySource {
  /** 32: field u128, timestamp, 8 zero bytes. 16: field u64, timestamp. */
  readonly entrySizeBytes: 16 | 32;
  readonly objectSizeBytes: number;
  readonly fieldOffset: number;
  /** Widened with zeros to the entry's field. */
  readonly fieldSizeBytes: 1 | 2 | 4 | 8 | 16;
  /** Whether an object whose field is zero has no entry. */
  readonly zeroAbsent: boolean;
  readonly timestampOffset: number;
}

const sourceSizeBytes = 24;

/** Derives the entries of one index. */
export class EntryKernel {
  readonly source: EntrySource;
  readonly #kernels: Kernels;
  readonly #pointer: Pointer;

  /** Takes 24 bytes of memory under `label`. */
  constructor(kernels: Kernels, source: EntrySource, label: string) {
    const { entrySizeBytes, objectSizeBytes, fieldOffset, fieldSizeBytes, zeroAbsent, timestampOffset } = source;
    assert(objectSizeBytes > 0 && objectSizeBytes % 16 === 0, () => `objects of ${objectSizeBytes} bytes`);
    assert(
      fieldOffset + fieldSizeBytes <= objectSizeBytes,
      () => `a field of ${fieldSizeBytes} bytes at ${fieldOffset}`,
    );
    assert(
      timestampOffset % 8 === 0 && timestampOffset + 8 <= objectSizeBytes,
      () => `timestamp at ${timestampOffset}`,
    );
    assert(fieldSizeBytes < 16 || entrySizeBytes === 32, "a field of 16 bytes in an entry of 16");
    this.source = source;
    this.#kernels = kernels;
    this.#pointer = kernels.memory.allocate(sourceSizeBytes, 8, label);
    kernels.memory.u32.set(
      [entrySizeBytes, objectSizeBytes, fieldOffset, fieldSizeBytes, zeroAbsent ? 1 : 0, timestampOffset],
      this.#pointer / 4,
    );
  }

  /**
   * Writes the entries of `count` objects that follow each other to the room from `target` to before `end`, in the objects'
   * order. Asserts that they fit.
   *
   * @returns how many entries there are.
   */
  derive(objects: Pointer, count: number, target: Pointer, end: Pointer): number {
    const { memory, exports } = this.#kernels;
    const { objectSizeBytes, entrySizeBytes } = this.source;
    memory.assertRange(objects, count * objectSizeBytes);
    memory.assertRange(target, end - target);
    const written = exports.deriveEntries(this.#pointer, objects, count, target, end) >>> 0;
    assert(written !== 0, () => `the entries of ${count} objects do not fit in ${end - target} bytes`);
    return (written - target) / entrySizeBytes;
  }
}
