/**
 * Deriving the entries that an index has for a range of objects, in one call (spec 05 §3.3, §3.4). `assembly/entries.ts` has
 * the loop.
 */

import { assert } from "./assert.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";

/** Which objects have an entry: those of which a lane, masked, equals a value, or does not. */
export interface EntryCondition {
  /** The number of the lane of 32 bits in the object. */
  readonly lane: number;
  readonly mask: number;
  readonly value: number;
  readonly equal: boolean;
}

/** Where entries come from: a field of objects of one size. Sizes and offsets in bytes. */
export interface EntrySource {
  /** 32: field u128, timestamp, 8 zero bytes. 16: field u64, timestamp. 8: timestamp. */
  readonly entrySizeBytes: 8 | 16 | 32;
  readonly objectSizeBytes: number;
  readonly fieldOffset: number;
  /** Widened with zeros to the entry's field. */
  readonly fieldSizeBytes: 1 | 2 | 4 | 8 | 16;
  /** Whether an object whose field is zero has no entry. */
  readonly zeroAbsent: boolean;
  readonly timestampOffset: number;
  /** All objects have an entry without one, as far as the field allows it. */
  readonly condition: EntryCondition | null;
}

const conditionNone: EntryCondition = { lane: 0, mask: 0, value: 0, equal: true };

const sourceSizeBytes = 40;

/** Derives the entries of one index. */
export class EntryKernel {
  readonly source: EntrySource;
  readonly #kernels: Kernels;
  readonly #pointer: Pointer;

  /** Takes 40 bytes of memory under `label`. */
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
    assert(fieldSizeBytes < 16 || entrySizeBytes !== 16, "a field of 16 bytes in an entry of 16");
    const { lane, mask, value, equal } = source.condition ?? conditionNone;
    assert(4 * lane < objectSizeBytes, () => `lane ${lane} of an object of ${objectSizeBytes} bytes`);
    this.source = source;
    this.#kernels = kernels;
    this.#pointer = kernels.memory.allocate(sourceSizeBytes, 8, label);
    const { u32 } = kernels.memory;
    const at = this.#pointer / 4;
    u32.set([entrySizeBytes, objectSizeBytes, fieldOffset, fieldSizeBytes, zeroAbsent ? 1 : 0, timestampOffset], at);
    u32.set([4 * lane, mask, value, equal ? 1 : 0], at + 6);
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
