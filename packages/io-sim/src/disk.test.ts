import { SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { flipBit, SimulatedDisk } from "./disk.ts";

function sectors(count: number, fill: number): Uint8Array {
  return new Uint8Array(count * SECTOR_SIZE_BYTES).fill(fill);
}

describe("SimulatedDisk", () => {
  it("gives back what was written, and zeros elsewhere, as a flat array of bytes would", () => {
    const sectorCount = 600;
    const write = fc.record({
      sector: fc.nat(sectorCount - 8),
      count: fc.integer({ min: 1, max: 8 }),
      fill: fc.constantFrom(0, 1, 0xff),
    });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 20 }), (writes) => {
        const disk = new SimulatedDisk();
        const model = sectors(sectorCount, 0);
        for (const { sector, count, fill } of writes) {
          disk.write(sector * SECTOR_SIZE_BYTES, sectors(count, fill));
          model.fill(fill, sector * SECTOR_SIZE_BYTES, (sector + count) * SECTOR_SIZE_BYTES);
        }
        const read = sectors(sectorCount, 7);
        disk.readPristine(0, read);
        expect(Buffer.compare(read, model)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it("knows which sectors were written, also with zeros", () => {
    const disk = new SimulatedDisk();
    disk.write(SECTOR_SIZE_BYTES, sectors(1, 0));
    expect([0, 1, 2].map((sector) => disk.isWritten(sector * SECTOR_SIZE_BYTES))).toEqual([false, true, false]);
  });

  it("knows where the last sector that was written ends", () => {
    const disk = new SimulatedDisk();
    expect(disk.writtenEnd).toBe(0);
    disk.write(5 * SECTOR_SIZE_BYTES, sectors(2, 0));
    disk.write(300 * SECTOR_SIZE_BYTES, sectors(1, 1));
    disk.write(SECTOR_SIZE_BYTES, sectors(1, 1));
    expect(disk.writtenEnd).toBe(301 * SECTOR_SIZE_BYTES);
  });

  it("cures a corrupt sector when it is written again", () => {
    const disk = new SimulatedDisk();
    disk.corrupt(SECTOR_SIZE_BYTES);
    expect(disk.isCorrupt(SECTOR_SIZE_BYTES)).toBe(true);
    disk.write(0, sectors(2, 1));
    expect(disk.corruptCount).toBe(0);
  });

  it("keeps its copy apart from the original", () => {
    const disk = new SimulatedDisk();
    disk.write(0, sectors(1, 1));
    const copy = disk.clone();
    disk.write(0, sectors(1, 2));
    const read = sectors(1, 0);
    copy.readPristine(0, read);
    expect(read[0]).toBe(1);
  });
});

describe("flipBit", () => {
  it("flips the bits of the published vectors", () => {
    const counting = Uint8Array.from({ length: SECTOR_SIZE_BYTES }, (_, index) => index % 256);
    const flipped = counting.slice();
    flipBit(flipped);
    expect((flipped[3816] ?? 0) ^ (counting[3816] ?? 0)).toBe(0x08);
    const zeros = sectors(1, 0);
    flipBit(zeros);
    expect(zeros[1329]).toBe(0x80);
  });

  it("changes exactly one bit of any sector, the same one each time", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: SECTOR_SIZE_BYTES, maxLength: SECTOR_SIZE_BYTES }), (sector) => {
        const first = sector.slice();
        const second = sector.slice();
        flipBit(first);
        flipBit(second);
        expect(first).toEqual(second);
        const changed = first.reduce((bits, byte, index) => bits + popCount(byte ^ (sector[index] ?? 0)), 0);
        expect(changed).toBe(1);
      }),
      { numRuns: 20 },
    );
  });
});

function popCount(byte: number): number {
  return byte.toString(2).replaceAll("0", "").length;
}
