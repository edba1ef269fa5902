/**
 * u64 arithmetic on two 32-bit lanes, least significant first: timestamps and what is computed from them.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** How many 32-bit lanes a u64 has. */
export const U64_LANES = 2;

/** The largest u64, 2^64 − 1. */
export const U64_MAX: bigint = (1n << 64n) - 1n;

const LANE = 0x1_0000_0000;

function lane(lanes: Uint32Array, index: number): number {
  return lanes[index] as number;
}

/** Whether the number is 0. */
export function isZero(a: Uint32Array, at: number): boolean {
  return (lane(a, at) | lane(a, at + 1)) === 0;
}

/** Whether a = b. */
export function equal(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  return lane(a, aAt) === lane(b, bAt) && lane(a, aAt + 1) === lane(b, bAt + 1);
}

/** Whether a < b. */
export function lessThan(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  const high = lane(a, aAt + 1);
  const highOther = lane(b, bAt + 1);
  return high < highOther || (high === highOther && lane(a, aAt) < lane(b, bAt));
}

/** out ← a. */
export function copy(out: Uint32Array, outAt: number, a: Uint32Array, at: number): void {
  out[outAt] = lane(a, at);
  out[outAt + 1] = lane(a, at + 1);
}

/** out ← (a + b) mod 2^64. Returns whether the sum overflowed. */
export function add(
  out: Uint32Array,
  outAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
): boolean {
  const low = lane(a, aAt) + lane(b, bAt);
  const high = lane(a, aAt + 1) + lane(b, bAt + 1) + (low >= LANE ? 1 : 0);
  out[outAt] = low;
  out[outAt + 1] = high;
  return high >= LANE;
}

/** a ← a + 1. The sum must fit. */
export function increment(a: Uint32Array, at: number): void {
  const low = (lane(a, at) + 1) >>> 0;
  a[at] = low;
  if (low === 0) {
    assert(lane(a, at + 1) !== 0xffff_ffff, "a u64 overflows");
    a[at + 1] = lane(a, at + 1) + 1;
  }
}

/** out ← a × b for a and b of 32 bits. */
export function multiply(out: Uint32Array, at: number, a: number, b: number): void {
  // Two 48-bit products, exact in a double: a × low half of b, and a × high half of b shifted by 16.
  const productLow = a * (b & 0xffff);
  const productHigh = a * (b >>> 16);
  const low = (productLow % LANE) + (productHigh % 0x1_0000) * 0x1_0000;
  out[at] = low;
  out[at + 1] = Math.floor(productLow / LANE) + Math.floor(productHigh / 0x1_0000) + (low >= LANE ? 1 : 0);
}

/** The number as a `bigint`. Not for hot paths. */
export function toBigInt(a: Uint32Array, at: number): bigint {
  return (BigInt(lane(a, at + 1)) << 32n) | BigInt(lane(a, at));
}

/** out ← value. Not for hot paths. */
export function fromBigInt(out: Uint32Array, at: number, value: bigint): void {
  assert(value >= 0n && value <= U64_MAX, () => `not a u64: ${value}`);
  out[at] = Number(value & 0xffff_ffffn);
  out[at + 1] = Number(value >> 32n);
}
