// GF(2^8) seen as a quadratic extension of GF(2^4), for the AES S-box by nibble tables.
//
// GF(2^4) is taken modulo x^4 + x + 1. Above it, an element is `k + i·w` with nibbles k (low) and i (high), where
// w^2 = A·w + A. With j = i + k, the norm of such an element is N = k^2 + A·i·j, and
//
//     1 / (1 / (1/i + A/k) + j) = (k + A·i) / N = p          1 / (1 / (1/j + A/k) + i) = (k + A·j) / N = q
//
// (multiply out; 1/0 is an infinity that swallows what is added to it). The inverse of `k + i·w` is its conjugate
// over its norm, and that is linear in p and q: p·(1 + w/A + w/A^2) + q·(w/A^2). So an inversion needs lookups by
// nibble and exclusive-ors only. The idea is Mike Hamburg's, "Accelerating AES with Vector Permute Instructions"
// (CHES 2009), section 3; basis and tables here are worked out by this file.

/** Product in GF(2^4) modulo x^4 + x + 1. */
function multiplyNibble(a: u32, b: u32): u32 {
  let product: u32 = 0;
  for (let bit: u32 = 0; bit < 4; bit++) {
    if ((b >> bit) & 1) product ^= a << bit;
  }
  for (let bit: u32 = 6; bit >= 4; bit--) {
    if ((product >> bit) & 1) product ^= 0b10011 << (bit - 4);
  }
  return product;
}

/** Inverse in GF(2^4): the 14th power, as a^15 = 1. `a` must not be zero. */
export function invertNibble(a: u32): u32 {
  let power: u32 = a;
  for (let exponent: u32 = 1; exponent < 14; exponent++) power = multiplyNibble(power, a);
  return power;
}

/** Quotient in GF(2^4). `b` must not be zero. */
export function divideNibble(a: u32, b: u32): u32 {
  return multiplyNibble(a, invertNibble(b));
}

/** The smallest A for which w^2 + A·w + A has no root in GF(2^4), so that the extension is a field. */
export function findExtension(): u32 {
  for (let a: u32 = 1; a < 16; a++) {
    let hasRoot = false;
    for (let w: u32 = 0; w < 16; w++) {
      if ((multiplyNibble(w, w) ^ multiplyNibble(a, w) ^ a) == 0) hasRoot = true;
    }
    if (!hasRoot) return a;
  }
  return unreachable();
}

/** Product of two tower elements, each (i << 4) | k. */
export function multiplyTower(a: u32, x: u32, y: u32): u32 {
  const xi = x >> 4;
  const xk = x & 15;
  const yi = y >> 4;
  const yk = y & 15;
  const wSquared = multiplyNibble(a, multiplyNibble(xi, yi));
  const i = multiplyNibble(xk, yi) ^ multiplyNibble(xi, yk) ^ wSquared;
  const k = multiplyNibble(xk, yk) ^ wSquared;
  return (i << 4) | k;
}

/** The smallest tower element r with r^8 + r^4 + r^3 + r + 1 = 0: where AES's own `x` (byte 2) goes. */
export function findAesGenerator(a: u32): u32 {
  for (let r: u32 = 2; r < 256; r++) {
    const r2 = multiplyTower(a, r, r);
    const r3 = multiplyTower(a, r2, r);
    const r4 = multiplyTower(a, r2, r2);
    const r8 = multiplyTower(a, r4, r4);
    if ((r8 ^ r4 ^ r3 ^ r ^ 1) == 0) return r;
  }
  return unreachable();
}

/** The tower element of an AES byte: sum of r^n over the bits n that are set. */
export function towerOfAes(a: u32, r: u32, byte: u32): u32 {
  let sum: u32 = 0;
  let power: u32 = 1;
  for (let bit: u32 = 0; bit < 8; bit++) {
    if ((byte >> bit) & 1) sum ^= power;
    power = multiplyTower(a, power, r);
  }
  return sum;
}

/** The AES byte of a tower element. By search: this runs a few dozen times in the life of a memory. */
export function aesOfTower(a: u32, r: u32, element: u32): u32 {
  for (let byte: u32 = 0; byte < 256; byte++) {
    if (towerOfAes(a, r, byte) == element) return byte;
  }
  return unreachable();
}
