import { describe, expect, test } from "vitest";

import { ACCOUNTING, ECHO } from "../cluster/application.ts";
import { Coverage } from "./coverage.ts";
import { runCrashes } from "./crash-run.ts";
import { runDetection } from "./detection-run.ts";

const SEEDS = Number(process.env["STAGBEETLE_SEEDS"] ?? 40);

describe.each([
  ["accounting", ACCOUNTING],
  ["echo", ECHO],
])("%s", (_, application) => {
  test(`loses nothing in ${SEEDS} runs with crashes`, () => {
    const coverage = new Coverage();
    for (let seed = 0; seed < SEEDS; seed += 1) runCrashes(BigInt(seed), { application, length: "short", coverage });
    expect(coverage.missing(["crashes", "executedAgain", "acknowledged", "repeated", "walFull"])).toEqual([]);
  });

  test(`never answers wrongly in ${SEEDS} runs on damaged disks`, () => {
    const coverage = new Coverage();
    for (let seed = 0; seed < SEEDS; seed += 1) runDetection(BigInt(seed), { application, coverage });
    expect(coverage.missing(["starts", "refusals", "executedAgain", "prepareCorrupt", "headersCorrupt"])).toEqual([]);
  });
});

test("the same seed gives the same run", () => {
  for (const seed of [1n, 2n, 3n]) {
    const [first, second] = [new Coverage(), new Coverage()];
    const setup = { application: ACCOUNTING, length: "short" } as const;
    expect(runCrashes(seed, { ...setup, coverage: first })).toEqual(runCrashes(seed, { ...setup, coverage: second }));
    expect(first.counts()).toEqual(second.counts());
  }
});

test("logging does not change a run", () => {
  const lines: string[] = [];
  const logger = { enabled: () => true, log: (_: string, message: string) => lines.push(message) };
  const [silent, logged] = [new Coverage(), new Coverage()];
  const setup = { application: ECHO, length: "short" } as const;
  runCrashes(9n, { ...setup, coverage: silent });
  runCrashes(9n, { ...setup, coverage: logged, logger });
  expect(logged.counts()).toEqual(silent.counts());
  expect(lines.length).toBeGreaterThan(0);
});
