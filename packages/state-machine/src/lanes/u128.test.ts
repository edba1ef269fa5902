import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as u128 from "./u128.ts";

/** Numbers near the places where carries happen, and any others. */
const edge = fc.constantFrom(
  0n,
  1n,
  0xffff_ffffn,
  0x1_0000_0000n,
  (1n << 64n) - 1n,
  1n << 64n,
  1n << 96n,
  u128.U128_MAX,
);
const number = fc.oneof(
  edge,
  fc.bigInt({ min: 0n, max: u128.U128_MAX }),
  fc.tuple(edge, fc.bigInt({ min: -3n, max: 3n })).map(([a, b]) => BigInt.asUintN(128, a + b)),
);
const runs = { numRuns: Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 300) };

/** Two numbers at lanes 1 and 5, so that offsets count; the result goes to lane 9. */
function lanesOf(a: bigint, b: bigint): Uint32Array {
  const lanes = new Uint32Array(14);
  u128.fromBigInt(lanes, 1, a);
  u128.fromBigInt(lanes, 5, b);
  return lanes;
}

describe("u128 on lanes agrees with bigint", () => {
  test("in conversion", () => {
    fc.assert(
      fc.property(number, (a) => {
        expect(u128.toBigInt(lanesOf(a, 0n), 1)).toBe(a);
      }),
      runs,
    );
  });

  test("in addition, which reports overflow", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const lanes = lanesOf(a, b);
        expect(u128.addOverflows(lanes, 1, lanes, 5)).toBe(a + b > u128.U128_MAX);
        expect(u128.add(lanes, 9, lanes, 1, lanes, 5)).toBe(a + b > u128.U128_MAX);
        expect(u128.toBigInt(lanes, 9)).toBe(BigInt.asUintN(128, a + b));
      }),
      runs,
    );
  });

  test("in subtraction, which reports a borrow", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const lanes = lanesOf(a, b);
        expect(u128.subtract(lanes, 9, lanes, 1, lanes, 5)).toBe(b > a);
        expect(u128.toBigInt(lanes, 9)).toBe(BigInt.asUintN(128, a - b));
        u128.subtractSaturating(lanes, 9, lanes, 1, lanes, 5);
        expect(u128.toBigInt(lanes, 9)).toBe(a > b ? a - b : 0n);
      }),
      runs,
    );
  });

  test("in comparison", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const lanes = lanesOf(a, b);
        expect(u128.lessThan(lanes, 1, lanes, 5)).toBe(a < b);
        expect(u128.equal(lanes, 1, lanes, 5)).toBe(a === b);
        expect(u128.equal(lanes, 1, lanes, 1)).toBe(true);
        expect(u128.isZero(lanes, 1)).toBe(a === 0n);
        expect(u128.isMax(lanes, 1)).toBe(a === u128.U128_MAX);
      }),
      runs,
    );
  });

  test("when the result replaces an operand", () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const sum = lanesOf(a, b);
        u128.add(sum, 1, sum, 1, sum, 5);
        expect(u128.toBigInt(sum, 1)).toBe(BigInt.asUintN(128, a + b));
        const difference = lanesOf(a, b);
        u128.subtract(difference, 5, difference, 1, difference, 5);
        expect(u128.toBigInt(difference, 5)).toBe(BigInt.asUintN(128, a - b));
      }),
      runs,
    );
  });
});

test("a number that is no u128 is refused", () => {
  expect(() => u128.fromBigInt(new Uint32Array(4), 0, -1n)).toThrow("not a u128");
  expect(() => u128.fromBigInt(new Uint32Array(4), 0, 1n << 128n)).toThrow("not a u128");
});
