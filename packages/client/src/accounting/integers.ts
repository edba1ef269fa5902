/**
 * Integers of a caller into bytes, little-endian, with the official client's complaints (spec 01 §12.4).
 *
 * @module
 */

const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** The type says what it should be; a caller without types may give anything. */
type Anything = unknown;

/** @throws Error unless `value` is a bigint from 0 to 2^128 − 1. */
export function assertU128(value: Anything, name: string): asserts value is bigint {
  if (typeof value !== "bigint") throw new Error(`${name} must be a BigInt`);
  if (value < 0n) throw new Error(`${name} must be positive`);
  if (value > U64_MAX && value >> 128n !== 0n) throw new Error(`${name} must fit in 128 bits`);
}

/** @throws Error as {@link assertU128}. */
export function setU128(view: DataView, offset: number, value: Anything, name: string): void {
  assertU128(value, name);
  view.setBigUint64(offset, value, true);
  // Most ids and amounts are small, or their upper half is what `>>` costs anyway.
  view.setBigUint64(offset + 8, value <= U64_MAX ? 0n : value >> 64n, true);
}

/** @throws Error unless `value` is a bigint from 0 to 2^64 − 1. */
export function setU64(view: DataView, offset: number, value: Anything, name: string): void {
  if (typeof value !== "bigint") throw new Error(`${name} must be an unsigned 64-bit BigInt`);
  if (value < 0n || value > U64_MAX) throw new Error(`${name} conversion was lossy`);
  view.setBigUint64(offset, value, true);
}

/** Any number is turned into a u32 as by `>>> 0`. @throws Error if `value` is no number. */
export function setU32(view: DataView, offset: number, value: Anything, name: string): void {
  view.setUint32(offset, toU32(value, name), true);
}

/** @throws Error if `value` is no number, or none of 16 bits once it is turned into a u32. */
export function setU16(view: DataView, offset: number, value: Anything, name: string): void {
  const converted = toU32(value, name);
  if (converted > 0xffff) throw new Error(`${name} must be a u16.`);
  view.setUint16(offset, converted, true);
}

/** Reads what {@link setU128} writes. */
export function getU128(view: DataView, offset: number): bigint {
  const low = view.getBigUint64(offset, true);
  const high = view.getBigUint64(offset + 8, true);
  return high === 0n ? low : (high << 64n) | low;
}

function toU32(value: Anything, name: string): number {
  if (typeof value !== "number") throw new Error(`${name} must be a number`);
  return value >>> 0;
}
