import { spawnSync } from "node:child_process";
import type { SpawnSyncReturns } from "node:child_process";
import { resolve } from "node:path";

import { describe, expect, test } from "vitest";

function end(...args: readonly string[]): SpawnSyncReturns<string> {
  const program = resolve(import.meta.dirname, "testing/ending.ts");
  return spawnSync(process.execPath, ["--conditions=@stagbeetle/source", program, ...args], { encoding: "utf8" });
}

test.each([0, 8])("a process ends with the status %i, which its program returns", (returned) => {
  const { status, stdout, stderr } = end(`${returned}`);
  expect([status, stdout, stderr]).toEqual([returned, "done\n", ""]);
});

describe.each(["throws", "throws-from-callback"])("a process whose program %s", (way) => {
  test("ends with one line and the status of the condition, where an operator can do something about it", () => {
    const { status, stdout, stderr } = end(way, "fatal");
    expect([status, stdout, stderr]).toEqual([2, "", "error: no space left\n"]);
  });

  test("is aborted where it is a mistake of ours, with where it happened", () => {
    const { status, signal, stderr } = end(way, "bug");
    expect([status, signal]).toEqual([null, "SIGABRT"]);
    expect(stderr).toMatch(/^error: RangeError: op 7\\nis not 8\n/u);
    expect(stderr).toContain("ending.ts:");
  });
});

test("what is thrown need not be an error", () => {
  const { status, stderr } = end("throws", "text");
  expect([status, stderr]).toEqual([134, "error: just a text was thrown\n"]);
});
