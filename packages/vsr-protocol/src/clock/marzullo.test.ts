import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import { smallestInterval, type SourceInterval } from "./marzullo.ts";

/** `8..12, 10..11` as intervals. */
function intervals(text: string): SourceInterval[] {
  return text === ""
    ? []
    : text.split(", ").map((range) => {
        const [lower = "", upper = ""] = range.split("..");
        return { lower: BigInt(lower), upper: BigInt(upper) };
      });
}

describe("the smallest interval", () => {
  it.each([
    ["11..13, 10..12, 8..12", 11n, 12n, 3, 0],
    ["8..12, 11..13, 14..15", 11n, 12n, 2, 1],
    ["-10..10, -1..1, 0..0", 0n, 0n, 3, 0],
    ["8..12, 10..11, 8..10", 10n, 10n, 3, 0],
    ["8..12, 10..12, 8..9", 8n, 9n, 2, 1],
    ["7..9, 7..12, 10..11", 10n, 11n, 2, 1],
    ["-9..-7, -12..-7, -11..-10", -11n, -10n, 2, 1],
    ["", 0n, 0n, 0, 0],
    ["1..3", 1n, 3n, 1, 0],
    ["1..3, 2..2", 2n, 2n, 2, 0],
    ["1..3, 4..5", 4n, 5n, 1, 1],
  ])("of %s is %i..%i, true to %i, not to %i", (text, lower, upper, sourcesTrue, sourcesFalse) => {
    expect(smallestInterval(intervals(text))).toEqual({ lower, upper, sourcesTrue, sourcesFalse });
  });

  const interval = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(20)).map(([lower, width]) => {
    return { lower: BigInt(lower), upper: BigInt(lower + width) };
  });

  it("lies in exactly as many intervals as it says, and no point lies in more", () => {
    const property = fc.property(fc.array(interval, { maxLength: 7 }), (all) => {
      const agreement = smallestInterval(all);
      const holding = (point: bigint): number =>
        all.filter(({ lower, upper }) => lower <= point && point <= upper).length;
      const best = Math.max(0, ...all.flatMap(({ lower, upper }) => [holding(lower), holding(upper)]));
      expect(agreement.sourcesTrue).toBe(best);
      expect(agreement.sourcesTrue + agreement.sourcesFalse).toBe(all.length);
      for (let point = agreement.lower; all.length > 0 && point <= agreement.upper; point++)
        expect(holding(point)).toBe(best);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });

  it("does not depend on the order of the sources, except among equally good ones", () => {
    const property = fc.property(fc.array(interval, { minLength: 1, maxLength: 6 }), (all) => {
      const forward = smallestInterval(all);
      const backward = smallestInterval(all.toReversed());
      expect([backward.sourcesTrue, backward.upper - backward.lower]).toEqual([
        forward.sourcesTrue,
        forward.upper - forward.lower,
      ]);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
