import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { Program, runProgram } from "./testing/program.ts";

const TIMEOUT_MS = 120_000;
/** Small enough for a server in development mode. */
const SMALL = ["--account-count=300", "--account-batch-count=253", "--transfer-batch-count=200"];

let directory = "";
let path = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-benchmark-"));
  path = join(directory, "0_0.stagbeetle");
});

afterEach(() => rmSync(directory, { recursive: true }));

async function withServer(use: (port: number) => Promise<void>): Promise<void> {
  await runProgram("format", "--cluster=0", "--replica=0", "--replica-count=1", "--development", path);
  const server = new Program(["start", "--addresses=127.0.0.1:0", "--development", path]);
  try {
    await use(await server.untilServing());
  } finally {
    await server.end("SIGKILL");
  }
}

const LATENCIES = (what: string): string =>
  ["p1  ", "p50 ", "p99 ", "p100"].map((label) => `${what} latency ${label} = \\d+ ms\n`).join("");

describe("benchmark", () => {
  test("measures a server that runs, and finds everything there", { timeout: TIMEOUT_MS }, async () => {
    await withServer(async (port) => {
      const args = [`--addresses=${port}`, ...SMALL, "--transfer-count=1000", "--query-count=3", "--validate"];
      const { status, stdout, stderr } = await runProgram("benchmark", ...args, "--clients=2", "--transfer-pending");
      expect([status, stderr.includes("error: ")], stderr).toEqual([0, false]);
      expect(stdout).toMatch(
        new RegExp(
          "^5 batches in \\d+\\.\\d\\d s\n" +
            "transfer batch size = 200 txs\n" +
            "transfer batch delay = 0ns\n" +
            `load accepted = \\d+ tx/s\n${LATENCIES("batch")}\n` +
            `3 queries in \\d+\\.\\d s\n${LATENCIES("query")}` +
            "validated 300 accounts\nvalidated 1000 transfers\n$",
          "u",
        ),
      );
      const again = await runProgram("benchmark", ...args);
      expect(again.status).toBe(1);
      expect(again.stderr).toMatch(/^error: account 1 is refused: exists/mu);
    });
  });

  test("says which requests are too large for the server", { timeout: TIMEOUT_MS }, async () => {
    await withServer(async (port) => {
      const { status, stderr } = await runProgram("benchmark", `--addresses=${port}`);
      expect(status).toBe(1);
      expect(stderr).toContain(
        "error: --account-batch-count: 8189 do not fit into a request of this server, at most 253",
      );
    });
  });

  test("starts a server of its own, ends it, and tells what it took", { timeout: TIMEOUT_MS }, async () => {
    const flags = ["--account-count=10", "--transfer-count=500", "--query-count=0", "--json", `--file=${path}`];
    const { status, stdout, stderr } = await runProgram("benchmark", ...flags);
    expect([status, stderr.includes("error: ")], stderr).toEqual([0, false]);
    expect(stderr).toMatch(/50 % of the transfers, rss = \d+ bytes\n/u);
    expect(JSON.parse(stdout)).toEqual({
      transfers: {
        batch_count: 1,
        elapsed_ns: expect.any(Number) as number,
        transfers_per_batch: 8189,
        batch_delay_ns: 0,
        transfers_per_second: expect.any(Number) as number,
        latencies: expect.any(Array) as unknown[],
      },
      resident_sizes: [0, 10, 50, 100].map((percent) => ({ percent, bytes: expect.any(Number) as number })),
      rss: expect.any(Number) as number,
      datafile_empty: 1_141_374_976,
      datafile: expect.any(Number) as number,
    });
    expect(readdirSync(directory)).toEqual(["0_0.stagbeetle"]);
  });

  test("hands over the reason if its server does not start, and leaves no file", { timeout: TIMEOUT_MS }, async () => {
    const { status, stderr } = await new Program(["benchmark", "--cache-grid=3GiB"], directory).ended();
    expect(status).toBe(1);
    expect(stderr).toContain("error: the sizes asked for do not fit in 4 GiB of memory: --cache-grid is 3GiB");
    expect(stderr).toContain("error: the server has ended with status 1; its lines say why\n");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("interrupted, it leaves neither a server nor a file", { timeout: TIMEOUT_MS }, async () => {
    const program = new Program(["benchmark", "--transfer-count=100000000"], directory);
    await program.until(/listening on /u);
    const { status, stderr } = await program.end("SIGINT");
    expect([status, stderr.trimEnd().split("\n").at(-1)]).toEqual([1, "error: interrupted by SIGINT"]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("waits for a cluster that does not answer, and says so", { timeout: TIMEOUT_MS }, async () => {
    // Nobody listens at the discard port.
    const program = new Program(["benchmark", "--addresses=9"]);
    await program.until(/no answer for five seconds; `stagbeetle doctor 127\.0\.0\.1:9` says why\n/u);
    await program.end("SIGTERM");
  });
});
