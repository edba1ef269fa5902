/**
 * Marzullo's algorithm: the interval that most sources agree on (spec 03 §6.6).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** What one source claims: the true value lies between both bounds, both included. */
export interface SourceInterval {
  readonly lower: bigint;
  readonly upper: bigint;
}

/** The smallest interval that lies in the intervals of the most sources. */
export interface Agreement {
  readonly lower: bigint;
  readonly upper: bigint;
  /** How many sources agree with it. */
  readonly sourcesTrue: number;
  /** How many do not. */
  readonly sourcesFalse: number;
}

interface Bound {
  readonly source: number;
  readonly offset: bigint;
  readonly kind: "lower" | "upper";
}

/** The smallest interval that most of `intervals` contain; all zero if there are none. */
export function smallestInterval(intervals: readonly SourceInterval[]): Agreement {
  const bounds = sortedBounds(intervals);
  let best = 0;
  let count = 0;
  let lower = 0n;
  let upper = 0n;
  for (const [index, bound] of bounds.entries()) {
    count += bound.kind === "lower" ? 1 : -1;
    assert(count >= 0 && count <= intervals.length, () => `${count} of ${intervals.length} sources are open`);
    const next = bounds[index + 1];
    // After the last bound no source is open, so nothing more can be found.
    if (next === undefined) break;
    const narrower = count === best && next.kind === "upper" && next.offset - bound.offset < upper - lower;
    if (count > best || narrower) {
      best = count;
      lower = bound.offset;
      upper = next.offset;
    }
  }
  assert(best <= intervals.length && lower <= upper, () => `${best} sources agree on ${lower} to ${upper}`);
  return { lower, upper, sourcesTrue: best, sourcesFalse: intervals.length - best };
}

/** By offset; at the same offset lower bounds come first, so that intervals which only touch overlap; then by source. */
function sortedBounds(intervals: readonly SourceInterval[]): readonly Bound[] {
  const bounds = intervals.flatMap(({ lower, upper }, source): Bound[] => {
    assert(lower <= upper, () => `source ${source} claims ${lower} to ${upper}`);
    return [
      { source, offset: lower, kind: "lower" },
      { source, offset: upper, kind: "upper" },
    ];
  });
  return bounds.sort((left, right) => {
    if (left.offset !== right.offset) return left.offset < right.offset ? -1 : 1;
    if (left.kind !== right.kind) return left.kind === "lower" ? -1 : 1;
    return left.source - right.source;
  });
}
