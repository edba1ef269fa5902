/**
 * Comparing whole data files, zone by zone.
 *
 * @module
 */
import { open } from "node:fs/promises";

import type { SimulatedDisk } from "@stagbeetle/io-sim";
import { PRODUCTION, sectorCeil, sectorFloor, zoneStart, ZONES, type Zone } from "@stagbeetle/vsr-protocol";

import { firstDifferingByte } from "./difference.ts";

/** The zone that holds the byte at `offset` of a data file. */
function zoneAt(offset: number): Zone {
  let found: Zone = "superblock";
  for (const zone of ZONES) if (zoneStart(PRODUCTION, zone) <= offset) found = zone;
  return found;
}

function place(offset: number): string {
  const zone = zoneAt(offset);
  const offsetInZone = offset - zoneStart(PRODUCTION, zone);
  const { messageSizeMax, blockSize } = PRODUCTION.cluster;
  switch (zone) {
    case "superblock":
      return `superblock copy ${Math.floor(offsetInZone / PRODUCTION.derived.superblockCopySize)}, byte ${offsetInZone % PRODUCTION.derived.superblockCopySize}`;
    case "walHeaders":
      return `WAL header of slot ${Math.floor(offsetInZone / 256)}, byte ${offsetInZone % 256}`;
    case "walPrepares":
      return `WAL prepare of slot ${Math.floor(offsetInZone / messageSizeMax)}, byte ${offsetInZone % messageSizeMax}`;
    case "clientReplies":
      return `client reply of slot ${Math.floor(offsetInZone / messageSizeMax)}, byte ${offsetInZone % messageSizeMax}`;
    case "gridPadding":
      return `grid padding, byte ${offsetInZone}`;
    case "grid":
      return `grid block ${1 + Math.floor(offsetInZone / blockSize)}, byte ${offsetInZone % blockSize}`;
  }
}

/** What a comparison of two data files found. */
export interface DataFileComparison {
  /** Bytes compared. */
  readonly sizeBytes: number;
  /** The first difference, located, or null. */
  readonly difference: string | null;
}

/** Reads bytes of a data file from `offset` on; fewer than asked for at its end. */
type ReadAt = (target: Uint8Array, offset: number) => number | Promise<number>;

async function compare(readAt: ReadAt, size: number, recorded: AsyncIterable<Uint8Array>): Promise<DataFileComparison> {
  let piece = Buffer.alloc(1 << 20);
  let offset = 0;
  for await (const expected of recorded) {
    if (piece.length < expected.length) piece = Buffer.alloc(expected.length);
    const actual = piece.subarray(0, await readAt(piece.subarray(0, expected.length), offset));
    const at = firstDifferingByte(actual, expected);
    if (at !== null) {
      const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + 16)).toString("hex");
      const difference = `${place(offset + at)}: ${hex(actual)}…, recorded ${hex(expected)}…`;
      return { sizeBytes: offset + at, difference };
    }
    offset += expected.length;
  }
  return { sizeBytes: offset, difference: size === offset ? null : `the file has ${size} bytes, recorded ${offset}` };
}

/** Compares the file at `path` with the recorded one, both read piece by piece. */
export async function compareDataFile(path: string, recorded: AsyncIterable<Uint8Array>): Promise<DataFileComparison> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const readAt: ReadAt = async (target, offset) => (await file.read(target, 0, target.length, offset)).bytesRead;
    return await compare(readAt, size, recorded);
  } finally {
    await file.close();
  }
}

/** Compares what a simulated disk holds with a recorded file. */
export async function compareDisk(
  disk: SimulatedDisk,
  recorded: AsyncIterable<Uint8Array>,
): Promise<DataFileComparison> {
  const size = Math.max(disk.writtenEnd, PRODUCTION.derived.dataFileSizeMin);
  return compare((target, offset) => readDisk(disk, target, offset, size), size, recorded);
}

/** The disk is read in whole sectors, the recording comes in pieces of any size. */
function readDisk(disk: SimulatedDisk, target: Uint8Array, offset: number, size: number): number {
  const count = Math.max(0, Math.min(target.length, size - offset));
  if (count === 0) return 0;
  const begin = sectorFloor(offset);
  const sectors = new Uint8Array(sectorCeil(offset + count) - begin);
  disk.readPristine(begin, sectors);
  target.set(sectors.subarray(offset - begin, offset - begin + count));
  return count;
}
