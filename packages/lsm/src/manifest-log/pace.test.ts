import { type Config, PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { ManifestPace } from "./pace.ts";

const TREES = 33;

/** Spec 05 §13.1. */
const COUNTS: readonly [Config, Partial<ManifestPace>][] = [
  [
    PRODUCTION,
    {
      entriesPerBlock: 4094,
      tablesMax: 2396744,
      appendBlocksMax: 1,
      compactBlocksMax: 2,
      logBlocksFullMax: 586,
      logBlocksCycleMax: 1172,
      logBlocksMax: 1466,
      buffersMax: 4,
    },
  ],
  [
    TEST_MIN,
    {
      entriesPerBlock: 30,
      tablesMax: 21844,
      appendBlocksMax: 66,
      compactBlocksMax: 71,
      logBlocksFullMax: 729,
      logBlocksCycleMax: 10365,
      logBlocksMax: 11091,
      buffersMax: 138,
    },
  ],
];

/** Spec 05 §23.4: log blocks, tables, blocks to compact. */
const HALF_BARS: readonly [Config, number, number, number][] = [
  [PRODUCTION, 0, 0, 0],
  [PRODUCTION, 1, 100, 2],
  [PRODUCTION, 3, 10000, 1],
  [PRODUCTION, 1171, 0, 2],
  [PRODUCTION, 1171, 2396744, 2],
  [TEST_MIN, 3, 40, 11],
];

describe("the pace of the manifest log", () => {
  test.each(COUNTS)("follows from the configuration %#", (config, counts) => {
    expect(new ManifestPace(config, TREES)).toMatchObject(counts);
  });

  test.each(HALF_BARS)(
    "compacts as many blocks as the log and its tables ask for %#",
    (config, blocks, tables, count) => {
      expect(new ManifestPace(config, TREES).halfBarCompactBlocks(blocks, tables)).toBe(count);
    },
  );

  test("never compacts more than its bound, and fully when the log is long", () => {
    const pace = new ManifestPace(TEST_MIN, TREES);
    for (let blocks = 0; blocks <= pace.logBlocksMax; blocks += 97) {
      for (let tables = 0; tables <= pace.tablesMax; tables += 997) {
        const count = pace.halfBarCompactBlocks(blocks, tables);
        expect(count).toBeLessThanOrEqual(pace.compactBlocksMax);
        if (blocks + pace.appendBlocksMax >= pace.logBlocksCycleMax) expect(count).toBe(pace.compactBlocksMax);
      }
    }
  });

  test("knows no longer log and no more tables than there can be", () => {
    const pace = new ManifestPace(TEST_MIN, TREES);
    expect(() => pace.halfBarCompactBlocks(pace.logBlocksMax + 1, 0)).toThrow("at most 11091");
    expect(() => pace.halfBarCompactBlocks(0, pace.tablesMax + 1)).toThrow("at most 21844");
  });
});
