/**
 * Copies of one thing side by side (spec 06 §6.1).
 */
import { assert } from "@stagbeetle/kernels";

/** One copy as it was read. */
export interface Copy {
  readonly bytes: Uint8Array;
  /** Whether its checksums are right. */
  readonly valid: boolean;
}

/** All copies with the same bytes. */
export interface Group {
  /** One character a copy: `|` has these bytes, `X` has them and is damaged, `_` has others. */
  readonly marks: string;
  /** The bytes. */
  readonly bytes: Uint8Array;
}

/** The distinct contents, in the order of the first copy that has them. The copies must have one size. */
export function groupCopies(copies: readonly Copy[]): readonly Group[] {
  const distinct: Copy[] = [];
  for (const copy of copies) if (!distinct.some((other) => same(copy, other))) distinct.push(copy);
  return distinct.map((first) => ({
    bytes: first.bytes,
    marks: copies.map((copy) => (same(copy, first) ? mark(copy) : "_")).join(""),
  }));
}

function mark({ valid }: Copy): string {
  return valid ? "|" : "X";
}

function same(a: Copy, b: Copy): boolean {
  assert(a.bytes.length === b.bytes.length, () => `copies of ${a.bytes.length} and ${b.bytes.length} bytes`);
  return Buffer.compare(a.bytes, b.bytes) === 0;
}
