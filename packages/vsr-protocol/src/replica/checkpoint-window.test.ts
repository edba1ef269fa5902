import { expect, test } from "vitest";
import type { Config } from "../config/config.ts";
import { PRODUCTION } from "../config/production.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { CheckpointWindow } from "./checkpoint-window.ts";

const windowAt = (config: Config, opCheckpoint: number): CheckpointWindow =>
  new CheckpointWindow(config, () => opCheckpoint);

test("the windows of a checkpoint are those of the worked example", () => {
  const window = windowAt(TEST_MIN, 19);
  expect(window.opCheckpointTrigger).toBe(23);
  expect(window.opCheckpointNext).toBe(39);
  expect(window.opCheckpointNextTrigger).toBe(43);
  expect(window.opPrepareOkMax(true, 0)).toBe(47);
  expect(window.opPrepareMax).toBe(51);
});

test("a fresh file may fill its log up to the first checkpoint's prepare_max", () => {
  expect(windowAt(TEST_MIN, 0).opPrepareMax).toBe(31);
  const production = windowAt(PRODUCTION, 0);
  expect(production.opCheckpointNext).toBe(959);
  expect(production.opCheckpointNextTrigger).toBe(991);
  expect(production.opPrepareMax).toBe(1007);
});

test("in production, acks after the first checkpoint end at 1959", () => {
  const window = windowAt(PRODUCTION, 959);
  expect(window.opPrepareOkMax(true, 991)).toBe(1959);
  // Its blocks are not all here, and no quorum is known to have it.
  expect(window.opPrepareOkMax(false, 999)).toBe(999);
  expect(window.opPrepareOkMax(false, 1000)).toBe(1959);
  expect(window.opPrepareMax).toBe(1967);
});

test.each([
  { checkpoint: 19, op: 33, commitMax: 30, opRepairMin: 20 },
  { checkpoint: 19, op: 30, commitMax: 27, opRepairMin: 0 },
  { checkpoint: 19, op: 19, commitMax: 30, opRepairMin: 19 },
  { checkpoint: 19, op: 55, commitMax: 52, opRepairMin: 24 },
  { checkpoint: 0, op: 12, commitMax: 12, opRepairMin: 0 },
])("with checkpoint $checkpoint, head $op and commit_max $commitMax the log is kept from op $opRepairMin", (row) => {
  expect(windowAt(TEST_MIN, row.checkpoint).opRepairMin(row.op, row.commitMax)).toBe(row.opRepairMin);
});

test("a checkpoint contains the ops up to its trigger, and that of op 0 contains none", () => {
  const window = windowAt(TEST_MIN, 19);
  expect([20, 23, 24].map((op) => window.contains(op))).toEqual([true, true, false]);
  expect(windowAt(TEST_MIN, 0).contains(1)).toBe(false);
});
