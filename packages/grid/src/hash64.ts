/**
 * The hash that spreads keys over the sets of a cache: a 64-bit "low level hash" of the wyhash family, for keys of 8 bytes
 * and seed 0 (spec 04 §21).
 *
 * Two multiplications of 64 by 64 bits. They are done in pieces of 16 and 32 bits, because `bigint` would cost more than
 * the look-up that follows.
 *
 * @module
 */

// The secret is two words of 64 bits, as halves.
const SECRET_0_HIGH = 0xa076_1d64;
const SECRET_0_LOW = 0x78bd_642f;
const SECRET_1_HIGH = 0xe703_7ed1;
const SECRET_1_LOW = 0xa0b4_28db;
const KEY_SIZE_BYTES = 8;
const TWO_POW_32 = 0x1_0000_0000;

/** The upper 32 bits of the product of two u32. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  // At most 2^33, so the sum is exact.
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(middle2 / 0x1_0000)) >>> 0;
}

/** A hash, made anew by each {@link Hash64.set}: reuse one object. Halves are u32. */
export class Hash64 {
  high = 0;
  low = 0;

  /** Hashes the u64 with these halves. */
  set(keyHigh: number, keyLow: number): this {
    this.#foldProduct(SECRET_1_HIGH, (keyLow ^ SECRET_1_LOW) >>> 0, SECRET_0_HIGH, (keyHigh ^ SECRET_0_LOW) >>> 0);
    this.#foldProduct(this.high, this.low, SECRET_1_HIGH, (KEY_SIZE_BYTES ^ SECRET_1_LOW) >>> 0);
    return this;
  }

  /** The hash scaled to 0 … `count` − 1, where `count` is a u32: ⌊hash · count / 2^64⌋. */
  scaledTo(count: number): number {
    const carry = (Math.imul(this.high, count) >>> 0) + multiplyHigh(this.low, count) >= TWO_POW_32 ? 1 : 0;
    return multiplyHigh(this.high, count) + carry;
  }

  /** Multiplies two u64 to a u128 and XORs its halves. */
  #foldProduct(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
    const low = Math.imul(aLow, bLow) >>> 0;
    const second = multiplyHigh(aLow, bLow) + (Math.imul(aLow, bHigh) >>> 0) + (Math.imul(aHigh, bLow) >>> 0);
    const third =
      multiplyHigh(aLow, bHigh) +
      multiplyHigh(aHigh, bLow) +
      (Math.imul(aHigh, bHigh) >>> 0) +
      Math.floor(second / TWO_POW_32);
    const high = multiplyHigh(aHigh, bHigh) + Math.floor(third / TWO_POW_32);
    this.low = (low ^ third) >>> 0;
    this.high = (second ^ high) >>> 0;
  }
}
