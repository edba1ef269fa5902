/**
 * One checksum per slot, 16 bytes each.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { readU128, writeU128 } from "@stagbeetle/vsr-protocol";
import type { Slot } from "./slot.ts";

const CHECKSUM_SIZE_BYTES = 16;

/** A u128 per slot. All zero when made. */
export class ChecksumRing {
  readonly #view: DataView;

  constructor(memory: LinearMemory, slotCount: number, label: string) {
    assert(slotCount > 0, () => `a ring of ${slotCount} checksums`);
    const sizeBytes = slotCount * CHECKSUM_SIZE_BYTES;
    const start = memory.allocate(sizeBytes, CHECKSUM_SIZE_BYTES, label);
    memory.bytes.fill(0, start, start + sizeBytes);
    this.#view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset + start, sizeBytes);
  }

  at(slot: Slot): bigint {
    return readU128(this.#view, slot * CHECKSUM_SIZE_BYTES);
  }

  set(slot: Slot, checksum: bigint): void {
    writeU128(this.#view, slot * CHECKSUM_SIZE_BYTES, checksum);
  }
}
