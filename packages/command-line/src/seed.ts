/**
 * Seeds as the command line takes them (spec 06 §4.6, §6.11).
 */
import { parseUnsigned } from "./integer.ts";
import type { ParsedValue } from "./value.ts";

const COMMIT_ID = /^[0-9a-f]{40}$/iu;
const SEED_BITS = 64;

/** A u64, or the id of a commit, of which the last 64 bits count. */
export function parseSeed(text: string): ParsedValue<bigint> {
  if (COMMIT_ID.test(text)) return { value: BigInt.asUintN(SEED_BITS, BigInt(`0x${text}`)) };
  return parseUnsigned(text, SEED_BITS);
}
