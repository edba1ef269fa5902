import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";

import { AOF_ENTRY_SIZE_MIN_BYTES, MemoryFile, Survey } from "@stagbeetle/aof";
import { freePorts } from "@stagbeetle/tcp-client/testing";
import {
  Checksums,
  Command,
  Header,
  HEADER_SIZE_BYTES,
  initHeader,
  Operation,
  PRODUCTION,
  releaseOf,
} from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { RELEASE } from "./release.ts";
import { damageSuperBlock, fingerprint, formatWith } from "./testing/data-file.ts";
import { Program, runProgram } from "./testing/program.ts";
import type { Ended } from "./testing/program.ts";

const TIMEOUT_MS = 60_000;
const SOLO = ["--cluster=0", "--replica=0", "--replica-count=1", "--development"];
const DATA_FILE_SIZE_BYTES = PRODUCTION.derived.dataFileSizeMin;

let directory = "";
let path = "";
let started: Program[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-program-"));
  path = join(directory, "0_0.stagbeetle");
  started = [];
});

afterEach(async () => {
  for (const program of started) await program.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

function start(...args: readonly string[]): Program {
  const program = new Program(["start", "--development", ...args]);
  started.push(program);
  return program;
}

async function format(): Promise<void> {
  expect((await runProgram("format", ...SOLO, path)).status).toBe(0);
}

/** A refusal is one line that says what is wrong, and nothing else; what the log says before begins with a time. */
function expectRefusal({ status, signal, stdout, stderr }: Ended, error: string | RegExp, exitStatus = 1): void {
  const lines = stderr.split("\n").filter((line) => !/^\d{4}-\d\d-\d\d .*Z (?:info|warning)/u.test(line));
  expect([status, signal, stdout]).toEqual([exitStatus, null, ""]);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^error: \S/u);
  expect(lines[0]).toMatch(error);
}

describe("format", () => {
  test("makes a file of the smallest size, and says for whom", { timeout: TIMEOUT_MS }, async () => {
    const { status, stdout, stderr } = await runProgram("format", ...SOLO, path);
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(/Z info\(main\): 0: formatted: cluster=0 replica_count=1\n$/u);
    expect(fingerprint(path)).toMatch(new RegExp(`^${DATA_FILE_SIZE_BYTES} `, "u"));
  });

  test("chooses a random cluster and tells it", { timeout: TIMEOUT_MS }, async () => {
    const { stderr } = await runProgram("format", "--replica=0", "--replica-count=1", "--development", path);
    const cluster = /generated random cluster id: (\d+)/u.exec(stderr)?.[1] ?? "";
    expect(BigInt(cluster)).toBeGreaterThan(2n ** 64n);
    expect(stderr).toContain(`formatted: cluster=${cluster} `);
  });

  test("leaves an existing file alone", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(path, "precious");
    const before = fingerprint(path);
    expectRefusal(await runProgram("format", ...SOLO, path), "it exists already");
    expect(fingerprint(path)).toBe(before);
  });

  test.each([
    ["a directory that is not there", "none/f", /no such file or directory/u],
    ["a directory", ".", /neither a regular file nor a block device/u],
    ["a name that can only be of a directory", "new/", /cannot format the data file: it is a directory/u],
  ])("refuses %s", async (_what, relative, error) => {
    expectRefusal(await runProgram("format", ...SOLO, join(directory, relative)), error);
    expect(readdirSync(directory)).toEqual([]);
  });

  test.runIf(process.platform === "linux")("refuses a directory that it may not write to", async () => {
    expectRefusal(await runProgram("format", ...SOLO, "/sys/stagbeetle"), "permission denied");
  });

  test("leaves nothing behind when there is not enough space", { timeout: TIMEOUT_MS }, () => {
    const main = resolve(import.meta.dirname, "main.ts");
    const command = `ulimit -f 2048; exec "$0" --conditions=@stagbeetle/source "$@"`;
    const { status, stderr } = spawnSync("sh", ["-c", command, process.execPath, main, "format", ...SOLO, path], {
      encoding: "utf8",
    });
    expect(stderr).toMatch(/^error: .*no space left; free some or choose another disk\n$/u);
    expect(status).toBe(2);
    expect(existsSync(path)).toBe(false);
  });
});

describe("recover", () => {
  const flags = ["--cluster=0", "--replica=2", "--replica-count=3", "--development"];

  test("makes the file of a lost replica, which takes part again", { timeout: 4 * TIMEOUT_MS }, async () => {
    const ports = (await freePorts(3)).join(",");
    const addresses = `--addresses=${ports}`;
    const paths = [0, 1].map((replica) => join(directory, `0_${replica}.stagbeetle`));
    for (const [replica, of] of paths.entries()) {
      await formatWith(of, { release: RELEASE, replica, replicaCount: 3 });
      start(addresses, of);
    }
    const lost = join(directory, "0_2.stagbeetle");
    const { status, stderr } = await runProgram("recover", addresses, ...flags, lost);
    expect(stderr).toMatch(/info\(main\): 2: recovered: cluster=0 replica_count=3 view=\d+\n/u);
    expect(status).toBe(0);
    await start(addresses, lost).untilServing();
    // Without another one, the cluster needs it. The doctor gives up early when nobody is primary.
    await started[0]?.end("SIGKILL");
    while ((await runProgram("doctor", ports)).status !== 0);
  });

  test("leaves nothing when it is interrupted", { timeout: TIMEOUT_MS }, async () => {
    const addresses = `--addresses=${(await freePorts(3)).join(",")}`;
    const program = new Program(["recover", addresses, ...flags, path]);
    started.push(program);
    await program.until(/waiting for the cluster/u);
    expect(existsSync(path)).toBe(true);
    expectRefusal(await program.end("SIGTERM"), "interrupted by SIGTERM");
    expect(existsSync(path)).toBe(false);
  });
});

describe("start", () => {
  test("serves, ends at SIGTERM and SIGINT with status 0, and serves again", { timeout: TIMEOUT_MS }, async () => {
    await format();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const program = start("--addresses=127.0.0.1:0", path);
      const port = await program.untilServing();
      const socket = connect(port, "127.0.0.1");
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await new Promise((resolve) => socket.once("connect", resolve));
      const { status, stdout, stderr } = await program.end(signal);
      await closed;
      expect([status, stdout]).toEqual([0, ""]);
      expect(stderr).toContain(`0: cluster=0: listening on 127.0.0.1:${port}\n`);
      expect(stderr).toContain(`${signal}: stopping\n`);
    }
  });

  test("three replicas elect a primary, and another one when that is killed", { timeout: TIMEOUT_MS }, async () => {
    const addresses = `--addresses=${(await freePorts(3)).join(",")}`;
    const paths = [0, 1, 2].map((replica) => join(directory, `0_${replica}.stagbeetle`));
    for (const [replica, of] of paths.entries()) {
      await formatWith(of, { release: RELEASE, replica, replicaCount: 3 });
    }
    const replicas = paths.map((of) => start(addresses, of));
    await Promise.all(replicas.map((program) => program.untilServing()));
    const elected = /(\d)N: the view starts; this replica is its primary/u;
    const first = await Promise.any(replicas.map((program) => program.until(elected)));
    const primary = Number(first[1]);
    const others = replicas.filter((_, replica) => replica !== primary);
    await replicas[primary]?.end("SIGKILL");
    const next = await Promise.any(others.map((program) => program.until(elected)));
    expect(Number(next[1])).not.toBe(primary);
    await Promise.allSettled(others.map((program) => program.end("SIGTERM")));
  });

  test("serves again after SIGKILL", { timeout: TIMEOUT_MS }, async () => {
    await format();
    await start("--addresses=127.0.0.1:0", path).untilServing();
    await started[0]?.end("SIGKILL");
    const program = start("--addresses=127.0.0.1:0", path);
    await program.untilServing();
    expect((await program.end("SIGTERM")).status).toBe(0);
  });

  test("says how much memory it takes before it takes it", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const program = start("--addresses=127.0.0.1:0", path);
    await program.untilServing();
    expect(program.stderr.split("\n")[0]).toMatch(/info\(main\): memory: \d+\.\d MiB/u);
  });

  test("sends its metrics to a StatsD server", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const server = createSocket("udp4").bind(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const statsd = `--statsd=${server.address().port}`;
      await start("--addresses=127.0.0.1:0", "--experimental", statsd, path).untilServing();
      let sample = "";
      // The last line of a sample whose server has not sent one before.
      while (!sample.includes("tb.loop_tick_us.count:")) {
        const [datagram] = (await once(server, "message")) as [Buffer];
        sample += datagram.toString();
      }
      const tags = "#cluster:00000000000000000000000000000000,replica:0";
      expect(sample).toContain(`tb.replica_status:0|g|${tags}\n`);
      // All copies of the superblock and both rings of the log were read.
      expect(sample).toMatch(new RegExp(`^tb\\.storage_read_us\\.count:\\d+\\|c\\|${tags},zone:wal_headers$`, "mu"));
      expect(sample).toMatch(new RegExp(`^tb\\.storage_write_us\\.count:\\d+\\|c\\|${tags},zone:superblock$`, "mu"));
    } finally {
      server.close();
    }
  });

  test("driven by another program, prints its port alone and ends with stdin", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const program = start("--addresses=0", path);
    const port = await program.untilServing();
    const { status, stdout } = await program.closeStdin();
    expect([status, stdout]).toEqual([0, `${port}\n`]);
  });

  test("refuses sizes that do not fit in memory together", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const { status, stderr } = await start("--addresses=127.0.0.1:0", "--cache-grid=4GiB", path).ended();
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^error: the sizes asked for do not fit in 4 GiB of memory: --cache-grid is .*; lower one of them, .*\n$/,
    );
  });

  test("names the flags that have no effect", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const program = start(
      "--addresses=127.0.0.1:0",
      "--experimental",
      "--replicate-star",
      "--commit-stall-lag-min=7",
      path,
    );
    await program.untilServing();
    expect(program.stderr).toContain("without effect in this release: --replicate-star");
  });

  test("ends with status 7 at a message of the future", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const program = start("--addresses=127.0.0.1:0", path);
    const socket = connect(await program.untilServing(), "127.0.0.1");
    socket.on("error", () => undefined).end(futureMessage());
    const { status, stderr } = await program.ended();
    expect(status).toBe(7);
    expect(stderr).toMatch(/Z error\(vsr\): .*command.*\n$/u);
  });
});

describe("an append-only file", () => {
  /** A replica that is alone writes a pulse of its own first of all. */
  async function untilPulse(aof: string): Promise<void> {
    while (statSync(aof).size < AOF_ENTRY_SIZE_MIN_BYTES) await setTimeout(10);
  }

  test("gets every prepare, and after a restart those of the log again", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const aof = join(directory, "0_0.aof");
    const flags = ["--addresses=127.0.0.1:0", "--experimental", `--aof-file=${aof}`, path];
    const first = start(...flags);
    await first.until(/every prepare is also written to \S+,/u);
    expect(first.stderr).toContain(`every prepare is also written to ${aof},`);
    await untilPulse(aof);
    await first.end("SIGTERM");
    const written = readFileSync(aof);
    const second = start(...flags);
    await second.untilServing();
    await second.end("SIGKILL");
    const survey = new Survey({ config: PRODUCTION, file: new MemoryFile({ bytes: readFileSync(aof) }) });
    while (survey.next().kind !== "end");
    const { opFirst, operations, faultCounts } = survey.report();
    expect(readFileSync(aof).subarray(0, written.length)).toEqual(written);
    expect(opFirst).toBe(1);
    expect([...operations.keys()]).toEqual([Operation.pulse]);
    expect([...faultCounts]).toEqual([["AOFChecksumChainMismatch", 1]]);
  });

  test("has the name of the data file with --aof", { timeout: TIMEOUT_MS }, async () => {
    await format();
    await start("--addresses=127.0.0.1:0", "--experimental", "--aof", path).untilServing();
    await untilPulse(`${path}.aof`);
  });

  test("belongs to one replica at a time", { timeout: TIMEOUT_MS }, async () => {
    const aof = join(directory, "0_0.aof");
    const other = join(directory, "other");
    await format();
    await runProgram("format", ...SOLO, other);
    await start("--addresses=127.0.0.1:0", "--experimental", `--aof-file=${aof}`, path).untilServing();
    const refused = start("--addresses=127.0.0.1:0", "--experimental", `--aof-file=${aof}`, other);
    expectRefusal(await refused.ended(), "another process appends to this file");
  });

  test("is refused where it cannot be", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const nowhere = start("--addresses=127.0.0.1:0", "--experimental", `--aof-file=${directory}/no/x.aof`, path);
    expectRefusal(await nowhere.ended(), "no such file or directory");
  });
});

/** A header with a valid checksum and a command that no release has yet. */
function futureMessage(): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES);
  const header = new Header(bytes);
  initHeader(header, Command.ping, 0n);
  header.command = 99;
  new Checksums().setEmptyBody(header);
  return bytes;
}

describe("start refuses", () => {
  test("a file that is not there", { timeout: TIMEOUT_MS }, async () => {
    expectRefusal(
      await start("--addresses=127.0.0.1:0", path).ended(),
      "there is no data file; create one with `format`",
    );
    expect(existsSync(path)).toBe(false);
  });

  test("a file that is too short to be a data file", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(path, "a letter");
    const before = fingerprint(path);
    expectRefusal(await start("--addresses=127.0.0.1:0", path).ended(), "the file was truncated or is no data file");
    expect(fingerprint(path)).toBe(before);
  });

  test("a file of something else", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(path, "a film");
    truncateSync(path, DATA_FILE_SIZE_BYTES);
    const before = fingerprint(path);
    expectRefusal(await start("--addresses=127.0.0.1:0", path).ended(), "superblock: not found: this is no data file");
    expect(fingerprint(path)).toBe(before);
  });

  test("a file whose superblock is damaged", { timeout: TIMEOUT_MS }, async () => {
    await format();
    damageSuperBlock(path);
    const before = fingerprint(path);
    expectRefusal(await start("--addresses=127.0.0.1:0", path).ended(), "superblock: not found");
    expect(fingerprint(path)).toBe(before);
  });

  test.each([
    [
      "of another release",
      { release: releaseOf(0, 17, 8) },
      ["127.0.0.1:0"],
      "the data file is at release 0.17.8, this is release 0.17.9",
    ],
    [
      "of a larger cluster than there are addresses",
      { replicaCount: 3 },
      ["127.0.0.1:0"],
      "all addresses must be provided",
    ],
    ["of a later replica without an address", { replica: 1, replicaCount: 2 }, ["3000"], "this is number 1"],
  ])("a file %s", { timeout: TIMEOUT_MS }, async (_what, made, addresses, error) => {
    await formatWith(path, { release: RELEASE, replica: 0, replicaCount: 1, ...made });
    const before = fingerprint(path);
    expectRefusal(await start(`--addresses=${addresses.join(",")}`, path).ended(), error);
    expect(fingerprint(path)).toBe(before);
  });

  test("a file that another process has open, which goes on", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const first = start("--addresses=127.0.0.1:0", path);
    await first.untilServing();
    expectRefusal(
      await start("--addresses=127.0.0.1:0", path).ended(),
      "another process holds the lock of the data file",
    );
    expect((await first.end("SIGTERM")).status).toBe(0);
  });

  test("a port that is taken", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const before = fingerprint(path);
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as AddressInfo;
    expectRefusal(
      await start(`--addresses=${port}`, path).ended(),
      `cannot listen on 127.0.0.1:${port}: the port is taken`,
    );
    taken.close();
    expect(fingerprint(path)).toBe(before);
  });

  test("an address that the machine does not have", { timeout: TIMEOUT_MS }, async () => {
    await format();
    const before = fingerprint(path);
    expectRefusal(await start("--addresses=192.0.2.1:3000", path).ended(), "this machine does not have the address");
    expect(fingerprint(path)).toBe(before);
  });
});

describe("a wrong command line", () => {
  test.each([
    [[]],
    [["formt"]],
    [["format"]],
    [["format", ...SOLO]],
    [["format", "--replica=0", "--replica-count=9", "f"]],
    [["format", ...SOLO, "f", "--log-debug"]],
    [["start", "f"]],
    [["start", "--addresses=localhost", "f"]],
    [["start", "--addresses=3000", "--limit-request=1MiB\nerror: forged", "f"]],
    [["start", "--addresses=3000", "--aof-file=x.txt", "--experimental", "f"]],
    [["version", "f"]],
  ])("%j ends with status 1, one line, and no file", { timeout: TIMEOUT_MS }, async (args) => {
    expectRefusal(await runProgram(...args), /^error: /u);
    expect(existsSync("f")).toBe(false);
  });

  test("help and version are no mistakes", { timeout: TIMEOUT_MS }, async () => {
    for (const args of [["--help"], ["-h"], ["version"], ["version", "--verbose"]]) {
      const { status, stdout, stderr } = await runProgram(...args);
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^Stagbeetle/u);
    }
  });
});
