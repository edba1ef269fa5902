import { CommandLineError } from "@stagbeetle/command-line";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { parseBenchmark } from "./benchmark-flags.ts";

function errorOf(...args: readonly string[]): string {
  try {
    parseBenchmark(args, PRODUCTION);
  } catch (error) {
    if (error instanceof CommandLineError) return error.message;
    throw error;
  }
  throw new Error(`${args.join(" ")} is accepted`);
}

describe("benchmark", () => {
  test("has the reference's defaults", () => {
    expect(parseBenchmark([], PRODUCTION)).toEqual({
      target: { kind: "own", file: null, flags: [] },
      workload: {
        accountCount: 10_000,
        accountCountHot: 0,
        accountDistribution: "uniform",
        history: true,
        imported: false,
        transferCount: 10_000_000,
        transferHotPercent: 100,
        transferPending: false,
        idOrder: "sequential",
        seed: 42n,
      },
      accountBatchCount: 8189,
      transferBatchCount: 8189,
      transferBatchDelayNs: 0n,
      queryCount: 100,
      clientCount: 1,
      validate: false,
      checksumPerformance: false,
      printBatchTimings: false,
      logDebug: false,
      json: false,
    });
  });

  test("hands what is for the server to it, as it was given", () => {
    const { target } = parseBenchmark(
      ["--cache-grid=2GiB", "--cache-accounts=1_024", "--log-debug-replica"],
      PRODUCTION,
    );
    const flags = ["--experimental", "--cache-accounts=1_024", "--cache-grid=2GiB", "--log-debug"];
    expect(target).toEqual({ kind: "own", file: null, flags });
  });

  test("takes a cluster that runs already", () => {
    const addresses = [3001, 3002].map((port) => ({ family: 4, host: "127.0.0.1", port }));
    expect(parseBenchmark(["--addresses=3001,3002"], PRODUCTION).target).toEqual({ kind: "addresses", addresses });
  });

  test("takes the lower half of a commit's id for a seed", () => {
    const { workload } = parseBenchmark([`--seed=${"0".repeat(24)}00000000000000ff`], PRODUCTION);
    expect(workload.seed).toBe(255n);
  });

  test.each([
    ["--account-count=1", "--account-count: 1 is not enough"],
    ["--account-count-hot=10001", "--account-count-hot: 10001 exceeds --account-count"],
    ["--transfer-hot-percent=101", "--transfer-hot-percent: 101 exceeds 100"],
    ["--transfer-batch-count=0", "--transfer-batch-count: 0 is not between 1 and 8190"],
    ["--account-batch-count=8191", "--account-batch-count: 8191 is not between 1 and 8190"],
    ["--clients=65", "--clients: 65 is not between 1 and 64"],
    ["--transfer-batch-delay=5", "--transfer-batch-delay: missing unit"],
    ["--transfer-batch-delay=25d", "--transfer-batch-delay: 3w4d is longer than a day"],
    ["--transfer-count=9007199254740993", "--transfer-count: 9007199254740993 exceeds 9007199254740991"],
    [
      "--id-order=ascending",
      "--id-order: expected one of 'tbid', 'sequential', 'random', or 'reversed', but found 'ascending'",
    ],
    ["--trace=t.json", "--trace: this build of stagbeetle does not have it yet"],
    ["--validate --id-order=tbid", "--validate: conflicts with '--id-order=tbid'"],
    ["--imported --transfer-pending", "--transfer-pending: conflicts with '--imported'"],
    ["--addresses=3000 --file=f", "--file: incompatible with --addresses"],
    ["--addresses=3000 --cache-grid=1GiB", "--cache-grid: incompatible with --addresses"],
    ["--addresses=3000 --log-debug-replica", "--log-debug-replica: incompatible with --addresses"],
    ["--cache-grid=1", "--cache-grid: Grid cache must be greater than 32MiB"],
    ["--statsd=host", "--statsd: invalid port: 'host'"],
    ["--addresses=1,2,3,4,5,6,7", "--addresses: too many addresses"],
    ["f", "unexpected argument: 'f'"],
  ])("%s: %s", (args, error) => {
    expect(errorOf(...args.split(" "))).toContain(error);
  });
});
