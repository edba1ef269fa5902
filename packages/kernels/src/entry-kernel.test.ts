import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hex, kernelsOf, variants } from "../test/variants.ts";
import { EntryKernel } from "./entry-kernel.ts";
import type { EntrySource } from "./entry-kernel.ts";

const runs = 40 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const objectSizeBytes = 64;
const objectsMax = 20;

const sources = fc
  .record({
    entrySizeBytes: fc.constantFrom(8 as const, 16 as const, 32 as const),
    fieldSizeBytes: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const, 16 as const),
    zeroAbsent: fc.boolean(),
    fieldNumber: fc.nat(3),
    timestampOffset: fc.constantFrom(0, 8, 48, 56),
    condition: fc.option(
      fc.record({
        lane: fc.nat(15),
        mask: fc.constantFrom(0x80, 0xff00, 0x100_0000, 0xffff_ffff),
        value: fc.constantFrom(0, 0x80, 0x100, 0xff00),
        equal: fc.boolean(),
      }),
    ),
  })
  .filter(({ entrySizeBytes, fieldSizeBytes }) => entrySizeBytes !== 16 || fieldSizeBytes < 16)
  .map(({ fieldNumber, ...source }): EntrySource => {
    return { ...source, objectSizeBytes, fieldOffset: fieldNumber * source.fieldSizeBytes };
  });
// Fields are zero often enough for some objects to have no entry.
const objects = fc.array(
  fc.array(fc.constantFrom(0, 0, 0, 1, 0x80, 0xff), { minLength: objectSizeBytes, maxLength: objectSizeBytes }),
  { maxLength: objectsMax },
);

/** The entries as bytes in hexadecimal, made one by one. */
function expectedEntries(source: EntrySource, bytes: readonly (readonly number[])[]): string {
  const { entrySizeBytes, fieldOffset, fieldSizeBytes, zeroAbsent, timestampOffset, condition } = source;
  const entries = bytes.flatMap((object) => {
    const field = object.slice(fieldOffset, fieldOffset + fieldSizeBytes);
    if (condition !== null) {
      const lane = new DataView(Uint8Array.from(object).buffer).getUint32(4 * condition.lane, true);
      if (((lane & condition.mask) >>> 0 === condition.value) !== condition.equal) return [];
    }
    const entry = new Uint8Array(entrySizeBytes);
    if (entrySizeBytes > 8) {
      if (zeroAbsent && field.every((byte) => byte === 0)) return [];
      entry.set(field);
    }
    entry.set(object.slice(timestampOffset, timestampOffset + 8), entrySizeBytes > 8 ? entrySizeBytes / 2 : 0);
    return [...entry];
  });
  return hex(Uint8Array.from(entries));
}

describe.each(variants)("entries of an index, for $name", (variant) => {
  test("are those of each object in turn", () => {
    fc.assert(
      fc.property(sources, objects, (source, bytes) => {
        const kernels = kernelsOf(variant, 1 << 17);
        const { memory } = kernels;
        const begin = memory.allocate(objectsMax * objectSizeBytes, 16);
        const target = memory.allocate(objectsMax * source.entrySizeBytes, 16);
        const end = target + objectsMax * source.entrySizeBytes;
        bytes.forEach((object, number) => memory.bytes.set(object, begin + number * objectSizeBytes));
        const count = new EntryKernel(kernels, source, "test").derive(begin, bytes.length, target, end);
        expect(hex(memory.bytes.slice(target, target + count * source.entrySizeBytes))).toBe(
          expectedEntries(source, bytes),
        );
      }),
      { numRuns: runs },
    );
  });
});

test("entries that do not fit are refused", () => {
  const kernels = kernelsOf({ shared: false, simd: "plain" }, 1 << 17);
  const begin = kernels.memory.allocate(2 * objectSizeBytes, 16);
  const target = kernels.memory.allocate(64, 16);
  const source: EntrySource = {
    entrySizeBytes: 32,
    objectSizeBytes,
    fieldOffset: 0,
    fieldSizeBytes: 8,
    zeroAbsent: false,
    timestampOffset: 56,
    condition: null,
  };
  const kernel = new EntryKernel(kernels, source, "test");
  expect(kernel.derive(begin, 2, target, target + 64)).toBe(2);
  expect(() => kernel.derive(begin, 2, target, target + 63)).toThrow("do not fit");
});
