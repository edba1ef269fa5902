/**
 * Rings of prepare headers, laid out in memory exactly as in the `wal_headers` zone of the data file (spec 04 §3, §9).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { HEADER_SIZE_BYTES, Operation, PrepareHeader, SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import type { Slot } from "./slot.ts";

/** How many headers one sector of the header ring holds. */
const HEADERS_PER_SECTOR: number = SECTOR_SIZE_BYTES / HEADER_SIZE_BYTES;

/** One prepare header per slot, 256 bytes each. All zero when made, which is no valid header. */
export class HeaderRing {
  /** The whole ring: `slotCount` × 256 bytes, aligned to a sector. */
  readonly bytes: Uint8Array;
  readonly #headers: readonly PrepareHeader[];

  constructor(memory: LinearMemory, slotCount: number, label: string) {
    assert(slotCount > 0 && slotCount % HEADERS_PER_SECTOR === 0, () => `${slotCount} headers are not whole sectors`);
    const sizeBytes = slotCount * HEADER_SIZE_BYTES;
    const start = memory.allocate(sizeBytes, SECTOR_SIZE_BYTES, label);
    const bytes = memory.bytes.subarray(start, start + sizeBytes);
    bytes.fill(0);
    this.bytes = bytes;
    this.#headers = Array.from({ length: slotCount }, (_, slot) => new PrepareHeader(bytes, slot * HEADER_SIZE_BYTES));
  }

  /** The header of a slot: a view, made once, that shows whatever the slot holds at the time of looking. */
  at(slot: Slot): PrepareHeader {
    const header = this.#headers[slot];
    assert(header !== undefined, () => `no slot ${slot}`);
    return header;
  }

  /** Copies a header's 256 bytes into the slot. */
  set(slot: Slot, header: PrepareHeader): void {
    this.bytes.set(headerBytes(header), slot * HEADER_SIZE_BYTES);
  }

  /** The sector of the ring that holds the slot: its headers as they go to disk, 4096 bytes. */
  sector(slot: Slot): Uint8Array {
    const start = headerSectorIndex(slot) * SECTOR_SIZE_BYTES;
    return this.bytes.subarray(start, start + SECTOR_SIZE_BYTES);
  }
}

/** Which sector of the header ring, counted from 0, holds the slot. */
export function headerSectorIndex(slot: Slot): number {
  return Math.floor(slot / HEADERS_PER_SECTOR);
}

/** The 256 bytes of a header. */
export function headerBytes(header: PrepareHeader): Uint8Array {
  return header.buffer.subarray(header.offset, header.offset + HEADER_SIZE_BYTES);
}

/** Whether the header stands for an empty slot. */
export function isReserved(header: PrepareHeader): boolean {
  return header.operation === Operation.reserved;
}
