import { expect, test } from "vitest";
import { windowAt } from "../../test/windows.ts";
import type { Config } from "../config/config.ts";
import { PRODUCTION } from "../config/production.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { CheckpointWindow } from "./checkpoint-window.ts";

const at = (config: Config, opCheckpoint: number): CheckpointWindow => windowAt(config, () => opCheckpoint);

test("the windows of a checkpoint are those of the worked example", () => {
  const window = at(TEST_MIN, 19);
  expect(window.opCheckpointTrigger).toBe(23);
  expect(window.opCheckpointNext).toBe(39);
  expect(window.opCheckpointNextTrigger).toBe(43);
  expect(window.opPrepareOkMax(true, 0)).toBe(47);
  expect(window.opPrepareMax).toBe(51);
});

test("a fresh file may fill its log up to the first checkpoint's prepare_max", () => {
  expect(at(TEST_MIN, 0).opPrepareMax).toBe(31);
  const production = at(PRODUCTION, 0);
  expect(production.opCheckpointNext).toBe(959);
  expect(production.opCheckpointNextTrigger).toBe(991);
  expect(production.opPrepareMax).toBe(1007);
});

test("in production, acks after the first checkpoint end at 1959", () => {
  const window = at(PRODUCTION, 959);
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
  { checkpoint: 0, op: 30, commitMax: 30, opRepairMin: 0 },
])("with checkpoint $checkpoint, head $op and commit_max $commitMax the log is kept from op $opRepairMin", (row) => {
  expect(at(TEST_MIN, row.checkpoint).opRepairMin(row.op, row.commitMax)).toBe(row.opRepairMin);
});

test("a checkpoint contains the ops up to its trigger, and that of op 0 contains none", () => {
  const window = at(TEST_MIN, 19);
  expect([20, 23, 24].map((op) => window.contains(op))).toEqual([true, true, false]);
  expect(at(TEST_MIN, 0).contains(1)).toBe(false);
});

test("what is committed is repaired as far as it fits the log", () => {
  const window = at(TEST_MIN, 19);
  expect(window.opRepairMax(30, 40)).toBe(40);
  expect(window.opRepairMax(30, 90)).toBe(51);
  expect(window.opRepairMax(55, 90)).toBe(55);
  expect(window.opRepairMax(30, 28)).toBe(28);
});

test("while a checkpoint is being installed, what is repaired is what it needs", () => {
  const window = new CheckpointWindow(TEST_MIN, {
    opCheckpoint: () => 19,
    checkpointSync: () => ({ op: 59, id: 3n, parentId: 2n, grandparentId: 1n }),
  });
  expect([window.opPrepareMax, window.opPrepareMaxSync]).toEqual([51, 91]);
  expect(window.opRepairMin(70, 70)).toBe(60);
  expect(window.opRepairMax(70, 100)).toBe(91);
  expect([39, 40, 59, 60, 79, 80, 99, 100].map((op) => window.checkpointIdForOp(op))).toEqual([
    null,
    1n,
    1n,
    2n,
    2n,
    3n,
    3n,
    null,
  ]);
});
