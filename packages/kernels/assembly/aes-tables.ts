// The nibble tables of one AES round, derived into linear memory when the first kernels are made on it.
//
// They are loaded from memory where they are used, never written as v128.const: V8 rebuilds a vector constant at each
// use, which makes the checksum three times slower.

import { aesOfTower, towerOfAes } from "./tower-field";
import { divideNibble, findAesGenerator, findExtension, invertNibble, multiplyTower } from "./tower-field";

/** Twenty-four tables of 16 bytes. */
export const TABLES: usize = memory.data(384, 64);

// Offsets of the tables from TABLES.
export const LOW_NIBBLE: usize = 0;
export const INVERSE: usize = 16;
export const A_OVER: usize = 32;
export const SUB_P: usize = 48;
export const SUB_Q: usize = 64;
export const DOUBLE_SUB_P: usize = 80;
export const DOUBLE_SUB_Q: usize = 96;
export const SUB_CONSTANT: usize = 112;
/** Byte of an AES byte's tower element, by low nibble (plus the S-box constant) and by high nibble. */
export const INPUT_LOW: usize = 128;
export const INPUT_HIGH: usize = 144;
/** The way back, without a constant. */
export const OUTPUT_LOW: usize = 160;
export const OUTPUT_HIGH: usize = 176;
/** Four permutations each, 16 bytes apart: one for each layout (see aes-round.ts). */
export const COLUMN_DOWN: usize = 192;
export const COLUMN_UP: usize = 256;
/** ShiftRows applied 0 to 3 times, 16 bytes apart: from the layout of that number to layout 0. */
export const SHIFT_ROWS: usize = 320;

/** A nibble with this bit set stands for infinity: it selects zero in every lookup, whatever is added to it. */
const INFINITY: u32 = 0x80;

@inline function put(table: usize, index: u32, value: u32): void {
  store<u8>(TABLES + table + index, <u8>value);
}

/** The linear part of the S-box after inversion, FIPS 197 section 5.1.1: bit b takes bits b, b+4, b+5, b+6, b+7. */
function affine(byte: u32): u32 {
  const twice = byte | (byte << 8);
  return (twice ^ (twice >> 4) ^ (twice >> 5) ^ (twice >> 6) ^ (twice >> 7)) & 0xff;
}

/** Where ShiftRows, applied `times` times, takes byte `position` from. Row = position mod 4, column = position / 4. */
function shiftRows(position: u32, times: u32): u32 {
  const row = position & 3;
  const column = position >> 2;
  return (((column + row * times) & 3) << 2) | row;
}

/** Derives all tables. */
export function deriveTables(): void {
  const a = findExtension();
  const r = findAesGenerator(a);
  const aInverse = invertNibble(a);
  const aInverseSquared = divideNibble(aInverse, a);
  const pFactor = ((aInverse ^ aInverseSquared) << 4) | 1;
  const qFactor = aInverseSquared << 4;
  const constant = towerOfAes(a, r, 0x63);
  for (let n: u32 = 0; n < 16; n++) {
    put(LOW_NIBBLE, n, 0x0f);
    put(SUB_CONSTANT, n, constant);
    put(INPUT_LOW, n, towerOfAes(a, r, n) ^ constant);
    put(INPUT_HIGH, n, towerOfAes(a, r, n << 4));
    put(OUTPUT_LOW, n, aesOfTower(a, r, n));
    put(OUTPUT_HIGH, n, aesOfTower(a, r, n << 4));
    put(INVERSE, n, n == 0 ? INFINITY : invertNibble(n));
    put(A_OVER, n, n == 0 ? INFINITY : divideNibble(a, n));
    // A finite 0 is never looked up in the four below: 1/p and 1/q are not zero, as the norm is not.
    const inverse = n == 0 ? 0 : invertNibble(n);
    const subP = affine(aesOfTower(a, r, multiplyTower(a, pFactor, inverse)));
    const subQ = affine(aesOfTower(a, r, multiplyTower(a, qFactor, inverse)));
    put(SUB_P, n, towerOfAes(a, r, subP));
    put(SUB_Q, n, towerOfAes(a, r, subQ));
    put(DOUBLE_SUB_P, n, multiplyTower(a, r, towerOfAes(a, r, subP)));
    put(DOUBLE_SUB_Q, n, multiplyTower(a, r, towerOfAes(a, r, subQ)));
  }
  for (let layout: u32 = 0; layout < 4; layout++) {
    for (let n: u32 = 0; n < 16; n++) {
      const straight = shiftRows(n, 4 - layout);
      const column = straight & 12;
      put(SHIFT_ROWS + layout * 16, n, shiftRows(n, layout));
      put(COLUMN_DOWN + layout * 16, n, shiftRows(column | ((straight + 1) & 3), layout));
      put(COLUMN_UP + layout * 16, n, shiftRows(column | ((straight + 3) & 3), layout));
    }
  }
}
