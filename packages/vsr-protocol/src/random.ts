/**
 * A seeded generator of pseudo-random numbers: xoshiro256++, seeded by SplitMix64 (spec 01 §2.7, spec 07 §4).
 *
 * The draws are those of the reference, bit for bit: which backup answers a client beside the primary is a draw that all
 * replicas must agree on, and option vectors of the simulator depend on it.
 *
 * The 256 bits of state are eight unsigned 32-bit halves, because 64-bit arithmetic on `bigint` is some fifty times slower.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The widths in which a bounded integer can be drawn. The same bound gives different draws in different widths. */
export type DrawBits = 8 | 16 | 32 | 64;

const U64_MASK = 0xffff_ffff_ffff_ffffn;
const TWO_POW_32 = 0x1_0000_0000;

/** One step of SplitMix64: the state after it; {@link splitMixOutput} makes the output of it. */
function splitMixStep(state: bigint): bigint {
  return (state + 0x9e37_79b9_7f4a_7c15n) & U64_MASK;
}

function splitMixOutput(state: bigint): bigint {
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & U64_MASK;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & U64_MASK;
  return z ^ (z >> 31n);
}

/** The upper 32 bits of the product of two u32. */
function multiplyHigh32(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  // At most 2^33, so the sum is exact and its carry is not lost.
  const middle2 = aLow * bHigh + (middle % 0x1_0000);
  return (aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(middle2 / 0x1_0000)) >>> 0;
}

/** A generator. Two of the same seed give the same draws for ever. Not for secrets. */
export class Random {
  /** The output of the last step: its upper and lower 32 bits, unsigned. */
  #high = 0;
  #low = 0;
  /** Words s0 to s3, each as (high, low). */
  readonly #state = new Uint32Array(8);

  /** @param seed a u64. */
  constructor(seed: bigint | number) {
    const seed64 = BigInt(seed);
    assert(seed64 >= 0n && seed64 <= U64_MASK, () => `not a u64 seed: ${seed64}`);
    let split = seed64;
    for (let word = 0; word < 4; word += 1) {
      split = splitMixStep(split);
      const output = splitMixOutput(split);
      this.#state[2 * word] = Number(output >> 32n);
      this.#state[2 * word + 1] = Number(output & 0xffff_ffffn);
    }
  }

  /** A uniform u64. */
  u64(): bigint {
    this.#step();
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  /** A uniform u32: the low half of one step. */
  u32(): number {
    this.#step();
    return this.#low;
  }

  /** A uniform u128: the first step is the low half. */
  u128(): bigint {
    const low = this.u64();
    return (this.u64() << 64n) | low;
  }

  /** Fills `target` with uniform bytes. */
  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at += 8) {
      this.#step();
      const count = Math.min(8, target.length - at);
      for (let index = 0; index < count; index += 1) {
        const half = index < 4 ? this.#low : this.#high;
        target[at + index] = half >>> (8 * (index % 4));
      }
    }
  }

  /**
   * A uniform integer from 0 to `max`, both included, drawn in a width of `bits` without bias.
   *
   * @param max at most the largest value of the width; a safe integer.
   */
  intInclusive(bits: DrawBits, max: number): number {
    assert(Number.isSafeInteger(max) && max >= 0, () => `not a bound: ${max}`);
    if (bits === 64) return max < TWO_POW_32 - 1 ? this.#bounded64(max + 1) : Number(this.u64Inclusive(BigInt(max)));
    const values = 2 ** bits;
    assert(max < values, () => `a bound of ${max} in ${bits} bits`);
    if (max === values - 1) {
      this.#step();
      return bits === 32 ? this.#low : this.#low & max;
    }
    return bits === 32 ? this.#bounded32(max + 1) : this.#boundedSmall(values, max + 1);
  }

  /** A uniform u64 from 0 to `max`, both included, without bias. */
  u64Inclusive(max: bigint): bigint {
    assert(max >= 0n && max <= U64_MASK, () => `not a u64 bound: ${max}`);
    if (max === U64_MASK) return this.u64();
    const count = max + 1n;
    let product = this.u64() * count;
    if ((product & U64_MASK) < count) {
      const threshold = (U64_MASK + 1n - count) % count;
      while ((product & U64_MASK) < threshold) product = this.u64() * count;
    }
    return product >> 64n;
  }

  /** A uniform integer from `min` to `max`, both included, drawn in a width of `bits`. */
  rangeInclusive(bits: DrawBits, min: number, max: number): number {
    assert(min <= max, () => `an empty range: ${min} to ${max}`);
    return min + this.intInclusive(bits, max - min);
  }

  /** A uniform index into something with `length` > 0 elements. */
  index(length: number): number {
    assert(length > 0, "no element to choose");
    return this.intInclusive(64, length - 1);
  }

  /** True in half of the draws. */
  boolean(): boolean {
    this.#step();
    return (this.#low & 1) === 1;
  }

  /** True in `numerator` of `denominator` draws. */
  chance(numerator: number, denominator: number): boolean {
    assert(
      denominator > 0 && numerator >= 0 && numerator <= denominator,
      () => `not a ratio: ${numerator}/${denominator}`,
    );
    return this.intInclusive(64, denominator - 1) < numerator;
  }

  /** Puts the elements of `items` into a uniformly random order, in place. */
  shuffle<Item>(items: Item[]): void {
    for (let last = 0; last < items.length; last += 1) {
      const other = this.intInclusive(64, last);
      const swapped = items[last] as Item;
      items[last] = items[other] as Item;
      items[other] = swapped;
    }
  }

  /** An index into `weights` (whole numbers, at least one above 0), chosen in proportion to them. */
  weighted(weights: readonly number[]): number {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    assert(total > 0, "no weight to choose by");
    let pick = this.intInclusive(64, total - 1);
    for (const [index, weight] of weights.entries()) {
      if (pick < weight) return index;
      pick -= weight;
    }
    assert(false, () => `a pick beyond the total weight ${total}`);
  }

  /** Lemire's method in 8 or 16 bits: `values` is 2 to that power, `count` the number of results. */
  #boundedSmall(values: number, count: number): number {
    const threshold = (values - count) % count;
    let product = 0;
    do {
      this.#step();
      product = (this.#low % values) * count;
    } while (product % values < threshold);
    return Math.floor(product / values);
  }

  #bounded32(count: number): number {
    const threshold = (TWO_POW_32 - count) % count;
    do {
      this.#step();
    } while (Math.imul(this.#low, count) >>> 0 < threshold);
    return multiplyHigh32(this.#low, count);
  }

  /** As {@link u64Inclusive} for fewer than 2^32 results, without `bigint`: the product has 96 bits, in three words. */
  #bounded64(count: number): number {
    for (;;) {
      this.#step();
      const low = Math.imul(this.#low, count) >>> 0;
      const middle = multiplyHigh32(this.#low, count) + (Math.imul(this.#high, count) >>> 0);
      const carry = middle >= TWO_POW_32 ? 1 : 0;
      // The threshold is below `count`, so it is computed for a remainder below `count` only: once in 2^32 draws or less.
      const biased = middle % TWO_POW_32 === 0 && low < count && low < Number((1n << 64n) % BigInt(count));
      if (!biased) return multiplyHigh32(this.#high, count) + carry;
    }
  }

  /** xoshiro256++: the next output, and the state after it. */
  #step(): void {
    const s = this.#state;
    const s0h = s[0] as number;
    const s0l = s[1] as number;
    const s1h = s[2] as number;
    const s1l = s[3] as number;
    const s2h = (s[4] as number) ^ s0h;
    const s2l = (s[5] as number) ^ s0l;
    const s3hOld = s[6] as number;
    const s3lOld = s[7] as number;
    const s3h = s3hOld ^ s1h;
    const s3l = s3lOld ^ s1l;

    const sumLow = s0l + s3lOld;
    const sumHigh = (s0h + s3hOld + (sumLow >= TWO_POW_32 ? 1 : 0)) | 0;
    const rotatedHigh = ((sumHigh << 23) | ((sumLow | 0) >>> 9)) >>> 0;
    const rotatedLow = (((sumLow | 0) << 23) | (sumHigh >>> 9)) >>> 0;
    const outLow = rotatedLow + s0l;
    this.#high = (rotatedHigh + s0h + (outLow >= TWO_POW_32 ? 1 : 0)) >>> 0;
    this.#low = outLow >>> 0;

    const shiftedHigh = (s1h << 17) | (s1l >>> 15);
    const shiftedLow = s1l << 17;
    s[2] = s1h ^ s2h;
    s[3] = s1l ^ s2l;
    s[0] = s0h ^ s3h;
    s[1] = s0l ^ s3l;
    s[4] = s2h ^ shiftedHigh;
    s[5] = s2l ^ shiftedLow;
    // A rotation by 45 is one by 13 with the halves exchanged.
    s[6] = (s3l << 13) | (s3h >>> 19);
    s[7] = (s3h << 13) | (s3l >>> 19);
  }
}
