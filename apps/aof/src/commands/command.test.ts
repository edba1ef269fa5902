import { CommandLineError } from "@stagbeetle/command-line";
import { describe, expect, test } from "vitest";

import { parseCommandLine } from "./command.ts";

const LOCAL = { family: 4, host: "127.0.0.1", port: 3000 };

function errorOf(...args: readonly string[]): string {
  try {
    parseCommandLine(args);
  } catch (error) {
    if (error instanceof CommandLineError) return error.message;
    throw error;
  }
  throw new Error("no error");
}

describe("a command line is read", () => {
  test("debug", () => {
    expect(parseCommandLine(["debug", "x.aof"])).toEqual({ kind: "debug", debug: { path: "x.aof", json: false } });
    expect(parseCommandLine(["debug", "--json", "x.aof"])).toMatchObject({ debug: { json: true } });
  });

  test("merge, with and without the reference's separator, of any number of files", () => {
    const merge = { paths: ["a", "b"], output: "prepared.aof", json: false };
    expect(parseCommandLine(["merge", "--", "a", "b"])).toEqual({ kind: "merge", merge });
    expect(parseCommandLine(["merge", "a", "b"])).toEqual({ kind: "merge", merge });
    expect(parseCommandLine(["merge", "--output=o", "--json", "--", "-x"])).toEqual({
      kind: "merge",
      merge: { paths: ["-x"], output: "o", json: true },
    });
    const many = Array.from({ length: 100 }, (_, index) => `${index}.aof`);
    expect(parseCommandLine(["merge", ...many])).toMatchObject({ merge: { paths: many } });
  });

  test("recover, with the addresses as the reference has them or before the path", () => {
    const recover = {
      path: "p.aof",
      addresses: [LOCAL],
      cluster: null,
      resume: false,
      progressPath: "p.aof.recovery",
      json: false,
    };
    expect(parseCommandLine(["recover", "3000", "p.aof"])).toEqual({ kind: "recover", recover });
    expect(parseCommandLine(["recover", "--cluster=7", "--addresses=3000", "p.aof"])).toEqual({
      kind: "recover",
      recover: { ...recover, cluster: 7n },
    });
    expect(parseCommandLine(["recover", "--resume", "--progress-file=q", "3000", "p.aof"])).toMatchObject({
      recover: { resume: true, progressPath: "q" },
    });
  });

  test("help", () => {
    const help = parseCommandLine(["--help"]);
    const text = help.kind === "help" ? help.text : "";
    for (const word of ["aof debug", "aof merge", "aof recover", "--resume", "--output=<path>", "--json"]) {
      expect(text).toContain(word);
    }
    expect(parseCommandLine(["-h"])).toEqual(help);
  });
});

describe("a command line is refused", () => {
  test.each<[string[], string]>([
    [[], "subcommand required, expected 'recover', 'debug', or 'merge'; `aof --help` shows how"],
    [["mrege"], "unknown subcommand: 'mrege'; did you mean 'merge'?"],
    [["x"], "unknown subcommand: 'x'; expected 'recover', 'debug', or 'merge'"],
    [["debug"], "<path>: argument is required"],
    [["debug", "a", "b"], "unexpected argument: 'b'"],
    [["merge"], "<path>: argument is required"],
    [["merge", "--"], "<path>: argument is required"],
    [["recover", "p.aof"], "--addresses: argument is required"],
    [["recover", "3000,", "p.aof"], "--addresses: invalid trailing comma: '3000,'"],
    [
      ["recover", "--addresses=1,2,3,4,5,6,7", "p"],
      "--addresses: too many addresses, at most 6 are allowed: '1,2,3,4,5,6,7'",
    ],
    [["recover", "--addresses=3000", "3000", "p"], "unexpected argument: 'p'; the addresses are given by --addresses"],
    [["recover", "--cluster=x", "3000", "p"], "--cluster: expected an integer value, but found 'x' (invalid digit)"],
  ])("%j: %s", (args, error) => expect(errorOf(...args)).toBe(error));
});
