/**
 * Recovery over arbitrary bytes: whatever is on the disk, it ends with one of its outcomes.
 */
import { propertyRuns } from "@stagbeetle/kernels/testing";
import { HEADER_SIZE_BYTES, PrepareHeader, SECTOR_SIZE_BYTES, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { checksumOf } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  CLUSTER,
  formattedImage,
  prepareBytes,
  prepareHeader,
  putHeader,
  recoverBench,
  recoveryAt,
  reservedHeader,
  rootHeader,
} from "../test/builders.ts";
import { copyImage, emptyImage, type Image, imagesEqual } from "../test/simulated-disk.ts";

// Properties take their time on a busy machine; what they find does not depend on it.
vi.setConfig({ testTimeout: 120_000 });

const SLOT_COUNT = TEST_MIN.cluster.journalSlotCount;

/** A header whose checksum is right and whose other bytes are anything. */
const sealed = fc
  .uint8Array({ minLength: HEADER_SIZE_BYTES, maxLength: HEADER_SIZE_BYTES })
  .map((bytes) => seal(bytes));

/** A valid prepare in which a few bytes were changed before the checksum was made. */
const mutated = fc
  .tuple(
    fc.nat({ max: 120 }),
    fc.constantFrom(0, 1, 2),
    fc.array(fc.tuple(fc.integer({ min: 16, max: HEADER_SIZE_BYTES - 1 }), fc.nat({ max: 255 })), { maxLength: 3 }),
  )
  .map(([op, view, changes]) => {
    const bytes = prepareBytes({ op, view });
    for (const [offset, value] of changes) bytes[offset] = value;
    return seal(bytes);
  });

const plain = fc.oneof(
  fc.nat({ max: 70 }).map((op) => (op === 0 ? rootHeader() : prepareHeader({ op }))),
  fc.nat({ max: SLOT_COUNT - 1 }).map((slot) => reservedHeader(slot)),
  fc.tuple(fc.nat({ max: 70 }), fc.nat({ max: 2 })).map(([op, view]) => prepareHeader({ op: op + 1, view, fill: op })),
  fc.constant(rootHeader(CLUSTER + 1n)),
);

/** What a slot of either ring may hold: 256 bytes at least. */
const content = fc.oneof(
  { weight: 4, arbitrary: plain.map(({ buffer }) => buffer) },
  { weight: 2, arbitrary: mutated },
  { weight: 1, arbitrary: sealed },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: HEADER_SIZE_BYTES, maxLength: SECTOR_SIZE_BYTES }) },
);

function seal(bytes: Uint8Array): Uint8Array {
  new PrepareHeader(bytes).checksum = checksumOf(bytes.subarray(16, HEADER_SIZE_BYTES));
  return bytes;
}

interface Change {
  readonly ring: "headers" | "prepares";
  readonly slot: number;
  /** Whether the bytes go to the slot that their op says, where a careless reader believes them. */
  readonly atHome: boolean;
  readonly bytes: Uint8Array;
}

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    ring: fc.constantFrom("headers" as const, "prepares" as const),
    slot: fc.nat({ max: SLOT_COUNT - 1 }),
    atHome: fc.boolean(),
    bytes: content,
  }),
  { maxLength: 20 },
);

function change(image: Image, { ring, slot, atHome, bytes }: Change): void {
  const { op } = new PrepareHeader(bytes);
  const at = atHome ? op % SLOT_COUNT : slot;
  if (ring === "headers") putHeader(image, at, new PrepareHeader(bytes));
  else image.walPrepares.set(bytes.subarray(0, TEST_MIN.cluster.messageSizeMax), at * TEST_MIN.cluster.messageSizeMax);
}

describe("recovery over arbitrary bytes", () => {
  test.each([{ solo: false }, { solo: true }])(
    "ends with an outcome, and touches no prepare (alone: $solo)",
    ({ solo }) => {
      const windows = fc.constantFrom({ opCheckpoint: 0, opPrepareMax: 31 }, { opCheckpoint: 19, opPrepareMax: 51 });
      const views = fc.constantFrom({ view: 1, logView: 1 }, { view: 3, logView: 0 });
      const outcomes = new Set<string>();
      fc.assert(
        fc.property(fc.boolean(), changes, windows, views, (formatted, list, window, view) => {
          const image = formatted ? formattedImage(TEST_MIN) : emptyImage(TEST_MIN);
          for (const entry of list) change(image, entry);
          const recovery = recoveryAt({ ...window, ...view, solo });
          const before = copyImage(image);
          const { journal, result } = recoverBench(TEST_MIN, image, recovery);
          outcomes.add(result.outcome);
          expect(Buffer.compare(image.walPrepares, before.walPrepares)).toBe(0);
          if (result.outcome !== "recovered") {
            expect(imagesEqual(image, before)).toBe(true);
            return;
          }
          expect(journal.dirtyCount).toBe(journal.faultyCount);
          expect(journal.opMaximum()).toBeLessThanOrEqual(window.opPrepareMax);
          expect(journal.describe()).toContain("journal recovered");
        }),
        { numRuns: propertyRuns(300) },
      );
      const expected = solo ? ["WALAhead", "WALCorrupt", "WALInvalid", "recovered"] : ["WALInvalid", "recovered"];
      expect([...outcomes].sort()).toEqual(expected);
    },
  );

  test("bytes without any structure are an invalid log", () => {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(noise, noise, (headers, prepares) => {
        const image = emptyImage(TEST_MIN);
        for (const [bytes, pattern] of [[image.walHeaders, headers] as const, [image.walPrepares, prepares] as const]) {
          for (let index = 0; index < bytes.length; index += 1) bytes[index] = pattern[index % pattern.length] ?? 0;
        }
        expect(recoverBench(TEST_MIN, image).result).toEqual({ outcome: "WALInvalid" });
      }),
      { numRuns: propertyRuns(30) },
    );
  });
});
