// One AES round, and the two conversions in and out of the form that blocks have between rounds.
//
// Blocks stay in the tower basis (tower-field.ts), and ShiftRows is never carried out. A round moves a block from
// layout n to layout n + 1 (mod 4), where layout n holds at byte p what belongs at byte ShiftRows^-n(p); four times
// ShiftRows is the identity, so eight blocks that feed each other in a ring agree again. What is left is MixColumns,
// whose steps down and up a column become, in layout n, the permutations COLUMN_DOWN and COLUMN_UP. Twelve lookups a
// round instead of thirteen, and an x86 does not get more than two of them done in a cycle.

import { A_OVER, COLUMN_DOWN, COLUMN_UP, DOUBLE_SUB_P, DOUBLE_SUB_Q, INPUT_HIGH, INPUT_LOW } from "./aes-tables";
import { INVERSE, LOW_NIBBLE, OUTPUT_HIGH, OUTPUT_LOW, SUB_P, SUB_Q, TABLES } from "./aes-tables";

/**
 * `table[index]` for sixteen bytes. An index is 0..15 or has bit 7 set and then selects zero: there the relaxed
 * instruction is as deterministic as the plain one, and it is a single instruction on x86 too.
 */
@inline export function lookup(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index);
  return i8x16.swizzle(table, index);
}

@inline function table(offset: usize): v128 {
  return v128.load(TABLES + offset);
}

@inline function lowNibbles(x: v128): v128 {
  return v128.and(x, table(LOW_NIBBLE));
}

@inline function highNibbles(x: v128): v128 {
  return v128.and(i16x8.shr_u(x, 4), table(LOW_NIBBLE));
}

/** Message bytes to the tower basis, plus the S-box constant of the round whose result they are added to. */
@inline export function toTower(x: v128): v128 {
  return v128.xor(lookup(table(INPUT_LOW), lowNibbles(x)), lookup(table(INPUT_HIGH), highNibbles(x)));
}

/** From the tower basis back to bytes. */
@inline export function fromTower(x: v128): v128 {
  return v128.xor(lookup(table(OUTPUT_LOW), lowNibbles(x)), lookup(table(OUTPUT_HIGH), highNibbles(x)));
}

/** MixColumns(SubBytes(x)) without the S-box constant, from the layout before `layout` to `layout`. */
@inline export function round(x: v128, layout: usize): v128 {
  const k = lowNibbles(x);
  const i = highNibbles(x);
  const j = v128.xor(i, k);
  const inverse = table(INVERSE);
  const aOverK = lookup(table(A_OVER), k);
  const pSum = v128.xor(lookup(inverse, i), aOverK);
  const qSum = v128.xor(lookup(inverse, j), aOverK);
  const p = v128.xor(lookup(inverse, pSum), j);
  const q = v128.xor(lookup(inverse, qSum), i);
  const once = v128.xor(lookup(table(SUB_P), p), lookup(table(SUB_Q), q));
  const twice = v128.xor(lookup(table(DOUBLE_SUB_P), p), lookup(table(DOUBLE_SUB_Q), q));
  // 2a + 3b + c + d, with a the byte itself and b, c, d those below it in its column.
  const down = table(COLUMN_DOWN + layout * 16);
  const up = table(COLUMN_UP + layout * 16);
  const twoPlusNext = v128.xor(twice, lookup(once, down));
  return v128.xor(v128.xor(twoPlusNext, lookup(twoPlusNext, down)), lookup(once, up));
}
