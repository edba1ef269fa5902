/**
 * The zones of the data file (spec 04 §3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "./config/config.ts";
import { SECTOR_SIZE_BYTES } from "./sector.ts";

/** The parts of the data file, in file order. */
export type Zone = "superblock" | "walHeaders" | "walPrepares" | "clientReplies" | "gridPadding" | "grid";

/** All zones in file order. */
export const ZONES: readonly Zone[] = [
  "superblock",
  "walHeaders",
  "walPrepares",
  "clientReplies",
  "gridPadding",
  "grid",
];

/** Where the zone begins in the data file, in bytes. A multiple of the sector size; for the grid, of the block size. */
export function zoneStart(config: Config, zone: Zone): number {
  const { cluster, derived } = config;
  const walHeaders = cluster.superblockCopies * derived.superblockCopySize;
  const walPrepares = walHeaders + derived.journalSizeHeaders;
  const clientReplies = walPrepares + derived.journalSizePrepares;
  switch (zone) {
    case "superblock":
      return 0;
    case "walHeaders":
      return walHeaders;
    case "walPrepares":
      return walPrepares;
    case "clientReplies":
      return clientReplies;
    case "gridPadding":
      return clientReplies + derived.clientRepliesSize;
    case "grid":
      return derived.dataFileSizeMin;
  }
}

/** The size of the zone in bytes: a multiple of the sector size. The grid grows with the data: its size is `Infinity`. */
export function zoneSize(config: Config, zone: Zone): number {
  const { derived } = config;
  switch (zone) {
    case "superblock":
      return config.cluster.superblockCopies * derived.superblockCopySize;
    case "walHeaders":
      return derived.journalSizeHeaders;
    case "walPrepares":
      return derived.journalSizePrepares;
    case "clientReplies":
      return derived.clientRepliesSize;
    case "gridPadding":
      return derived.dataFileSizeMin - zoneStart(config, "gridPadding");
    case "grid":
      return Number.POSITIVE_INFINITY;
  }
}

/**
 * Asserts what every read and write of the data file must satisfy: whole aligned sectors inside the zone; in the grid,
 * from the start of a block; never the padding.
 *
 * @throws AssertionError if the caller is wrong. No byte from outside can cause it.
 */
export function verifyIop(config: Config, zone: Zone, offsetInZone: number, buffer: Uint8Array): void {
  assert(zone !== "gridPadding", "the grid padding is never read or written");
  assert(Number.isSafeInteger(offsetInZone) && offsetInZone >= 0, () => `not an offset in ${zone}: ${offsetInZone}`);
  assert(
    offsetInZone % SECTOR_SIZE_BYTES === 0,
    () => `offset ${offsetInZone} in ${zone} is not a multiple of a sector`,
  );
  assert(
    buffer.length > 0 && buffer.length % SECTOR_SIZE_BYTES === 0,
    () => `${buffer.length} bytes at ${offsetInZone} in ${zone} are not whole sectors`,
  );
  assert(
    buffer.byteOffset % SECTOR_SIZE_BYTES === 0,
    () => `memory at ${buffer.byteOffset} is not aligned to a sector`,
  );
  if (zone === "grid") {
    assert(
      offsetInZone % config.cluster.blockSize === 0,
      () => `offset ${offsetInZone} in the grid is not the start of a block`,
    );
    assert(
      buffer.length <= config.cluster.blockSize,
      () => `${buffer.length} bytes at ${offsetInZone} in the grid exceed a block`,
    );
  } else {
    const size = zoneSize(config, zone);
    assert(
      offsetInZone + buffer.length <= size,
      () => `${buffer.length} bytes at ${offsetInZone} leave ${zone} (${size} bytes)`,
    );
  }
}
