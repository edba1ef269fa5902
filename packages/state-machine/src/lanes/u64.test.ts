import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TIMESTAMP_MAX, timestampLanesValid, timestampValid } from "../timestamp.ts";
import * as u64 from "./u64.ts";

const edge = fc.constantFrom(0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, TIMESTAMP_MAX, TIMESTAMP_MAX + 1n, u64.U64_MAX);
const number = fc.oneof(edge, fc.bigInt({ min: 0n, max: u64.U64_MAX }));
const u32 = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x1_0000, 0xffff_ffff, 1_000_000_000), fc.nat(0xffff_ffff));
const runs = { numRuns: Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 300) };

function lanesOf(a: bigint, b: bigint): Uint32Array {
  const lanes = new Uint32Array(7);
  u64.fromBigInt(lanes, 1, a);
  u64.fromBigInt(lanes, 3, b);
  return lanes;
}

describe("u64 on lanes agrees with bigint", () => {
  test("in conversion, comparison and addition", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const lanes = lanesOf(a, b);
        expect(u64.toBigInt(lanes, 1)).toBe(a);
        expect(u64.lessThan(lanes, 1, lanes, 3)).toBe(a < b);
        expect(u64.equal(lanes, 1, lanes, 3)).toBe(a === b);
        expect(u64.isZero(lanes, 1)).toBe(a === 0n);
        expect(u64.add(lanes, 5, lanes, 1, lanes, 3)).toBe(a + b > u64.U64_MAX);
        expect(u64.toBigInt(lanes, 5)).toBe(BigInt.asUintN(64, a + b));
      }),
      runs,
    );
  });

  test("in multiplication of 32-bit factors", () => {
    fc.assert(
      fc.property(u32, u32, (a, b) => {
        const lanes = new Uint32Array(2);
        u64.multiply(lanes, 0, a, b);
        expect(u64.toBigInt(lanes, 0)).toBe(BigInt(a) * BigInt(b));
      }),
      runs,
    );
  });

  test("in counting up", () => {
    fc.assert(
      fc.property(
        number.filter((a) => a < u64.U64_MAX),
        (a) => {
          const lanes = lanesOf(a, 0n);
          u64.increment(lanes, 1);
          expect(u64.toBigInt(lanes, 1)).toBe(a + 1n);
        },
      ),
      runs,
    );
  });

  test("about which timestamps are valid", () => {
    fc.assert(
      fc.property(number, (a) => {
        expect(timestampLanesValid(lanesOf(a, 0n), 1)).toBe(timestampValid(a));
      }),
      runs,
    );
  });
});

test("counting beyond the largest number is refused", () => {
  expect(() => u64.increment(lanesOf(u64.U64_MAX, 0n), 1)).toThrow("overflows");
});
