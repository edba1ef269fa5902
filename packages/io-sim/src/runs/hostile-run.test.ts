import { describe, expect, test, vi } from "vitest";

import { Coverage } from "./coverage.ts";
import { runHostile } from "./hostile-run.ts";

/** Runs of each kind; of a sweep, `STAGBEETLE_SEED_FIRST` is where it begins. */
const SEEDS = Number(process.env["STAGBEETLE_SEEDS"] ?? 5);
const FIRST = Number(process.env["STAGBEETLE_SEED_FIRST"] ?? 0);
const TICKS = 2500;

/** For the slowest machine: no run waits for a clock. */
vi.setConfig({ testTimeout: 600_000 });

const seeds = Array.from({ length: SEEDS }, (_, index) => BigInt(FIRST + index));
const coverage = new Coverage();

describe("a cluster", () => {
  test.each(seeds)("keeps all its promises among old messages and questions of any kind (seed %i)", (seed) => {
    const { outcome, injected } = runHostile(seed, { hostility: "old", ticks: TICKS, coverage });
    expect(outcome).toBe("kept");
    expect(injected).toBeGreaterThan(0);
  });

  // What a forged message makes replicas believe can be wrong; only that none of them stops is promised.
  test.each(seeds)("breaks no assertion whatever a message says (seed %i)", (seed) => {
    const { injected } = runHostile(seed, { hostility: "forged", ticks: TICKS, coverage });
    expect(injected).toBeGreaterThan(0);
  });

  test("works among those messages, and meets all that is rare", () => {
    expect(coverage.count("executed")).toBeGreaterThan(2 * SEEDS * 20);
    expect(coverage.missing(["crashes", "viewChanges", "headsLost", "stateSyncs", "standbys"])).toEqual([]);
  });
});
