/**
 * Exponentially distributed integers (spec 07 §4.4).
 *
 * @module
 */
import type { Random } from "@stagbeetle/vsr-protocol";

const U32_COUNT = 0x1_0000_0000;

/**
 * An integer from an exponential distribution with this mean, rounded down.
 *
 * By comparisons of uniform numbers alone (von Neumann 1951), so that no engine's logarithm decides: a first number x is
 * accepted if the run of descending numbers that it begins has odd length, which has the probability e^−x.
 */
export function exponential(random: Random, mean: number): number {
  for (let whole = 0; ; whole += 1) {
    const first = random.u32();
    let length = 1;
    for (let last = first, next = random.u32(); next < last; last = next, next = random.u32()) length += 1;
    if (length % 2 === 1) return Math.floor((whole + first / U32_COUNT) * mean);
  }
}
