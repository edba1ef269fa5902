import { describe, expect, test, vi } from "vitest";

import { runHostile } from "./hostile-run.ts";

/** Runs of each kind; of a sweep, `STAGBEETLE_SEED_FIRST` is where it begins. */
const SEEDS = Number(process.env["STAGBEETLE_SEEDS"] ?? 5);
const FIRST = Number(process.env["STAGBEETLE_SEED_FIRST"] ?? 0);
const TICKS = 1000;

/**
 * A request that is forged so well that a quorum stored it is executed, and where it contradicts what was executed before, a
 * replica stops rather than go on with another state than the others: that is no promise.
 */
const EXECUTED = /^request \d+ after \d+$|^release \d+ in a session of \d+$/;

/** For the slowest machine: no run waits for a clock. */
vi.setConfig({ testTimeout: 600_000 });

const seeds = Array.from({ length: SEEDS }, (_, index) => BigInt(FIRST + index));

describe("a cluster", () => {
  test.each(seeds)("keeps all its promises among old messages and questions of any kind (seed %i)", (seed) => {
    const { injected, executed } = runHostile(seed, { forgeries: ["replayed", "asked"], judged: true, ticks: TICKS });
    expect(injected).toBeGreaterThan(0);
    expect(executed).toBeGreaterThan(20);
  });

  // What a forged message makes replicas believe can be wrong; only that none of them stops is promised.
  test.each(seeds)("breaks no assertion whatever a message says (seed %i)", (seed) => {
    const forgeries = ["replayed", "altered", "altered", "invented"] as const;
    try {
      const { injected } = runHostile(seed, { forgeries, judged: false, ticks: TICKS });
      expect(injected).toBeGreaterThan(0);
    } catch (error) {
      if (!(error instanceof Error) || !EXECUTED.test(error.message)) throw error;
    }
  });
});
