import { describe, expect, it } from "vitest";

import { RoundTrips } from "./round-trips.ts";

describe("RoundTrips", () => {
  it("gives the median of the newest measurement of each replica", () => {
    const trips = new RoundTrips(3);
    expect(trips.learn(0, 100n, 110n)).toBe(10n);
    expect(trips.learn(1, 100n, 130n)).toBe(30n);
    expect(trips.learn(2, 100n, 120n)).toBe(20n);
    expect(trips.learn(1, 200n, 201n)).toBe(10n);
  });

  it("ignores a ping from the future", () => {
    const trips = new RoundTrips(1);
    expect(trips.learn(0, 101n, 100n)).toBeNull();
    expect(trips.learn(0, 100n, 100n)).toBe(0n);
  });
});
