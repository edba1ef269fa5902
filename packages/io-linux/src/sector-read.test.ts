import { SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SectorRead } from "./sector-read.ts";

/** A disk of which some sectors cannot be read, and which ends somewhere. */
interface FaultyDisk {
  readonly sizeBytes: number;
  readonly badSectors: ReadonlySet<number>;
}

/** What every byte of the disk is. */
function byteAt(position: number): number {
  return ((position * 7 + (position >> 12)) % 255) + 1;
}

/** Reads `sectors` sectors from the start and returns the buffer and the sizes of all transfers, failed ones negative. */
function readAll(disk: FaultyDisk, sectors: number): { bytes: Uint8Array; transfers: number[] } {
  const bytes = new Uint8Array(sectors * SECTOR_SIZE_BYTES).fill(0xee);
  const reading = new SectorRead();
  reading.begin(bytes);
  const transfers: number[] = [];
  while (reading.targetSizeBytes > 0) {
    const start = reading.doneSizeBytes;
    const end = Math.min(start + reading.targetSizeBytes, disk.sizeBytes);
    const first = Math.floor(start / SECTOR_SIZE_BYTES);
    const last = Math.ceil(end / SECTOR_SIZE_BYTES);
    const bad = Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);
    transfers.push(
      bad.some((sector) => disk.badSectors.has(sector)) ? -reading.targetSizeBytes : reading.targetSizeBytes,
    );
    if (end <= start) {
      reading.end();
    } else if (bad.some((sector) => disk.badSectors.has(sector))) {
      reading.fail();
    } else {
      for (let at = start; at < end; at += 1) bytes[at] = byteAt(at);
      reading.advance(end - start);
    }
  }
  return { bytes, transfers };
}

const inSectors = (sizes: number[]): number[] => sizes.map((size) => size / SECTOR_SIZE_BYTES);

describe("a read of sectors", () => {
  test("is one transfer if nothing fails", () => {
    const { transfers } = readAll({ sizeBytes: Number.POSITIVE_INFINITY, badSectors: new Set() }, 16);
    expect(inSectors(transfers)).toEqual([16]);
  });

  test("halves the range until the bad sector is alone, then goes on with single sectors, then with two", () => {
    const { transfers } = readAll({ sizeBytes: Number.POSITIVE_INFINITY, badSectors: new Set([0]) }, 8);
    expect(inSectors(transfers)).toEqual([-8, -4, -2, -1, 1, 2, 2, 2]);
  });

  test("stays at single sectors while they are bad", () => {
    const { transfers } = readAll({ sizeBytes: Number.POSITIVE_INFINITY, badSectors: new Set([0, 1, 2]) }, 6);
    expect(inSectors(transfers)).toEqual([-6, -3, -2, -1, -1, -1, 1, 2]);
  });

  test("ends at the end of the file", () => {
    const { transfers, bytes } = readAll({ sizeBytes: 2 * SECTOR_SIZE_BYTES, badSectors: new Set() }, 4);
    expect(inSectors(transfers)).toEqual([4, 2]);
    expect(bytes.subarray(2 * SECTOR_SIZE_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  test("asks for whole sectors again after a disk with small ones stopped within a sector", () => {
    const reading = new SectorRead();
    reading.begin(new Uint8Array(4 * SECTOR_SIZE_BYTES));
    reading.fail();
    expect(reading.targetSizeBytes).toBe(2 * SECTOR_SIZE_BYTES);
    reading.advance(512);
    expect(reading.targetSizeBytes).toBe(2 * SECTOR_SIZE_BYTES - 512);
  });

  test("fills every good sector with its bytes and everything else with zeros", () => {
    const sectors = 40;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(sectors - 1)),
        fc.integer({ min: 0, max: sectors * SECTOR_SIZE_BYTES }),
        (badSectors, sizeBytes) => {
          const disk = { sizeBytes, badSectors: new Set(badSectors) };
          const { bytes, transfers } = readAll(disk, sectors);
          const wrong = bytes.findIndex((byte, at) => {
            const readable = at < sizeBytes && !disk.badSectors.has(Math.floor(at / SECTOR_SIZE_BYTES));
            return byte !== (readable ? byteAt(at) : 0);
          });
          expect(wrong).toBe(-1);
          // One transfer a sector, and a binary search for each failure, at the very worst.
          expect(transfers.length).toBeLessThan(sectors * 7);
        },
      ),
    );
  });
});
