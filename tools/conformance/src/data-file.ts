/**
 * Comparing whole data files, zone by zone.
 *
 * @module
 */
import { open } from "node:fs/promises";

import { PRODUCTION, zoneStart, ZONES, type Zone } from "@stagbeetle/vsr-protocol";

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
  /** The zone of the first difference, or null. */
  readonly zone: Zone | null;
}

/** Compares the file at `path` with the recorded one, both read piece by piece. */
export async function compareDataFile(path: string, recorded: AsyncIterable<Uint8Array>): Promise<DataFileComparison> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    let piece = Buffer.alloc(1 << 20);
    let offset = 0;
    for await (const expected of recorded) {
      if (piece.length < expected.length) piece = Buffer.alloc(expected.length);
      const { bytesRead } = await file.read(piece, 0, expected.length, offset);
      const actual = piece.subarray(0, bytesRead);
      const at = firstDifferingByte(actual, expected);
      if (at !== null) {
        const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(at, at + 16)).toString("hex");
        const text = `${place(offset + at)}: ${hex(actual)}…, recorded ${hex(expected)}…`;
        return { sizeBytes: offset + at, difference: text, zone: zoneAt(offset + at) };
      }
      offset += expected.length;
    }
    const difference = size === offset ? null : `the file has ${size} bytes, recorded ${offset}`;
    return { sizeBytes: offset, difference, zone: difference === null ? null : zoneAt(Math.min(size, offset)) };
  } finally {
    await file.close();
  }
}
