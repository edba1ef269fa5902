/**
 * Which of a set of accounts is chosen (spec 06 §7.2).
 */
import { assert } from "@stagbeetle/kernels";
import type { Random } from "@stagbeetle/vsr-protocol";

import type { DistributionName } from "../commands/benchmark-flags.ts";

/** Draws indexes of a set, from 0. */
export interface Distribution {
  draw(random: Random): number;
}

/** How skewed the choice is: the index i is chosen in proportion to 1 / (i + 1)^θ. */
const THETA = 0.99;

/** A distribution over `count` ≥ 1 elements. A zipfian one is shuffled, by a draw from `random`. */
export function createDistribution(name: DistributionName, count: number, random: Random): Distribution {
  assert(Number.isSafeInteger(count) && count >= 1, () => `a set of ${count}`);
  if (name === "uniform") return { draw: (draws) => draws.index(count) };
  const zipfian = new Zipfian(count);
  if (name === "latest") return { draw: (draws) => count - 1 - zipfian.draw(draws) };
  const stride = BigInt(drawCoprime(count, random));
  const modulus = BigInt(count);
  return { draw: (draws) => Number((BigInt(zipfian.draw(draws)) * stride) % modulus) };
}

/**
 * The generator of Gray et al., "Quickly generating billion-record synthetic databases" (1994): one logarithm and one power a
 * draw, after a sum over the whole set at the start.
 */
class Zipfian implements Distribution {
  readonly #count: number;
  /** The sum of all weights, and of the first two. */
  readonly #zeta: number;
  readonly #zeta2 = 1 + 0.5 ** THETA;
  readonly #eta: number;

  constructor(count: number) {
    this.#count = count;
    let zeta = 0;
    for (let rank = 1; rank <= count; rank += 1) zeta += rank ** -THETA;
    this.#zeta = zeta;
    this.#eta = (1 - (2 / count) ** (1 - THETA)) / (1 - this.#zeta2 / zeta);
  }

  draw(random: Random): number {
    const uniform = drawUnit(random);
    const weight = uniform * this.#zeta;
    if (weight < 1) return 0;
    // Only the first two are left, whose share the formula below does not describe.
    if (weight < this.#zeta2 || this.#count === 2) return 1;
    const index = Math.floor(this.#count * (this.#eta * uniform - this.#eta + 1) ** (1 / (1 - THETA)));
    return Math.min(index, this.#count - 1);
  }
}

const MANTISSA_HIGH = 2 ** 26;
const MANTISSA_LOW = 2 ** 27;

/** A uniform number from 0 to below 1, of 53 bits. */
function drawUnit(random: Random): number {
  const high = random.u32() >>> 6;
  const low = random.u32() >>> 5;
  return (high * MANTISSA_LOW + low) / (MANTISSA_HIGH * MANTISSA_LOW);
}

function drawCoprime(count: number, random: Random): number {
  for (;;) {
    const candidate = 1 + random.index(count);
    if (greatestCommonDivisor(candidate, count) === 1) return candidate;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
