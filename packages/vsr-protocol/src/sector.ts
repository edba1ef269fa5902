/**
 * Sectors: the unit of every read and write of the data file (spec 04 §2, §3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The size of a sector in bytes: what direct I/O aligns to, and what a disk is trusted to write at once. */
export const SECTOR_SIZE_BYTES = 4096;

/** The largest multiple of the sector size that is at most `offset` (bytes). */
export function sectorFloor(offset: number): number {
  assert(Number.isSafeInteger(offset) && offset >= 0, () => `not an offset: ${offset}`);
  return offset - (offset % SECTOR_SIZE_BYTES);
}

/** The smallest multiple of the sector size that is at least `offset` (bytes). */
export function sectorCeil(offset: number): number {
  const floor = sectorFloor(offset);
  return floor === offset ? offset : floor + SECTOR_SIZE_BYTES;
}
