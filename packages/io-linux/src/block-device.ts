/**
 * Data files that are whole block devices (spec 04 §4.1, steps 7 and 8).
 *
 * @module
 */
import { readFileSync, readSync } from "node:fs";
import { alignedMemory } from "./aligned-memory.ts";

const SYSFS_SECTOR_SIZE_BYTES = 512;

/** The size of a device in bytes, as sysfs knows it. `device` is the `rdev` of its node. */
export function blockDeviceSizeBytes(device: bigint): number {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, "ascii")) * SYSFS_SECTOR_SIZE_BYTES;
}

/** Whether the first `sizeBytes` (a multiple of the sector size) of an open device are all zero. */
export function startIsZero(fileDescriptor: number, sizeBytes: number): boolean {
  const start = alignedMemory(sizeBytes);
  let read = 0;
  while (read < sizeBytes) {
    const count = readSync(fileDescriptor, start, read, sizeBytes - read, read);
    if (count === 0) break;
    read += count;
  }
  return start.every((byte) => byte === 0);
}
