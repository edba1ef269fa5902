import { propertyRuns, testMemory } from "@stagbeetle/kernels/testing";
import {
  BlockType,
  clientSessionsEncodeSize,
  CHECKSUM_EMPTY,
  type Config,
  FatalError,
  PRODUCTION,
  TEST_MIN,
  type TrailerReference,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GridHarness } from "../test/grid-harness.ts";
import { CheckpointTrailer, trailerBlockCount } from "./checkpoint-trailer.ts";

const BODY_SIZE = TEST_MIN.derived.blockBodySizeMax;
const SIZE_MAX = 4 * BODY_SIZE;

/** Client sessions as far as the grid is concerned: blocks of this type may be written at any time. */
function createTrailer(harness: GridHarness, sizeMax = SIZE_MAX): CheckpointTrailer {
  return new CheckpointTrailer({
    config: harness.config,
    memory: testMemory(sizeMax),
    checksums: harness.checksums,
    grid: harness.grid,
    blockType: BlockType.clientSessions,
    sizeMax,
    label: "test trailer",
  });
}

function checkpoint(harness: GridHarness, trailer: CheckpointTrailer, size: number): TrailerReference {
  const told: string[] = [];
  trailer.checkpoint(size, () => told.push("written"));
  expect([told, trailer.busy]).toEqual([[], true]);
  expect(() => trailer.buffer).toThrow("while writing");
  harness.storage.run();
  expect(told).toEqual(["written"]);
  return trailer.reference;
}

function open(harness: GridHarness, trailer: CheckpointTrailer, reference: TrailerReference): void {
  const told: string[] = [];
  trailer.open(reference, () => told.push("open"));
  expect(told).toEqual([]);
  harness.storage.run();
  expect(told).toEqual(["open"]);
}

describe("a checkpoint trailer", () => {
  test.each([
    [PRODUCTION, 0x062164d50f9af4f45b24143231588754n],
    [TEST_MIN, 0x364fe235faab81fac647a28aac4568ean],
  ])("of no clients has the checksum of the specification (%#)", (config: Config, checksum) => {
    const harness = GridHarness.open({ config });
    const size = clientSessionsEncodeSize(config);
    const trailer = createTrailer(harness, size);
    trailer.buffer.fill(0);
    const reference = checkpoint(harness, trailer, size);
    expect(reference).toMatchObject({ size, checksum, lastBlock: { address: 1 } });
  });

  test("of no bytes has no blocks", () => {
    const harness = GridHarness.open();
    const trailer = createTrailer(harness);
    const reference = checkpoint(harness, trailer, 0);
    expect(reference).toEqual({ size: 0, checksum: CHECKSUM_EMPTY, lastBlock: { address: 0, checksum: 0n } });
    const other = createTrailer(harness);
    open(harness, other, reference);
    expect([other.bytes.length, other.addresses]).toEqual([0, []]);
    expect(harness.grid.freeSet.countAcquired).toBe(0);
  });

  test("is read back as it was written, whatever its size and the order of the disk", () => {
    // Whole client sessions, which fit in one block.
    const size = fc.integer({ min: 1, max: Math.floor(BODY_SIZE / 264) }).map((count) => count * 264);
    fc.assert(
      fc.property(size, fc.nat(255), fc.nat(5), (sizeBytes, fill, used) => {
        const harness = GridHarness.open();
        if (used > 0) harness.acquire(used);
        harness.storage.choose = (count) => (fill + used) % count;
        const trailer = createTrailer(harness);
        trailer.buffer.fill(fill);
        const reference = checkpoint(harness, trailer, sizeBytes);
        expect(trailer.addresses).toEqual([used + 1]);
        const other = createTrailer(harness);
        open(harness, other, reference);
        expect(other.bytes).toEqual(new Uint8Array(sizeBytes).fill(fill));
        expect(other.blocks()).toEqual(trailer.blocks());
        expect(other.reference).toEqual(reference);
      }),
      { numRuns: propertyRuns(10) },
    );
  });

  test("has as many blocks as its bytes need", () => {
    const counts = [0, 1, BODY_SIZE, BODY_SIZE + 1, 3 * BODY_SIZE].map((size) => trailerBlockCount(TEST_MIN, size));
    expect(counts).toEqual([0, 1, 1, 2, 3]);
  });

  test("that is larger than there is room for ends the process with status 4", () => {
    const harness = GridHarness.open();
    const trailer = createTrailer(harness, 264);
    const reference = { size: 528, checksum: 1n, lastBlock: { address: 1, checksum: 1n } };
    expect(() => trailer.open(reference, () => undefined)).toThrow(FatalError);
  });

  test("is empty after a reset, and can be opened again", () => {
    const harness = GridHarness.open();
    const trailer = createTrailer(harness);
    trailer.buffer.fill(3);
    const reference = checkpoint(harness, trailer, 264);
    expect(() => trailer.open(reference, () => undefined)).toThrow("opened once");
    trailer.reset();
    expect([trailer.bytes.length, trailer.addresses]).toEqual([0, []]);
    open(harness, trailer, reference);
    expect(trailer.bytes).toEqual(new Uint8Array(264).fill(3));
  });
});
