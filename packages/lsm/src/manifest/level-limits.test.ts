import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";
import { tablesPerForestMax, tablesPerLevelMax } from "./level-limits.ts";

test("levels grow by the growth factor", () => {
  const limits = PRODUCTION.cluster.lsmLevels;
  expect(Array.from({ length: limits }, (_, level) => tablesPerLevelMax(PRODUCTION, level))).toEqual([
    8, 64, 512, 4096, 32768, 262144, 2097152,
  ]);
  expect(() => tablesPerLevelMax(PRODUCTION, limits)).toThrow("level 7 of 7");
});

test("a forest has as many tables as the levels of one tree", () => {
  expect([tablesPerForestMax(PRODUCTION), tablesPerForestMax(TEST_MIN)]).toEqual([2396744, 21844]);
});
