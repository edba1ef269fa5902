import { describe, expect, it } from "vitest";
import { PRODUCTION } from "./config/production.ts";
import { TEST_MIN } from "./config/test-min.ts";
import { sectorCeil, sectorFloor } from "./sector.ts";
import { verifyIop, type Zone, ZONES, zoneSize, zoneStart } from "./zone.ts";

describe("zones", () => {
  it.each([
    [PRODUCTION, "superblock", 0, 98_304],
    [PRODUCTION, "walHeaders", 98_304, 262_144],
    [PRODUCTION, "walPrepares", 360_448, 1_073_741_824],
    [PRODUCTION, "clientReplies", 1_074_102_272, 67_108_864],
    [PRODUCTION, "gridPadding", 1_141_211_136, 163_840],
    [PRODUCTION, "grid", 1_141_374_976, Number.POSITIVE_INFINITY],
    [TEST_MIN, "superblock", 0, 49_152],
    [TEST_MIN, "walHeaders", 49_152, 8192],
    [TEST_MIN, "walPrepares", 57_344, 131_072],
    [TEST_MIN, "clientReplies", 188_416, 28_672],
    [TEST_MIN, "gridPadding", 217_088, 0],
    [TEST_MIN, "grid", 217_088, Number.POSITIVE_INFINITY],
  ] as const)("$name $1 starts at $2 with $3 bytes", (config, zone, start, size) => {
    expect(zoneStart(config, zone)).toBe(start);
    expect(zoneSize(config, zone)).toBe(size);
  });

  it("follow each other without a gap", () => {
    for (const config of [PRODUCTION, TEST_MIN]) {
      let end = 0;
      for (const zone of ZONES) {
        expect(zoneStart(config, zone)).toBe(end);
        end += zoneSize(config, zone);
      }
    }
  });
});

describe("a request", () => {
  const buffer = (sizeBytes: number, offset = 0): Uint8Array =>
    new Uint8Array(new ArrayBuffer(sizeBytes + offset), offset);

  it.each([
    ["superblock", 0, 8192],
    ["walHeaders", 4096, 4096],
    ["walPrepares", 131_072 - 4096, 4096],
    ["clientReplies", 24_576, 4096],
    ["grid", 4096 * 1000, 4096],
  ] as const)("is taken in %s at %i with %i bytes", (zone, offset, size) => {
    expect(() => verifyIop(TEST_MIN, zone, offset, buffer(size))).not.toThrow();
  });

  const wrong: readonly (readonly [string, Zone, number, Uint8Array])[] = [
    ["leaves its zone", "walHeaders", 4096, buffer(8192)],
    ["starts behind its zone", "clientReplies", 28_672, buffer(4096)],
    ["starts inside a sector", "walHeaders", 512, buffer(4096)],
    ["starts before its zone", "walHeaders", -4096, buffer(4096)],
    ["is not whole sectors", "walHeaders", 0, buffer(4000)],
    ["is empty", "walHeaders", 0, buffer(0)],
    ["has memory that is not aligned", "walHeaders", 0, buffer(4096, 8)],
    ["touches the padding", "gridPadding", 0, buffer(4096)],
    ["is larger than a block", "grid", 0, buffer(8192)],
  ];
  it.each(wrong)("is refused if it %s", (_name, zone, offset, bytes) => {
    expect(() => verifyIop(TEST_MIN, zone, offset, bytes)).toThrow();
  });

  it("to the grid is refused if it starts inside a block", () => {
    expect(() => verifyIop(PRODUCTION, "grid", 4096, buffer(4096))).toThrow(/start of a block/);
  });
});

describe("sectors", () => {
  it.each([
    [0, 0, 0],
    [1, 0, 4096],
    [4095, 0, 4096],
    [4096, 4096, 4096],
    [2 ** 40 + 1, 2 ** 40, 2 ** 40 + 4096],
  ])("round %i to %i and %i", (offset, floor, ceil) => {
    expect(sectorFloor(offset)).toBe(floor);
    expect(sectorCeil(offset)).toBe(ceil);
  });
});
