import { describe, expect, it } from "vitest";
import { checkpointAfter, checkpointIdForOp, durable, isCheckpointOp, prepareMax, trigger } from "./checkpoint.ts";
import { PRODUCTION } from "./config/production.ts";
import { TEST_MIN } from "./config/test-min.ts";
import { snapshotReadableAtCommit } from "./snapshot.ts";

describe("checkpoints", () => {
  it.each([
    [PRODUCTION, [0, 959, 1919, 2879, 3839], [null, 991, 1951, 2911, 3871], [null, 1007, 1967, 2927, 3887]],
    [TEST_MIN, [0, 19, 39, 59, 79], [null, 23, 43, 63, 83], [null, 31, 51, 71, 91]],
  ] as const)("of $name follow each other as the specification says", (config, ops, triggers, prepareMaxima) => {
    const following = [0];
    while (following.length < ops.length) following.push(checkpointAfter(config, following.at(-1) ?? 0));
    expect(following).toEqual(ops);
    expect(ops.map((op) => trigger(config, op))).toEqual(triggers);
    expect(ops.map((op) => prepareMax(config, op))).toEqual(prepareMaxima);
  });

  it.each([
    [PRODUCTION, 959, 1000],
    [PRODUCTION, 1919, 1960],
    [TEST_MIN, 19, 28],
    [TEST_MIN, 39, 48],
  ] as const)("of $name at $1 are durable from commit $2 on", (config, op, commit) => {
    expect(durable(config, op, commit - 1)).toBe(false);
    expect(durable(config, op, commit)).toBe(true);
  });

  it("at 0 are durable before anything is committed", () => {
    expect(durable(PRODUCTION, 0, 0)).toBe(true);
  });

  it("lie at the ends of bars", () => {
    expect([0, 3, 4, 7, 18, 19].map((op) => isCheckpointOp(TEST_MIN, op))).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
    ]);
    expect(() => checkpointAfter(TEST_MIN, 18)).toThrow(/not a checkpoint/);
  });
});

describe("the checkpoint id of an op", () => {
  const ids = { op: 39, id: 3n, parentId: 2n, grandparentId: 1n };
  it.each([
    [19, null],
    [20, 1n],
    [39, 1n],
    [40, 2n],
    [59, 2n],
    [60, 3n],
    [79, 3n],
    [80, null],
  ])("%i is %s", (op, expected) => {
    expect(checkpointIdForOp(TEST_MIN, ids, op)).toBe(expected);
  });
});

describe("a snapshot", () => {
  it("sees what was committed up to its op", () => {
    expect(snapshotReadableAtCommit(7)).toBe(8);
  });
});
