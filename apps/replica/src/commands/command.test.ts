import { CommandLineError } from "@stagbeetle/command-line";
import { propertyRuns } from "@stagbeetle/kernels/testing";
import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseCommandLine } from "./command.ts";
import type { FormatCommand } from "./format-flags.ts";
import type { StartCommand } from "./start-command.ts";
import { isDefault, startDefaults } from "./start-defaults.ts";
import { EXPERIMENTAL, START, UNSUPPORTED, WITHOUT_EFFECT } from "./start-flags.ts";

const numRuns = propertyRuns(2000);
const KIB = 1024;
const MIB = 1024 * KIB;

function errorOf(...args: string[]): string {
  try {
    parseCommandLine(args);
  } catch (error) {
    if (error instanceof CommandLineError) return error.message;
    throw error;
  }
  throw new Error(`${args.join(" ")} is accepted`);
}

function formatOf(...args: string[]): FormatCommand {
  const command = parseCommandLine(["format", ...args]);
  if (command.kind !== "format") throw new Error(command.kind);
  return command.format;
}

function startOf(...args: string[]): StartCommand {
  const command = parseCommandLine(["start", ...args]);
  if (command.kind !== "start") throw new Error(command.kind);
  return command.start;
}

/** The error of `start` with these flags beside the necessary ones, experimental flags allowed. */
function startError(...flags: string[]): string {
  return errorOf("start", "--addresses=3000", "--experimental", ...flags, "f");
}

describe("commands", () => {
  test("help is only the first argument, or the first one of inspect", () => {
    for (const help of ["-h", "--help"]) expect(parseCommandLine([help]).kind).toBe("help");
    expect(errorOf("format", "--help")).toBe("unexpected argument: '--help'");
    expect(errorOf("start", "-h")).toBe("unexpected argument: '-h'");
    expect(errorOf("inspect", "wal", "--help")).toBe("unexpected argument: '--help'");
  });

  test("the help names every flag", () => {
    const command = parseCommandLine(["--help"]);
    const text = command.kind === "help" ? command.text : "";
    for (const flag of [...Object.keys(START.flags), "standby", "replica-count", "verbose"])
      expect(text).toContain(`--${flag}`);
  });

  test.each([
    [[], "subcommand required, expected 'format', 'recover', 'start', 'version', 'benchmark', 'inspect', or 'doctor'"],
    [["formt"], "unknown subcommand: 'formt'; did you mean 'format'?"],
    [
      ["frobnicate"],
      "unknown subcommand: 'frobnicate'; expected 'format', 'recover', 'start', 'version', 'benchmark', 'inspect', or 'doctor'",
    ],
    [["repl"], "this build of stagbeetle does not have 'repl' yet"],
    [["version", "x"], "unexpected argument: 'x'"],
  ])("%j: %s", (args, error) => {
    expect(errorOf(...args)).toContain(error);
  });
});

describe("format", () => {
  test("takes a replica", () => {
    expect(formatOf("--cluster=7", "--replica=1", "--replica-count=3", "f")).toEqual({
      path: "f",
      cluster: 7n,
      replica: 1,
      replicaCount: 3,
      development: false,
      logDebug: false,
    });
  });

  test("takes a standby, and a cluster id of 128 bits", () => {
    const { replica, cluster } = formatOf(`--cluster=${2n ** 128n - 1n}`, "--standby=8", "--replica-count=3", "f");
    expect([replica, cluster]).toEqual([8, 2n ** 128n - 1n]);
  });

  test.each([
    [["--replica-count=0", "--replica=0"], "--replica-count: value needs to be greater than zero"],
    [["--replica-count=7", "--replica=0"], "--replica-count: value is too large (7), at most 6 is allowed"],
    [["--replica-count=1"], "--replica: argument is required"],
    [["--replica-count=1", "--replica=0", "--standby=1"], "--standby: conflicts with '--replica'"],
    [["--replica-count=3", "--replica=3"], "--replica: value is too large (3), at most 2 is allowed"],
    [["--replica-count=3", "--standby=2"], "--standby: value is too small (2)"],
    [["--replica-count=3", "--standby=9"], "--standby: value is too large (9), at most 8 is allowed"],
    [[`--cluster=${2n ** 128n}`, "--replica=0", "--replica-count=1"], "value exceeds 128-bit unsigned integer"],
    [["--cluster=", "--replica=0", "--replica-count=1"], "--cluster: argument requires a value"],
    [["--replica=0"], "--replica-count: argument is required"],
  ])("%j: %s", (flags, error) => {
    expect(errorOf("format", ...flags, "f")).toContain(error);
  });
});

describe("start", () => {
  test("has the reference's defaults", () => {
    expect(startOf("--addresses=3000", "f")).toEqual({
      path: "f",
      addresses: [{ family: 4, host: "127.0.0.1", port: 3000 }],
      driven: false,
      development: false,
      logDebug: false,
      aofRecovery: false,
      aofPath: null,
      storageSizeLimit: 16 * 2 ** 40,
      pipelineRequestQueueLimit: 24,
      requestSizeLimit: MIB,
      cacheGridSizeBytes: 1024 * MIB,
      cacheObjects: { accounts: 2 ** 20, transfers: 0, transfersPending: 0 },
      manifestTablesMax: 2 ** 20,
      compactionBlocksMax: 38,
      timeoutTicks: { prepare: 25, gridRepair: 10 },
      stall: { probability: { numerator: 2, denominator: 5 }, lagMin: 8, lagMax: 2880, multipleMax: 4 },
      statsd: null,
      withoutEffect: [],
    });
  });

  test.each([
    ["10.0.0.9", { family: 4, host: "10.0.0.9", port: 8125 }],
    ["10.0.0.9:9125", { family: 4, host: "10.0.0.9", port: 9125 }],
    ["9125", { family: 4, host: "127.0.0.1", port: 9125 }],
    ["[::1]", { family: 6, host: "::1", port: 8125 }],
  ])("sends metrics to a StatsD server at %s", (text, address) => {
    expect(startOf("--experimental", "--addresses=3000", `--statsd=${text}`, "f").statsd).toEqual(address);
  });

  test("has smaller defaults in development mode", () => {
    const { pipelineRequestQueueLimit, requestSizeLimit } = startOf("--addresses=3000", "--development", "f");
    expect([pipelineRequestQueueLimit, requestSizeLimit]).toEqual([0, 32 * KIB]);
  });

  test.each([
    [[], 38],
    [["--development"], 21],
    [["--experimental", "--memory-lsm-compaction=64MiB"], 128],
  ])("gives compaction blocks: with %j it has %i", (flags, blocks) => {
    expect(startOf("--addresses=3000", ...flags, "f").compactionBlocksMax).toBe(blocks);
  });

  test("has the defaults of the smallest configuration", () => {
    const defaults = startDefaults(TEST_MIN, false);
    expect(defaults["limit-pipeline-requests"]).toBe(0);
    expect(defaults["limit-request"]).toBe(4096);
    expect(defaults["memory-lsm-compaction"]).toBe(155_648);
    expect(startDefaults(TEST_MIN, true)["cache-grid"]).toBe(256 * KIB);
    expect(startDefaults(TEST_MIN, true)["memory-lsm-compaction"]).toBe(86_016);
  });

  test("is driven by its starter only if the addresses are exactly 0", () => {
    expect(startOf("--addresses=0", "f").driven).toBe(true);
    expect(startOf("--addresses=127.0.0.1:0", "f").driven).toBe(false);
  });

  test("takes experimental flags with --experimental only", () => {
    expect(errorOf("start", "--addresses=3000", "--limit-request=4KiB", "f")).toBe(
      "--limit-request is marked experimental, add `--experimental` to continue.",
    );
    expect(startOf("--addresses=3000", "--experimental", "--limit-request=4KiB", "f").requestSizeLimit).toBe(4096);
  });

  test("takes the default of an experimental flag without --experimental", () => {
    expect(
      startOf("--addresses=3000", "--limit-request=1024KiB", "--commit-stall-probability=4/10", "f"),
    ).toBeDefined();
    expect(startOf("--addresses=3000", "--aof-recovery=false", "f").aofRecovery).toBe(false);
  });

  test("names the first experimental flag in the order of the declaration", () => {
    expect(errorOf("start", "--addresses=3000", "--aof-recovery", "--limit-storage=2GiB", "f")).toContain(
      "--limit-storage",
    );
  });

  test("says so before it looks at any value", () => {
    expect(errorOf("start", "--addresses=,", "--limit-request=1", "f")).toContain(
      "--limit-request is marked experimental",
    );
  });

  test.each([
    ["", "--addresses: argument requires a value"],
    [",", "--addresses: invalid trailing comma"],
    ["3000,", "--addresses: invalid trailing comma"],
    ["1,2,3,4,5,6,7,8,9,10,11,12,13", "--addresses: too many addresses, at most 12 are allowed"],
    ["2.3.4.5::8888", "--addresses: invalid address with more than one colon"],
    ["localhost:3000", "--addresses: invalid IPv4 or IPv6 address"],
    ["A", "--addresses: invalid port"],
    ["2.3.4.5:65536", "--addresses: invalid port"],
  ])("refuses the addresses '%s': %s", (addresses, error) => {
    expect(errorOf("start", `--addresses=${addresses}`, "f")).toContain(error);
  });

  test.each([
    ["--limit-storage=65TiB", "--limit-storage: size 65TiB exceeds maximum: 64TiB"],
    ["--limit-storage=1GiB", "--limit-storage: size 1GiB is below minimum: 1114624KiB"],
    ["--limit-storage=1141374977", "must be a multiple of 4KiB"],
    ["--limit-pipeline-requests=58", "--limit-pipeline-requests: count 58 exceeds maximum: 57"],
    ["--limit-request=2MiB", "--limit-request: size 2MiB exceeds maximum: 1MiB"],
    ["--limit-request=4095", "--limit-request: size 4095 is below minimum: 4KiB"],
    ["--memory-lsm-manifest=4GiB", "exceeds maximum: 4095MiB"],
    ["--memory-lsm-manifest=1KiB", "is below minimum: 1MiB"],
    ["--memory-lsm-manifest=1025KiB", "must be a multiple of 1MiB"],
    ["--memory-lsm-compaction=10MiB", "is below minimum: 10752KiB"],
    ["--memory-lsm-compaction=10753KiB", "must be a multiple of 512KiB"],
    ["--memory-lsm-compaction=4096TiB", "exceeds maximum: 2199023255040KiB"],
    ["--aof-file=x", "--aof-file: must end with .aof: 'x'"],
    ["--trace=x", "--trace: this build of stagbeetle does not have it yet"],
    ["--statsd=A", "--statsd: invalid port: 'A'"],
    ["--statsd=0", "--statsd: invalid port: '0'"],
    ["--statsd=127.0.0.1:0", "--statsd: invalid port: '127.0.0.1:0'"],
    ["--statsd=1.2.3", "--statsd: invalid IPv4 or IPv6 address: '1.2.3'"],
    ["--statsd=127.0.0.1,127.0.0.2", "--statsd: too many addresses, at most 1 are allowed"],
    ["--log-trace", "--log-trace: must be used with '--log-debug'"],
    ["--cache-accounts=1024TiB", "--cache-accounts: size 1024TiB exceeds the limit"],
    ["--cache-transfers=1024TiB", "--cache-transfers: size 1024TiB exceeds the limit"],
    ["--cache-transfers-pending=65TiB", "--cache-transfers-pending: size 65TiB exceeds the limit"],
    ["--cache-grid=4097MiB", "--cache-grid: size 4097MiB exceeds maximum: 4GiB"],
    ["--cache-accounts=8GiB", "--cache-accounts: size 8GiB exceeds maximum: 4GiB"],
    ["--cache-grid=31MiB", "Grid cache must be greater than 32MiB"],
    ["--timeout-prepare-ms=0", "--timeout-prepare-ms: value must be greater than zero"],
    ["--timeout-grid-repair-message-ms=15", "--timeout-grid-repair-message-ms: value must be a multiple of 10"],
    ["--commit-stall-probability=5/2", "--commit-stall-probability: ratio greater than 1"],
    ["--commit-stall-lag-min=2881", "--commit-stall-lag-min: 2881 exceeds --commit-stall-lag-max, which is 2880"],
    ["--commit-stall-multiple-max=0", "--commit-stall-multiple-max: value must be greater than zero"],
  ])("refuses %s: %s", (flag, error) => {
    expect(startError(flag)).toContain(error);
  });

  test("refuses both ways to name an append-only file", () => {
    expect(startError("--aof-file=x.aof", "--aof")).toBe("--aof: conflicts with '--aof-file'");
  });

  test("refuses to append to the data file", () => {
    expect(errorOf("start", "--addresses=3000", "--experimental", "--aof-file=./f.aof", "f.aof")).toBe(
      "--aof-file: that is the data file: './f.aof'",
    );
  });

  test("takes an append-only file by its own name or by that of the data file", () => {
    const aofPath = (...flags: readonly string[]): string | null =>
      startOf("--addresses=3000", "--experimental", ...flags, "f").aofPath;
    expect([aofPath(), aofPath("--aof"), aofPath("--aof-file=d/x.aof")]).toEqual([null, "f.aof", "d/x.aof"]);
  });

  test("takes timeouts and ratios that are larger than exact numbers", () => {
    const most = 2n ** 64n - 1n;
    const timeoutMs = (most / 10n) * 10n;
    const { timeoutTicks, stall } = startOf(
      "--addresses=3000",
      "--experimental",
      `--timeout-grid-repair-message-ms=${timeoutMs}`,
      `--commit-stall-probability=${most / 2n}/${most}`,
      "f",
    );
    expect(timeoutTicks.gridRepair).toBe(2 ** 32 - 1);
    const { numerator, denominator } = stall.probability;
    expect([Number.isSafeInteger(denominator), (numerator / denominator).toFixed(9)]).toEqual([true, "0.500000000"]);
  });

  test("remembers which flags have no effect, and what the others say", () => {
    const command = startOf(
      "--addresses=3000",
      "--experimental",
      "--cache-grid=100MiB",
      "--cache-accounts=33KiB",
      "--replicate-star",
      "--limit-storage=2GiB",
      "--limit-pipeline-requests=57",
      "--aof-recovery",
      "f",
    );
    const { withoutEffect, storageSizeLimit, pipelineRequestQueueLimit, aofRecovery } = command;
    expect(withoutEffect).toEqual(["replicate-star"]);
    expect([command.cacheGridSizeBytes, command.cacheObjects.accounts]).toEqual([96 * MIB, 256]);
    expect([storageSizeLimit, pipelineRequestQueueLimit, aofRecovery]).toEqual([2 ** 31, 57, true]);
  });

  test("its lists of flags are of flags that exist, and a default is one for every flag that has a number", () => {
    for (const flag of [...EXPERIMENTAL, ...WITHOUT_EFFECT, ...UNSUPPORTED]) expect(START.flags).toHaveProperty(flag);
    const defaults = startDefaults(PRODUCTION, false);
    for (const [flag, bytes] of Object.entries(defaults)) {
      expect(START.flags).toHaveProperty(flag);
      expect(isDefault(defaults, "limit-request", { bytes: BigInt(bytes), text: "" })).toBe(bytes === MIB);
    }
  });
});

describe("any command line", () => {
  const words = [
    "format",
    "start",
    "version",
    "recover",
    "-h",
    "--help",
    "",
    "-",
    "--",
    "f",
    "./f",
    "=",
    "--x",
    "\0",
    "\n",
    "é",
    "--replica=0",
    "--replica-count=1",
    "--standby=1",
    "--cluster=0",
    "--development",
    "--addresses=3000",
    ...Object.keys(START.flags).flatMap((flag) => [
      `--${flag}`,
      `--${flag}=`,
      `--${flag}=1`,
      `--${flag}=1MiB`,
      `--${flag}=true`,
    ]),
  ];
  const argument = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...words) },
    fc.string(),
    fc.string({ unit: "binary" }),
  );
  const command = fc.constantFrom("format", "start", "version");
  const commandLine = fc.oneof(
    fc.array(argument, { maxLength: 8 }),
    fc.tuple(command, fc.array(argument, { maxLength: 12 })).map(([name, rest]) => [name, ...rest]),
  );

  test("is either a command or one mistake: nothing else is ever thrown", () => {
    let accepted = 0;
    fc.assert(
      fc.property(commandLine, (args) => {
        try {
          parseCommandLine(args);
          accepted += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(CommandLineError);
        }
      }),
      { numRuns },
    );
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(numRuns);
  });

  test("with an argument that no command knows is refused", () => {
    const flags = words.filter((word) => word.startsWith("--") && word !== "--");
    const nonsense = fc.string().map((text) => `--?${text}`);
    expect(flags.some((flag) => flag.startsWith("--?"))).toBe(false);
    fc.assert(
      fc.property(command, fc.array(argument, { maxLength: 4 }), nonsense, (name, before, bad) => {
        expect(errorOf(name, ...before, bad)).not.toBe("");
      }),
      { numRuns: Math.ceil(numRuns / 4) },
    );
  });
});
