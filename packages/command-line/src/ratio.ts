/**
 * Probabilities as the command line takes them (spec 06 §3): `0`, or `a/b` with a ≤ b.
 */
import { parseUnsigned } from "./integer.ts";
import type { ParsedValue } from "./value.ts";

const RATIO_BITS = 64;

/** A fraction from 0 to 1, not reduced. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Reads a ratio of two integers of at most 64 bits. `0` is `0/1`. */
export function parseRatio(text: string): ParsedValue<Ratio> {
  if (text === "0") return { value: { numerator: 0n, denominator: 1n } };
  const slash = text.indexOf("/");
  if (slash === -1) return { error: `expected 'a/b' ratio, but found: '${text}'` };
  const numerator = parseUnsigned(text.slice(0, slash), RATIO_BITS);
  if ("error" in numerator) return { error: `invalid numerator: '${text}'` };
  const denominator = parseUnsigned(text.slice(slash + 1), RATIO_BITS);
  if ("error" in denominator) return { error: `invalid denominator: '${text}'` };
  if (denominator.value === 0n) return { error: `denominator is zero: '${text}'` };
  if (numerator.value > denominator.value) return { error: `ratio greater than 1: '${text}'` };
  return { value: { numerator: numerator.value, denominator: denominator.value } };
}
