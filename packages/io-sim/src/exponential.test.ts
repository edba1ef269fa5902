import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, it } from "vitest";

import { exponential } from "./exponential.ts";

function draws(mean: number, count: number): readonly number[] {
  const random = new Random(92);
  return Array.from({ length: count }, () => exponential(random, mean));
}

describe("exponential", () => {
  it("has the mean that it is asked for", () => {
    const values = draws(10_000, 20_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeGreaterThan(9_700);
    expect(mean).toBeLessThan(10_300);
  });

  it("exceeds the mean in a share of 1/e of the draws, and three times the mean in 1/e³", () => {
    const values = draws(10_000, 20_000);
    const share = (bound: number): number => values.filter((value) => value >= bound).length / values.length;
    expect(share(10_000)).toBeCloseTo(Math.exp(-1), 1);
    expect(share(30_000)).toBeCloseTo(Math.exp(-3), 1);
  });

  it("is always 0 for a mean of 0, without drawing", () => {
    const random = new Random(1);
    expect(exponential(random, 0)).toBe(0);
    expect(random.u64()).toBe(new Random(1).u64());
  });
});
