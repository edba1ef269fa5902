import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { createDistribution } from "./distribution.ts";

const COUNT = 1000;
const DRAWS = 20_000;

/** How often each index is drawn, the most frequent first. */
function frequencies(name: "uniform" | "zipfian" | "latest", count: number): readonly (readonly [number, number])[] {
  const random = new Random(7);
  const distribution = createDistribution(name, count, random);
  const counts = new Map<number, number>();
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const index = distribution.draw(random);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  return [...counts].toSorted((a, b) => b[1] - a[1]);
}

describe("a distribution", () => {
  test.each(["uniform", "zipfian", "latest"] as const)("%s stays within its set, however small", (name) => {
    for (const count of [1, 2, 3, COUNT]) {
      for (const [index] of frequencies(name, count)) {
        expect(Number.isInteger(index) && index >= 0 && index < count, `${index} of ${count}`).toBe(true);
      }
    }
  });

  test("that is uniform prefers nothing", () => {
    const drawn = frequencies("uniform", COUNT);
    expect(drawn).toHaveLength(COUNT);
    expect(drawn[0]?.[1]).toBeLessThan((3 * DRAWS) / COUNT);
  });

  test("that is zipfian takes the second half as often as the first, and so on", () => {
    const shares = frequencies("zipfian", COUNT).map(([, count]) => count / DRAWS);
    // The sum of 1 / i^0.99 for 1 to 1000 is 7.729.
    expect(shares[0]).toBeCloseTo(1 / 7.729, 1);
    expect(shares[1]).toBeCloseTo(0.5 ** 0.99 / 7.729, 1);
    expect(shares[9]).toBeCloseTo(10 ** -0.99 / 7.729, 1);
  });

  test("that is zipfian is shuffled, and the latest one prefers the end", () => {
    expect(frequencies("latest", COUNT).slice(0, 3)).toEqual([
      [COUNT - 1, expect.any(Number)],
      [COUNT - 2, expect.any(Number)],
      [COUNT - 3, expect.any(Number)],
    ]);
    const [first, second, third] = frequencies("zipfian", COUNT).map(([index]) => index);
    expect(first).toBe(0);
    expect(((third ?? 0) - (second ?? 0) + COUNT) % COUNT).toBe(second);
  });
});
