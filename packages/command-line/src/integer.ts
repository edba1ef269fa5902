/**
 * Unsigned integers as the command line takes them (spec 06 §3): decimal digits, `_` between them, no sign, no leading
 * zero.
 */
import type { ParsedValue, ValueParser } from "./value.ts";

/** Digits with separators between them, never at an end. */
const INTEGER = /^[0-9](?:[0-9_]*[0-9])?$/u;

/** 2^64 − 1 has twenty digits; nothing longer than a u128 is worth converting, however long the text is. */
const DIGITS_MAX = 39;

/** Reads an integer of at most `bits` bits. */
export function parseUnsigned(text: string, bits: number): ParsedValue<bigint> {
  if (!INTEGER.test(text)) return { error: `expected an integer value, but found '${text}' (invalid digit)` };
  const digits = text.replaceAll("_", "");
  if (digits.length > 1 && digits.startsWith("0")) return { error: `leading zero disallowed: '${text}'` };
  if (digits.length > DIGITS_MAX || BigInt(digits) >> BigInt(bits) !== 0n) {
    return { error: `value exceeds ${bits}-bit unsigned integer: '${text}'` };
  }
  return { value: BigInt(digits) };
}

/** The parser of integers up to 32 bits, as numbers. */
export function unsigned(bits: 8 | 16 | 32): ValueParser<number> {
  return (text) => {
    const parsed = parseUnsigned(text, bits);
    return "error" in parsed ? parsed : { value: Number(parsed.value) };
  };
}

/** The parser of larger integers. */
export function unsignedBig(bits: 64 | 128): ValueParser<bigint> {
  return (text) => parseUnsigned(text, bits);
}
