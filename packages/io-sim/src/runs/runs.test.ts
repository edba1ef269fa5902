import { describe, expect, test, vi } from "vitest";

import { ACCOUNTING, ECHO, LEDGER, STORED_ECHO } from "../cluster/application.ts";
import { runCluster } from "./cluster-run.ts";
import { Coverage } from "./coverage.ts";
import { runCrashes } from "./crash-run.ts";
import { runDetection } from "./detection-run.ts";
import { runStoreDamage } from "./store-run.ts";

const SEEDS = Number(process.env["STAGBEETLE_SEEDS"] ?? 40);

/** For the slowest machine: no run waits for a clock. */
vi.setConfig({ testTimeout: 600_000 });

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

describe("the ledger in its data file", () => {
  test(`loses nothing in ${SEEDS} runs with crashes around its checkpoints`, () => {
    const coverage = new Coverage();
    const setup = { application: LEDGER, length: "short", coverage } as const;
    for (let seed = 0; seed < SEEDS; seed += 1) runCrashes(BigInt(seed), setup);
    expect(coverage.missing(["crashes", "checkpoints", "gridTorn", "executedAgain", "repeated"])).toEqual([]);
  });

  test(`never answers wrongly in ${SEEDS} runs on damaged disks`, () => {
    const coverage = new Coverage();
    for (let seed = 0; seed < SEEDS; seed += 1) runStoreDamage(BigInt(seed), { coverage });
    expect(coverage.missing(["starts", "refusals", "checkpoints", "blockCorrupt", "misdirected"])).toEqual([]);
  });
});

describe("a cluster", () => {
  const clusters = Math.max(5, Math.ceil(SEEDS / 8));

  test(`keeps what it acknowledged and comes to rest in ${clusters} runs`, () => {
    const coverage = new Coverage();
    for (let seed = 0; seed < clusters; seed += 1) runCluster(BigInt(seed), { coverage });
    expect(coverage.missing(["crashes", "viewChanges", "blocksSent", "prepareRepairs", "comparisons"])).toEqual([]);
  });

  test("comes to rest and goes on, for as long as it is told to", () => {
    const coverage = new Coverage();
    const { outcome, ticks } = runCluster(3n, { coverage, minutes: 1, applications: [STORED_ECHO] });
    expect([outcome, coverage.count("ticks")]).toEqual(["converged", ticks]);
    expect(ticks).toBeGreaterThanOrEqual(6000);
    expect(coverage.count("rests")).toBeGreaterThan(0);
  });

  test("runs in the same way from the same seed", () => {
    const [first, second] = [new Coverage(), new Coverage()];
    expect(runCluster(3n, { coverage: first })).toEqual(runCluster(3n, { coverage: second }));
    expect(first.counts()).toEqual(second.counts());
  });
});

test("the same seed gives the same run", () => {
  for (const [seed, application] of [
    [1n, ACCOUNTING],
    [2n, ECHO],
    [3n, LEDGER],
  ] as const) {
    const [first, second] = [new Coverage(), new Coverage()];
    const setup = { application, length: "short" } as const;
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
