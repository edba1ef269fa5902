/**
 * Sizes as the command line takes and prints them (spec 06 §3): `4096`, `4096bytes`, `256KiB`, `1GiB`.
 */
import { parseUnsigned } from "./integer.ts";
import type { ParsedValue } from "./value.ts";

const SIZE_BITS = 64n;

/** Units by their lower-case names, and the power of two that each stands for. */
const UNITS: ReadonlyMap<string, bigint> = new Map([
  ["", 0n],
  ["bytes", 0n],
  ["kib", 10n],
  ["mib", 20n],
  ["gib", 30n],
  ["tib", 40n],
]);

/** A size, and the text it was given as, for messages. */
export interface Size {
  readonly bytes: bigint;
  readonly text: string;
}

/** Reads a size of at most 64 bits, in bytes. */
export function parseSize(text: string): ParsedValue<Size> {
  const { digits, unit } = splitUnit(text);
  if (digits === "") return { error: `expected a size, but found: '${text}'` };
  const count = parseUnsigned(digits, Number(SIZE_BITS));
  if ("error" in count) return { error: sizeError(digits, text) };
  const power = UNITS.get(unit.toLowerCase());
  if (power === undefined) return { error: `invalid unit in size, needed KiB, MiB, GiB or TiB: '${text}'` };
  const bytes = count.value << power;
  if (bytes >> SIZE_BITS !== 0n) return { error: `size in bytes exceeds 64-bit unsigned integer: '${text}'` };
  return { value: { bytes, text } };
}

/** Cuts at the first character that is neither a digit nor a separator. */
function splitUnit(text: string): { digits: string; unit: string } {
  const digits = /^[0-9_]*/u.exec(text)?.[0] ?? "";
  return { digits, unit: text.slice(digits.length) };
}

/** An integer that is no integer, said of a size. */
function sizeError(digits: string, text: string): string {
  if (/^_|_$/u.test(digits)) return `expected a size, but found: '${text}'`;
  if (digits.startsWith("0")) return `leading zero disallowed: '${text}'`;
  return `value exceeds 64-bit unsigned integer: '${text}'`;
}

const NAMES: readonly string[] = ["TiB", "GiB", "MiB", "KiB"];

/** The shortest exact form: in the largest unit of which the size is a multiple, for example `4095MiB`. */
export function formatSize(bytes: bigint): string {
  if (bytes === 0n) return "0";
  for (const name of NAMES) {
    const power = UNITS.get(name.toLowerCase()) ?? 0n;
    if (bytes % (1n << power) === 0n) return `${bytes >> power}${name}`;
  }
  return `${bytes}bytes`;
}
