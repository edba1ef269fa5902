import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { parseCommandLine } from "./command.ts";
import { INSPECT, INSPECT_FLAGS, parseInspect } from "./inspect-flags.ts";
import type { Inspected } from "./inspect-flags.ts";

const inspected = (...args: string[]): Inspected => parseInspect(args, PRODUCTION).inspected;

describe("what inspect is asked for", () => {
  test.each(["constants", "metrics"] as const)("%s takes nothing", (subject) => {
    expect(inspected(subject)).toEqual({ subject });
    expect(() => inspected(subject, "x")).toThrow("unexpected argument: 'x'");
  });

  test.each(["superblock", "wal", "replies", "grid", "manifest", "tables", "integrity"] as const)(
    "%s takes a path",
    (subject) => {
      const flags = subject === "tables" ? ["--tree=7"] : [];
      expect(inspected(subject, ...flags, "f")).toMatchObject({ subject, path: "f" });
      expect(() => inspected(subject, ...flags)).toThrow("<path>: argument is required");
    },
  );

  test("every subject can be told as JSON, and is for people unless asked", () => {
    const rest: Partial<Record<string, string[]>> = {
      constants: [],
      metrics: [],
      op: ["1"],
      tables: ["--tree=7", "f"],
    };
    for (const subject of Object.keys(INSPECT)) {
      const args = rest[subject] ?? ["f"];
      expect(parseInspect([subject, ...args], PRODUCTION).json).toBe(false);
      expect(parseInspect([subject, "--json", ...args], PRODUCTION).json).toBe(true);
    }
  });

  test("an op is an integer that can be reached", () => {
    expect(inspected("op", "1_000")).toEqual({ subject: "op", op: 1000 });
    expect(() => inspected("op", "x")).toThrow("<op>: expected an integer value, but found 'x' (invalid digit)");
    expect(() => inspected("op", "9007199254740991")).toThrow("<op>: no cluster reaches op 9007199254740991");
  });

  test("a tree has a name and a number", () => {
    const byName = inspected("tables", "--tree=transfers.id", "--level=6", "f");
    const byNumber = inspected("tables", "--tree=8", "f");
    expect(byName).toMatchObject({ tree: { treeId: 8 }, level: 6 });
    expect(byNumber).toMatchObject({ tree: { name: "transfers.id" }, level: null });
  });

  test.each([
    [["tables", "--tree=34", "f"], "--tree: invalid tree id: '34'; there are 1 to 33, or names like 'transfers.id'"],
    [["tables", "--tree=transfer", "f"], "--tree: invalid tree name: 'transfer'; did you mean 'transfers'?"],
    [["tables", "--tree=7", "--level=7", "f"], "--level: level exceeds 6: 7"],
    [["grid", "--superblock-copy=4", "f"], "--superblock-copy: copy exceeds 3: 4"],
    [["wal", "--slot=1024", "f"], "--slot: slot exceeds 1023: 1024"],
    [["replies", "--slot=64", "f"], "--slot: slot exceeds 63: 64"],
    [["grid", "--block=0", "f"], "--block: addresses are from 1 to 134217728: 0"],
    [[], "inspect: subcommand required, expected 'constants', 'metrics', 'op',"],
    [["tabels"], "inspect: unknown subcommand: 'tabels'; did you mean 'tables'?"],
    [["integrity", "--seed=x", "f"], "--seed: expected an integer value, but found 'x' (invalid digit)"],
  ])("%j: %s", (args, error) => {
    expect(() => inspected(...args)).toThrow(error);
  });

  test("a slot and a block may be singled out", () => {
    expect(inspected("wal", "--slot=1023", "f")).toMatchObject({ slot: 1023 });
    expect(inspected("replies", "--slot=63", "f")).toMatchObject({ slot: 63 });
    expect(inspected("grid", "--block=1", "f")).toMatchObject({ block: 1 });
    expect(inspected("grid", "f")).toMatchObject({ block: null });
  });

  test("a seed is a u64 or the id of a commit", () => {
    expect(inspected("integrity", `--seed=${"f".repeat(24)}0000000000000abc`, "f")).toMatchObject({ seed: 0xabcn });
    expect(inspected("integrity", "--seed=18446744073709551615", "f")).toMatchObject({ seed: 2n ** 64n - 1n });
    expect(inspected("integrity", "f")).toMatchObject({ seed: null });
  });

  test.each([["--help"], ["inspect", "--help"], ["inspect", "-h"]])("the help names every flag: %s %s", (...args) => {
    const command = parseCommandLine(args);
    const text = command.kind === "help" ? command.text : "";
    for (const flag of Object.keys(INSPECT_FLAGS)) expect(text).toContain(`--${flag}`);
    for (const subject of Object.keys(INSPECT)) expect(text).toContain(subject);
  });
});
