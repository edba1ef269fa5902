/**
 * Exponentially distributed integers from comparisons of uniform ones alone (von Neumann, "Various techniques used in
 * connection with random digits", 1951). No floating-point function whose last bit could differ between engines.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Random } from "@stagbeetle/vsr-protocol";

const FRACTION_RANGE = 0x1_0000_0000;

/**
 * An integer whose distribution is exponential with this mean, rounded down.
 *
 * @param mean a non-negative integer; 0 gives 0 without a draw.
 */
export function exponential(random: Random, mean: number): number {
  assert(Number.isSafeInteger(mean) && mean >= 0, () => `a mean of ${mean}`);
  if (mean === 0) return 0;
  for (let whole = 0; ; whole += 1) {
    const first = random.u32();
    let previous = first;
    let runLength = 1;
    for (let next = random.u32(); next < previous; next = random.u32()) {
      previous = next;
      runLength += 1;
    }
    // A descending run of odd length is accepted with density e^-x for its first value x.
    if (runLength % 2 === 1) return Math.floor((whole + first / FRACTION_RANGE) * mean);
  }
}
