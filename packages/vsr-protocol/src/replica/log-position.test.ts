import { describe, expect, test } from "vitest";
import { LogPosition } from "./log-position.ts";

function at(op: number, commitMin: number, commitMax: number): LogPosition {
  const log = new LogPosition(4);
  log.recover({ op, commitMin, commitMax });
  return log;
}

const ops = ({ op, commitMin, commitMax }: LogPosition): readonly number[] => [op, commitMin, commitMax];

test("a head moves on, to the next op or over a gap, and back only when a log is installed", () => {
  const log = at(5, 3, 4);
  log.advanceHead(6);
  log.advanceHead(8);
  expect(log.op).toBe(8);
  expect(() => log.advanceHead(8)).toThrow("op 8 after head 8");
  log.installHead(5, 5);
  expect(ops(log)).toEqual([5, 3, 5]);
});

test("what is executed is never cut off, and what is committed is never forgotten", () => {
  const log = at(8, 6, 6);
  expect(() => log.installHead(5, 5)).toThrow("head 5 behind commit_min 6");
  log.installHead(9, 4);
  expect(ops(log)).toEqual([9, 6, 6]);
  log.learnCommitMax(5);
  expect(log.commitMax).toBe(6);
});

test("ops are executed one by one, up to the head", () => {
  const log = at(5, 3, 3);
  log.executed(4);
  expect(ops(log)).toEqual([5, 4, 4]);
  expect(() => log.executed(6)).toThrow("op 6 is executed after op 4");
  log.executed(5);
  expect(() => log.executed(6)).toThrow("beyond head 5");
});

describe("the checkpoint of another replica", () => {
  test("moves what counts as executed on, or back by less than a bar", () => {
    const log = at(60, 30, 58);
    log.syncTo(59);
    expect(ops(log)).toEqual([60, 59, 59]);
    const beyond = at(60, 60, 60);
    beyond.syncTo(59);
    expect(ops(beyond)).toEqual([60, 59, 60]);
  });

  test("is never beyond the head", () => {
    expect(() => at(50, 46, 46).syncTo(59)).toThrow("beyond head 50");
  });
});

test("a head is at most a pipeline ahead of what is known to be committed", () => {
  expect(() => at(9, 4, 4)).toThrow("too far behind head 9");
});
