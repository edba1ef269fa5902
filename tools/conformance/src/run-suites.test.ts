import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { runSuites } from "./run-suites.ts";
import type { Suite } from "./suite.ts";

let directory: string;
let lines: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-recordings-"));
  for (const folder of ["aof", "wire"]) mkdirSync(join(directory, folder));
  lines = [];
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function suite(run: Suite["run"]): Suite {
  return { name: "frames", folder: "wire", run };
}

const run = (...suites: Suite[]): ReturnType<typeof runSuites> =>
  runSuites(suites, directory, (line) => lines.push(line));

test("comparisons that agree and disagree are counted apart", async () => {
  const outcome = await run(
    suite(async (_, report) => {
      report("first");
      report("second", "expected 1, found 2");
    }),
  );
  expect(outcome).toMatchObject({ passed: 1, failed: 1 });
  expect(lines).toEqual(["  second: expected 1, found 2", "frames: 1 passed, 1 failed"]);
});

test("a suite is given its own folder", async () => {
  const seen: string[] = [];
  await run(
    suite(async (folder, report) => {
      seen.push(folder);
      report("seen");
    }),
  );
  expect(seen).toEqual([join(directory, "wire")]);
});

test("a suite that compared nothing has failed", async () => {
  expect(await run(suite(async () => {}))).toMatchObject({ passed: 0, failed: 1 });
});

test("a suite that throws has failed, and the next one still runs", async () => {
  const broken = suite(async () => {
    throw new Error("no such file");
  });
  const outcome = await run(
    broken,
    suite(async (_, report) => {
      report("fine");
    }),
  );
  expect(outcome).toMatchObject({ passed: 1, failed: 1 });
  expect(lines[0]).toContain("no such file");
});

test("folders that no suite reads are named", async () => {
  const outcome = await run(
    suite(async (_, report) => {
      report("fine");
    }),
  );
  expect(outcome.unread).toEqual(["aof"]);
});
