/**
 * u128 arithmetic on four 32-bit lanes, least significant first.
 *
 * A number is a pair (array, index of its lowest lane). Nothing here allocates; the `bigint` conversions at the end are
 * for tests, tools and the few values of a message that are not per event.
 *
 * Cost: an addition is four floating-point additions and compares, which V8 keeps in registers; `bigint` would allocate
 * for every intermediate result.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** How many 32-bit lanes a u128 has. */
const U128_LANES = 4;

/** The largest u128, 2^128 − 1. */
export const U128_MAX: bigint = (1n << 128n) - 1n;

/** 2^32: what a carry is worth in the lane below. */
const LANE = 0x1_0000_0000;

// Lanes are read from little-endian bytes, so the host must store them that way too.
assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "only little-endian hosts are supported");

/** One lane. The index is trusted to be inside of the array. */
function lane(lanes: Uint32Array, index: number): number {
  return lanes[index] as number;
}

/** Whether the number is 0. */
export function isZero(a: Uint32Array, at: number): boolean {
  return (lane(a, at) | lane(a, at + 1) | lane(a, at + 2) | lane(a, at + 3)) === 0;
}

/** Whether the number is {@link U128_MAX}. */
export function isMax(a: Uint32Array, at: number): boolean {
  return (lane(a, at) & lane(a, at + 1) & lane(a, at + 2) & lane(a, at + 3)) === -1;
}

/** Whether a = b. */
export function equal(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  return (
    lane(a, aAt) === lane(b, bAt) &&
    lane(a, aAt + 1) === lane(b, bAt + 1) &&
    lane(a, aAt + 2) === lane(b, bAt + 2) &&
    lane(a, aAt + 3) === lane(b, bAt + 3)
  );
}

/** Whether a < b. */
export function lessThan(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  for (let index = U128_LANES - 1; index > 0; index -= 1) {
    if (lane(a, aAt + index) !== lane(b, bAt + index)) return lane(a, aAt + index) < lane(b, bAt + index);
  }
  return lane(a, aAt) < lane(b, bAt);
}

/** out ← a. */
export function copy(out: Uint32Array, outAt: number, a: Uint32Array, at: number): void {
  out[outAt] = lane(a, at);
  out[outAt + 1] = lane(a, at + 1);
  out[outAt + 2] = lane(a, at + 2);
  out[outAt + 3] = lane(a, at + 3);
}

/** out ← 0. */
export function setZero(out: Uint32Array, at: number): void {
  out[at] = 0;
  out[at + 1] = 0;
  out[at + 2] = 0;
  out[at + 3] = 0;
}

/**
 * out ← (a + b) mod 2^128. `out` may be `a` or `b`.
 *
 * @returns whether the sum overflowed.
 */
export function add(
  out: Uint32Array,
  outAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
): boolean {
  const sum0 = lane(a, aAt) + lane(b, bAt);
  const sum1 = lane(a, aAt + 1) + lane(b, bAt + 1) + (sum0 >= LANE ? 1 : 0);
  const sum2 = lane(a, aAt + 2) + lane(b, bAt + 2) + (sum1 >= LANE ? 1 : 0);
  const sum3 = lane(a, aAt + 3) + lane(b, bAt + 3) + (sum2 >= LANE ? 1 : 0);
  out[outAt] = sum0;
  out[outAt + 1] = sum1;
  out[outAt + 2] = sum2;
  out[outAt + 3] = sum3;
  return sum3 >= LANE;
}

/**
 * out ← (a − b) mod 2^128. `out` may be `a` or `b`.
 *
 * @returns whether b was larger than a.
 */
export function subtract(
  out: Uint32Array,
  outAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
): boolean {
  const difference0 = lane(a, aAt) - lane(b, bAt);
  const difference1 = lane(a, aAt + 1) - lane(b, bAt + 1) - (difference0 < 0 ? 1 : 0);
  const difference2 = lane(a, aAt + 2) - lane(b, bAt + 2) - (difference1 < 0 ? 1 : 0);
  const difference3 = lane(a, aAt + 3) - lane(b, bAt + 3) - (difference2 < 0 ? 1 : 0);
  out[outAt] = difference0;
  out[outAt + 1] = difference1;
  out[outAt + 2] = difference2;
  out[outAt + 3] = difference3;
  return difference3 < 0;
}

/** out ← max(a − b, 0). `out` may be `a` or `b`. */
export function subtractSaturating(
  out: Uint32Array,
  outAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
): void {
  if (subtract(out, outAt, a, aAt, b, bAt)) setZero(out, outAt);
}

/** Whether a + b does not fit a u128. */
export function addOverflows(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  const sum0 = lane(a, aAt) + lane(b, bAt);
  const sum1 = lane(a, aAt + 1) + lane(b, bAt + 1) + (sum0 >= LANE ? 1 : 0);
  const sum2 = lane(a, aAt + 2) + lane(b, bAt + 2) + (sum1 >= LANE ? 1 : 0);
  return lane(a, aAt + 3) + lane(b, bAt + 3) + (sum2 >= LANE ? 1 : 0) >= LANE;
}

/** The number as a `bigint`. Not for hot paths. */
export function toBigInt(a: Uint32Array, at: number): bigint {
  return (
    (BigInt(lane(a, at + 3)) << 96n) |
    (BigInt(lane(a, at + 2)) << 64n) |
    (BigInt(lane(a, at + 1)) << 32n) |
    BigInt(lane(a, at))
  );
}

/** out ← value. Not for hot paths. */
export function fromBigInt(out: Uint32Array, at: number, value: bigint): void {
  assert(value >= 0n && value <= U128_MAX, () => `not a u128: ${value}`);
  for (let index = 0; index < U128_LANES; index += 1) {
    out[at + index] = Number(BigInt.asUintN(32, value >> BigInt(32 * index)));
  }
}
