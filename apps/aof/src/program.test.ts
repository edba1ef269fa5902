import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { MemoryFile, Survey } from "@stagbeetle/aof";
import type { SurveyReport } from "@stagbeetle/aof";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { CutLine } from "./testing/cut-line.ts";
import { ENTRY_SIZE_BYTES, logOf, RELEASE } from "./testing/log.ts";
import { Program } from "./testing/program.ts";
import type { Ended } from "./testing/program.ts";

let directory = "";
let started: Program[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-aof-"));
  started = [];
});

afterEach(async () => {
  for (const program of started) await program.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

function aof(...args: readonly string[]): Program {
  const program = new Program("aof", args, directory);
  started.push(program);
  return program;
}

async function run(...args: readonly string[]): Promise<Ended> {
  return aof(...args).ended();
}

function write(name: string, bytes: Uint8Array): void {
  writeFileSync(join(directory, name), bytes);
}

function survey(name: string): SurveyReport {
  const surveying = new Survey({
    config: PRODUCTION,
    file: new MemoryFile({ bytes: readFileSync(join(directory, name)) }),
  });
  while (surveying.next().kind !== "end");
  return surveying.report();
}

/** The entries from one op to another. */
function part(log: Uint8Array, first: number, last: number): Uint8Array {
  return log.subarray((first - 1) * ENTRY_SIZE_BYTES, last * ENTRY_SIZE_BYTES);
}

function damaged(log: Uint8Array, op: number): Uint8Array {
  const copy = log.slice();
  const at = op * ENTRY_SIZE_BYTES - 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

const error = ({ stderr }: Ended): string => stderr.split("\n").find((line) => line.startsWith("error: ")) ?? "";

describe("debug", () => {
  test("prints the entries that a recovery sends, and their data checksum", async () => {
    write("x.aof", logOf({ entries: 3 }));
    const { status, stdout, stderr } = await run("debug", "x.aof");
    const lines = stdout.split("\n");
    expect(status).toBe(0);
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(
      /^Prepare\{ \.checksum=[0-9a-f]{32}, .* \.op=1, .* \.operation=vsr\.Operation\(129\) \}$/u,
    );
    expect(lines[4]).toBe(`Data checksum chain: ${survey("x.aof").dataChecksum}`);
    expect(stderr).toContain("x.aof: 3 entries, first op 1, last op 3: deprecated_create_accounts_unbatched 3");
  });

  test("lists what precedes the first fault, and locates all of them", async () => {
    write("x.aof", damaged(damaged(logOf({ entries: 9 }), 3), 7));
    const ended = await run("debug", "x.aof");
    expect(ended.status).toBe(1);
    expect(ended.stdout.split("\n")).toHaveLength(3);
    expect(ended.stderr).toContain(
      "x.aof: byte 800: AOFBodyChecksumMismatch: 400 bytes are no entry between op 2 and op 4",
    );
    expect(ended.stderr).toContain(
      "x.aof: byte 2400: AOFBodyChecksumMismatch: 400 bytes are no entry between op 6 and op 8",
    );
    expect(error(ended)).toBe(
      "error: x.aof: AOFBodyChecksumMismatch at byte 800: not one chain of entries (2 AOFBodyChecksumMismatch); merge it first",
    );
  });

  test("has all of it as one JSON document", async () => {
    write("x.aof", damaged(logOf({ entries: 4 }), 2));
    const { stdout } = await run("debug", "--json", "x.aof");
    const { prepares, summary } = JSON.parse(stdout) as { prepares: { op: string }[]; summary: object };
    expect(prepares.map(({ op }) => op)).toEqual(["1", "3", "4"]);
    expect(summary).toMatchObject({ entries: 3, data_checksum: null, faults: [{ offset: 400, op_after: 3 }] });
  });

  test("says what is wrong with a path", async () => {
    expect(error(await run("debug", "nothing.aof"))).toContain("no such file or directory");
    expect(error(await run("debug", "."))).toContain("it is not a regular file");
  });
});

describe("merge", () => {
  const log = logOf({ entries: 12 });

  test("makes one chain, prints what the reference prints, and where damage was", async () => {
    write("a.aof", damaged(part(log, 1, 8), 4));
    write("b.aof", part(log, 3, 12));
    const { status, stdout, stderr } = await run("merge", "a.aof", "b.aof");
    expect(status).toBe(0);
    expect(readFileSync(join(directory, "prepared.aof"))).toEqual(Buffer.from(log));
    expect(stdout.replaceAll(/[0-9a-f]{32}/gu, "…")).toBe(
      [
        "Building checksum map...",
        "The root checksum will be … from a.aof.",
        "a.aof: Skipping entry with corrupted checksum.",
        "Finished processing a.aof - extracted 7 usable entries.",
        "Finished processing b.aof - extracted 12 usable entries.",
        "Validating Output prepared.aof",
        "AOF prepared.aof validated. Starting checksum: … Ending checksum: …",
        "",
      ].join("\n"),
    );
    expect(stderr).toContain("a.aof: byte 1200: AOFBodyChecksumMismatch: 400 bytes are no entry");
    expect(stderr).toContain("prepared.aof: 12 entries, first op 1, last op 12");
    expect(stderr).toContain("5 duplicates left out, 1 damaged places passed over");
  });

  test("names every gap, and leaves what there is before the first one", async () => {
    write("a.aof", part(log, 1, 3));
    write("b.aof", part(log, 6, 8));
    write("c.aof", part(log, 11, 12));
    const ended = await run("merge", "--", "a.aof", "b.aof", "c.aof");
    expect(ended.status).toBe(1);
    expect(readFileSync(join(directory, "prepared.aof"))).toEqual(Buffer.from(part(log, 1, 3)));
    expect(ended.stderr).toContain("ops 4 to 5: in none of the files");
    expect(ended.stderr).toContain("ops 9 to 10: in none of the files");
    expect(error(ended)).toBe(
      "error: prepared.aof is incomplete and ends with op 3: ops 4 to 5: in none of the files, undamaged (and 1 more)",
    );
  });

  test("overwrites nothing", async () => {
    write("a.aof", log);
    write("prepared.aof", Buffer.from("precious"));
    expect(error(await run("merge", "a.aof"))).toContain("it exists already and is left alone");
    expect(readFileSync(join(directory, "prepared.aof"), "utf8")).toBe("precious");
    expect((await run("merge", "--output=other.aof", "a.aof")).status).toBe(0);
    expect(readFileSync(join(directory, "other.aof"))).toEqual(Buffer.from(log));
  });

  test("leaves nothing of what leads to nothing", async () => {
    write("a.aof", log);
    write("b.aof", logOf({ entries: 2, cluster: 8n }));
    const ended = await run("merge", "a.aof", "b.aof");
    expect(error(ended)).toContain("prepared.aof was not written: the entry at byte 0 of b.aof is of cluster 8, not 0");
    expect(readdirSync(directory).toSorted()).toEqual(["a.aof", "b.aof"]);
  });

  test("has all of it as JSON", async () => {
    write("a.aof", part(log, 1, 3));
    write("b.aof", part(log, 5, 6));
    const { stdout } = await run("merge", "--json", "a.aof", "b.aof");
    expect(JSON.parse(stdout)).toMatchObject({
      output: "prepared.aof",
      complete: false,
      entries: 3,
      op_last: 3,
      inputs: [
        { path: "a.aof", entries: 3 },
        { path: "b.aof", entries: 2 },
      ],
      problems: ["op 4: in none of the files, undamaged"],
    });
  });
});

describe("recover", () => {
  const log = logOf({ entries: 30 });

  /** A fresh server in AOF recovery, with a file of its own. Returns its port. */
  async function serve(...flags: readonly string[]): Promise<number> {
    const format = ["format", "--cluster=0", "--replica=0", "--replica-count=1", "--development", "data"];
    await new Program("stagbeetle", format, directory).ended();
    return start(...flags);
  }

  async function start(...flags: readonly string[]): Promise<number> {
    const recovering = ["--experimental", "--aof-recovery", "--aof-file=new.aof", ...flags];
    const server = new Program(
      "stagbeetle",
      ["start", "--development", "--addresses=127.0.0.1:0", ...recovering, "data"],
      directory,
    );
    started.push(server);
    return Number((await server.until(/listening on \S+:(\d+)\n/u))[1]);
  }

  test("sends a log to a fresh server, whose own file then has the same data checksum", async () => {
    write("x.aof", log);
    const port = await serve();
    const { status, stdout, stderr } = await run("recover", "--json", String(port), "x.aof");
    expect([status, stderr.includes("error")]).toEqual([0, false]);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 30, resumed: false, cluster: "0" });
    const recovered = survey("new.aof");
    expect(recovered.dataChecksum).toBe(survey("x.aof").dataChecksum);
    expect([recovered.entries, recovered.faults]).toEqual([31, []]);
    expect(existsSync(join(directory, "x.aof.recovery"))).toBe(false);
  });

  test("has a session for each release that the log has", async () => {
    write("x.aof", logOf({ entries: 6, releaseOfOp: (op) => RELEASE - (op % 2) }));
    const port = await serve();
    expect((await run("recover", String(port), "x.aof")).status).toBe(0);
    const { operations, dataChecksum } = survey("new.aof");
    expect(Object.fromEntries(operations)).toEqual({ 2: 2, 129: 6 });
    expect(dataChecksum).toBe(survey("x.aof").dataChecksum);
  });

  test.each([
    ["client", "before the request arrives"],
    ["server", "before its answer arrives"],
  ] as const)("goes on exactly where it was interrupted (%s silent, %s)", async (silent, _when) => {
    write("x.aof", log);
    const port = await serve();
    const line = await CutLine.start(port, 11, silent);
    const first = aof("recover", String(line.port), "x.aof");
    // The registration and eleven requests; the twelfth is under way, and has arrived or not.
    const arrived = silent === "server" ? 13 : 12;
    while (sent() < 12 || survey("new.aof").entries < arrived) await setTimeout(10);
    const interrupted = await first.end("SIGTERM");
    line.close();
    expect(interrupted.status).toBe(1);
    expect(error(interrupted)).toMatch(/interrupted by SIGTERM; `aof recover --resume` goes on behind op \d+/u);

    const refused = await run("recover", String(port), "x.aof");
    expect(error(refused)).toContain("an earlier recovery was interrupted; go on with --resume");

    const resumed = await run("recover", "--resume", "--json", String(port), "x.aof");
    expect([resumed.status, error(resumed)]).toEqual([0, ""]);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ resumed: true });
    const { operations, dataChecksum } = survey("new.aof");
    expect(Object.fromEntries(operations)).toEqual({ 2: 2, 129: 30 });
    expect(dataChecksum).toBe(survey("x.aof").dataChecksum);
    expect(existsSync(join(directory, "x.aof.recovery"))).toBe(false);
  });

  /** The op that is being sent, by the progress file; 0 before the first. */
  function sent(): number {
    const path = join(directory, "x.aof.recovery");
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    return text === "" ? 0 : (JSON.parse(text) as { op: number }).op;
  }

  test.each([
    ["another cluster", {}, 1, "the cluster's log ends before op 9, where the recovery was interrupted"],
    ["a release that the file does not have", { release: 1 }, null, "has no requests of release 1"],
  ])("does not go on with %s", async (_what, change, serves, reason) => {
    write("x.aof", log);
    const position = { attempt: 0, opCluster: 9, sending: null, release: RELEASE, op: 9, offset: 0, ...change };
    write("x.aof.recovery", Buffer.from(JSON.stringify({ ...position, ...surveyChecksums() })));
    const port = serves === null ? 1 : await serve();
    expect(error(await run("recover", "--resume", String(port), "x.aof"))).toContain(reason);
  });

  function surveyChecksums(): { checksumFirst: string; checksumLast: string } {
    const hex = (value: bigint): string => value.toString(16).padStart(32, "0");
    const { checksumFirst, checksumLast } = survey("x.aof");
    return { checksumFirst: hex(checksumFirst), checksumLast: hex(checksumLast) };
  }

  test("refuses a cluster that is not fresh, and a second recovery of the same file", async () => {
    write("x.aof", log);
    write("y.aof", logOf({ entries: 2, releaseOfOp: () => RELEASE - 1 }));
    const port = await serve();
    expect((await run("recover", String(port), "x.aof")).status).toBe(0);
    const ended = await run("recover", String(port), "y.aof");
    expect(error(ended)).toBe("error: the cluster is not fresh: its log has 31 ops already; format it anew");
  });

  test("says which flag of the server is too small for the log, and goes on once it is larger", async () => {
    write("x.aof", logOf({ entries: 2, accounts: 31 }));
    const small = await serve("--limit-request=4KiB");
    const ended = await run("recover", String(small), "x.aof");
    expect(error(ended)).toMatch(
      /requests of 3968 bytes and the cluster takes 3840: restart it with a larger --limit-request/u,
    );
    await started[0]?.end("SIGTERM");
    const large = await start("--limit-request=8KiB");
    expect((await run("recover", "--resume", String(large), "x.aof")).status).toBe(0);
    expect(survey("new.aof").dataChecksum).toBe(survey("x.aof").dataChecksum);
  });

  test.each<[string, () => Uint8Array, string[], RegExp]>([
    ["a damaged file", () => damaged(log, 5), [], /byte 1600: AOFBodyChecksumMismatch.*nothing was sent/u],
    ["a file with a gap", () => Buffer.concat([part(log, 1, 4), part(log, 6, 9)]), [], /AOFChecksumChainMismatch/u],
    ["another cluster's file", () => log, ["--cluster=7"], /it is of cluster 0, not 7: nothing was sent/u],
  ])("sends nothing of %s", async (_what, bytes, flags, reason) => {
    write("x.aof", bytes());
    // Nobody listens there, and nobody is asked.
    const ended = await run("recover", ...flags, "1", "x.aof");
    expect(ended.status).toBe(1);
    expect(error(ended)).toMatch(reason);
    expect(readdirSync(directory)).toEqual(["x.aof"]);
  });

  test("has nothing to do with an empty file", async () => {
    write("x.aof", new Uint8Array(0));
    const { status, stderr } = await run("recover", "1", "x.aof");
    expect(status).toBe(0);
    expect(stderr).toContain("x.aof: there is nothing to send");
  });

  test("can be interrupted where nobody answers, and leaves nothing behind", async () => {
    write("x.aof", log);
    const program = aof("recover", "1", "x.aof");
    await program.until(/30 entries/u);
    while (sent() < 1) await setTimeout(10);
    const ended = await program.end("SIGINT");
    expect(error(ended)).toBe("error: interrupted by SIGINT");
    expect(readdirSync(directory)).toEqual(["x.aof"]);
  });
});
