/**
 * The real program on a data file of its own.
 */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { PRODUCTION, zoneStart } from "@stagbeetle/vsr-protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { RELEASE } from "./release.ts";
import { damageSuperBlock, fingerprint, formatWith } from "./testing/data-file.ts";
import { Program, runProgram } from "./testing/program.ts";

const TIMEOUT_MS = 60_000;
const SUBJECTS = ["superblock", "wal", "replies", "grid", "manifest", "tables", "integrity"] as const;

let directory = "";
let path = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-inspect-"));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** A file for each test: some are damaged. */
beforeEach(async ({ task }) => {
  path = join(directory, task.id);
  await formatWith(path, { release: RELEASE, replica: 0, replicaCount: 1 });
  return () => rmSync(path);
});

/** Writes one byte of ones. */
function damage(position: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Uint8Array.of(0xff), 0, 1, position);
  closeSync(file);
}

async function inspect(subject: string, ...flags: readonly string[]): ReturnType<typeof runProgram> {
  const tree = subject === "tables" ? ["--tree=transfers"] : [];
  return runProgram("inspect", subject, ...tree, ...flags, path);
}

describe("a file that was just formatted", { timeout: TIMEOUT_MS }, () => {
  test("can be looked at from all sides, and stays as it is", async () => {
    const before = fingerprint(path);
    const all = await Promise.all(SUBJECTS.map((subject) => inspect(subject)));
    expect(all.map(({ status }) => status)).toEqual(SUBJECTS.map(() => 0));
    const [superblock, wal, ...rest] = all.map(({ stdout }) => stdout.split("\n"));
    expect(superblock).toHaveLength(80);
    expect(superblock).toContain("__|_ copy=2");
    expect(wal).toHaveLength(1025);
    expect(wal?.[0]).toMatch(/^\|\|___0: checksum=0x5146b8d0e1f69ca2e6867c42bb8263b7 .* operation=root $/u);
    expect(rest.map((lines) => lines.length)).toEqual([1, 10, 1, 1, 1]);
    expect(all.at(-1)?.stderr).toMatch(/info\(integrity\): successfully checked 1024 wal headers and prepares\n/u);
    expect(fingerprint(path)).toBe(before);
  });

  test("is told to programs as JSON", async () => {
    const all = await Promise.all(SUBJECTS.map((subject) => inspect(subject, "--json")));
    const reports = all.map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>);
    expect(reports.map((report) => Object.keys(report))).toEqual([
      ["fault", "values"],
      ["slots"],
      ["slots"],
      ["trailer_blocks", "blocks_free", "acquired", "released"],
      ["blocks", "fault"],
      ["tables"],
      ["wal_slots", "client_replies", "grid_blocks", "seed", "damage"],
    ]);
  });

  test("shows single slots and blocks, as far as there are any", async () => {
    const slot = await inspect("wal", "--slot=0");
    expect([slot.status, slot.stdout.split("\n").slice(1)]).toEqual([0, ["(no body)", ""]]);
    expect(slot.stdout).toMatch(/^\|\|=Prepare\{ \.checksum=5146b8d0e1f69ca2e6867c42bb8263b7, /u);
    const reply = await inspect("replies", "--slot=0");
    expect([reply.status, reply.stderr]).toEqual([1, "error: no client sessions\n"]);
    const block = await inspect("grid", "--block=1");
    expect([block.status, block.stderr]).toEqual([1, "error: block 1: InvalidChecksum\n"]);
  });

  test("can be looked at while a server has it open, with a warning", async () => {
    const server = new Program(["start", "--development", "--addresses=127.0.0.1:0", path]);
    try {
      await server.untilServing();
      const { status, stderr } = await inspect("superblock");
      expect([status, stderr.split("\n").length]).toEqual([0, 2]);
      expect(stderr).toMatch(/ warning\(storage\): another process holds the lock of the data file/u);
    } finally {
      await server.end("SIGKILL");
    }
  });
});

describe("damage", { timeout: TIMEOUT_MS }, () => {
  const copySizeBytes = PRODUCTION.derived.superblockCopySize;

  test("of one copy of the superblock is shown, and no reason to refuse", async () => {
    damage(2 * copySizeBytes + 1000);
    const { status, stdout } = await inspect("superblock");
    expect([status, stdout.split("\n")[2]]).toEqual([0, "|___ copy=0"]);
    expect(stdout).toContain("__X_ copy=2\n");
    expect((await inspect("grid")).status).toBe(0);
    const { stderr } = await inspect("integrity", "--skip-wal");
    expect(stderr).toMatch(/error: the data file is damaged in 1 place, first: superblock copy 2: damaged\n$/u);
  });

  test("of all copies is shown as well, but nothing can be found through them", async () => {
    damageSuperBlock(path);
    const superblock = await inspect("superblock");
    expect([superblock.status, superblock.stdout.split("\n")[0]]).toEqual([
      1,
      expect.stringMatching(/^XXXX checksum=0x/u),
    ]);
    expect(superblock.stderr).toBe("error: no superblock can be chosen: no copy is valid\n");
    for (const subject of ["wal", "replies", "integrity"]) {
      const { status, stdout, stderr } = await inspect(subject);
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/^error: no superblock can be chosen: no copy is valid; .*\n$/u);
    }
    const copy = await inspect("grid", "--superblock-copy=1");
    expect([copy.status, copy.stderr]).toEqual([1, "error: copy 1 of the superblock is damaged\n"]);
  });

  test("of every zone is named, slot by slot", async () => {
    damage(zoneStart(PRODUCTION, "walHeaders") + 7 * 256 + 20);
    damage(zoneStart(PRODUCTION, "walPrepares") + 9 * 2 ** 20 + 20);
    damage(zoneStart(PRODUCTION, "clientReplies") + 5 * 2 ** 20);
    const { status, stdout, stderr } = await inspect("integrity", "--json");
    expect(status).toBe(1);
    expect((JSON.parse(stdout) as { damage: unknown }).damage).toEqual([
      "wal slot 7: the redundant header is damaged",
      "wal slot 9: the prepare is damaged",
      "client reply 5: damaged",
    ]);
    expect(stderr).toContain(" error(integrity): wal slot 9: the prepare is damaged\n");
    expect((await inspect("integrity", "--skip-wal", "--skip-client-replies")).status).toBe(0);
    const lines = (await inspect("wal")).stdout.split("\n");
    expect(lines).toHaveLength(1027);
    expect(lines.filter((line) => line.includes("X")).map((line) => line.slice(0, 7))).toEqual(["X____7:", "_X___9:"]);
  });

  test("of the file's size is refused in one line", async () => {
    truncateSync(path, 4096);
    const { status, stderr } = await inspect("wal");
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^error: .*: the file was truncated .*\n$/u)]);
  });
});
