import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { ManifestPace, tablesPerForestMax, tablesPerLevelMax } from "./pace.ts";

const TREES = 33;

test("the bounds are those of spec 05 §13.1", () => {
  const of = (config: typeof PRODUCTION): readonly number[] => {
    const pace = new ManifestPace(config, TREES);
    const { entriesPerBlock, tablesMax, appendBlocksMax, compactBlocksMax, logBlocksCycleMax, logBlocksMax } = pace;
    return [
      entriesPerBlock,
      tablesMax,
      appendBlocksMax,
      compactBlocksMax,
      logBlocksCycleMax,
      logBlocksMax,
      pace.buffersMax,
    ];
  };
  expect(of(PRODUCTION)).toEqual([4094, 2396744, 1, 2, 1172, 1466, 4]);
  expect(of(TEST_MIN)).toEqual([30, 21844, 66, 71, 10365, 11091, 138]);
});

test("the levels have at most 8, 64, 512 … tables", () => {
  const levels = Array.from({ length: 7 }, (_, level) => tablesPerLevelMax(PRODUCTION, level));
  expect(levels).toEqual([8, 64, 512, 4096, 32768, 262144, 2097152]);
  expect(tablesPerForestMax(PRODUCTION)).toBe(levels.reduce((sum, tables) => sum + tables));
});

test.each([
  { config: PRODUCTION, logBlocks: 0, tables: 0, blocks: 0 },
  { config: PRODUCTION, logBlocks: 1, tables: 100, blocks: 2 },
  { config: PRODUCTION, logBlocks: 3, tables: 10000, blocks: 1 },
  { config: PRODUCTION, logBlocks: 1171, tables: 7, blocks: 2 },
  { config: TEST_MIN, logBlocks: 3, tables: 40, blocks: 11 },
])(
  "$logBlocks blocks and $tables tables compact $blocks blocks (spec 05 §23.4)",
  ({ config, logBlocks, tables, blocks }) => {
    expect(new ManifestPace(config, TREES).halfBarCompactBlocks(logBlocks, tables)).toBe(blocks);
  },
);
