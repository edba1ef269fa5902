import { expect, test } from "vitest";
import { TEST_MIN } from "../config/test-min.ts";
import { Random } from "../random.ts";
import { BackupProgress } from "./backup-progress.ts";
import type { QueuedPrepare } from "./pipeline.ts";
import { stallTicks, type StallOptions } from "./stall.ts";

/** A primary 0 of three that executed up to op 60, with prepares of which some have a quorum. */
function primary(
  progress: BackupProgress,
  options: { readonly quorums?: readonly boolean[]; readonly primary?: boolean; readonly solo?: boolean } = {},
): StallOptions {
  const prepares = (options.quorums ?? [true]).map((okQuorumReceived) => ({ okQuorumReceived }) as QueuedPrepare);
  return {
    config: TEST_MIN,
    random: new Random(1),
    identity: { replica: 0, solo: options.solo ?? false },
    roles: { primary: options.primary ?? true },
    log: { commitMin: 60 },
    pipeline: { prepares },
    progress,
  };
}

function progressOf(...backups: readonly (readonly [commitMin: number, headOp: number])[]): BackupProgress {
  const progress = new BackupProgress();
  progress.load(3);
  for (const [index, [commitMin, headOp]] of backups.entries()) progress.acknowledged(index + 1, headOp, commitMin);
  return progress;
}

test("backups that keep up are not waited for", () => {
  expect(stallTicks(primary(progressOf([60, 61], [57, 61])))).toBe(0);
});

test.each([
  { executed: 56, ticks: 1 },
  { executed: 50, ticks: 2 },
  { executed: 45, ticks: 3 },
  { executed: 30, ticks: 4 },
  { executed: 1, ticks: 4 },
])("a backup that executed up to op $executed of 60 is waited for, for $ticks ticks an op", ({ executed, ticks }) => {
  expect(stallTicks(primary(progressOf([60, 61], [executed, 61])))).toBe(ticks);
});

test("only what a backup has, it can be late with", () => {
  expect(stallTicks(primary(progressOf([60, 61], [20, 22])))).toBe(0);
});

test("a backup that is several checkpoints behind is gone", () => {
  const progress = progressOf([60, 61], [1, 500]);
  expect(stallTicks({ ...primary(progress), log: { commitMin: 62 } })).toBe(0);
});

test("a burst is slowed down now and then, although nobody is late", () => {
  const options = primary(progressOf([60, 61], [60, 61]), { quorums: [true, false, true] });
  const ticks = Array.from({ length: 1000 }, () => stallTicks(options));
  expect(new Set(ticks)).toEqual(new Set([0, 1]));
  const stalled = ticks.filter((tick) => tick === 1).length;
  expect(stalled).toBeGreaterThan(330);
  expect(stalled).toBeLessThan(470);
});

test("nobody but the primary of several replicas stalls", () => {
  const progress = progressOf([30, 61], [30, 61]);
  expect(stallTicks(primary(progress, { primary: false }))).toBe(0);
  expect(stallTicks(primary(progress, { solo: true }))).toBe(0);
});

test("a new view knows nothing of the old one's backups", () => {
  const progress = progressOf([30, 61], [30, 61]);
  progress.reset();
  expect(stallTicks(primary(progress))).toBe(0);
});

test("the acknowledgement that completes a quorum says where the replica is, even if that is less than it said before", () => {
  const progress = progressOf([60, 61], [60, 61]);
  progress.completed(2, 56);
  expect(stallTicks(primary(progress))).toBe(1);
});

test("an operator can choose the limits", () => {
  const stall = { probability: { numerator: 1, denominator: 1 }, lagMin: 20, lagMax: 40, multipleMax: 1 };
  expect(stallTicks({ ...primary(progressOf([60, 61], [50, 61])), stall })).toBe(0);
  expect(stallTicks({ ...primary(progressOf([60, 61], [30, 61])), stall })).toBe(1);
  expect(stallTicks({ ...primary(progressOf([60, 61], [10, 61])), stall })).toBe(0);
  const burst = primary(progressOf([60, 61], [60, 61]), { quorums: [true, true] });
  expect(stallTicks({ ...burst, stall })).toBe(1);
});
