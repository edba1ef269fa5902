import { describe, expect, test } from "vitest";

import { CommandLineError } from "./command-line-error.ts";
import { optional, required, toggle } from "./flags.ts";
import { unsigned } from "./integer.ts";
import { parseArguments } from "./parse-arguments.ts";
import { parseText } from "./value.ts";

const declaration = {
  flags: {
    replica: required("index", unsigned(8), "which"),
    "replica-count": optional("integer", unsigned(8), "how many"),
    name: optional("text", parseText, "what"),
    development: toggle("how"),
  },
  positional: "path",
};

const several = { flags: { json: toggle("how") }, positional: "path", positionalsMax: 3 };

function errorOf(args: readonly string[], positional: string | null = "path"): string {
  try {
    parseArguments({ ...declaration, positional }, args);
  } catch (error) {
    if (error instanceof CommandLineError) return error.message;
    throw error;
  }
  throw new Error("no error");
}

describe("a command line is read", () => {
  test("with flags in any order before the path", () => {
    const { values, positional } = parseArguments(declaration, [
      "--development",
      "--replica-count=3",
      "--replica=1",
      "f",
    ]);
    expect(values).toEqual({ replica: 1, "replica-count": 3, name: null, development: true });
    expect(positional).toBe("f");
  });

  test("with the value of a switch", () => {
    expect(parseArguments(declaration, ["--replica=0", "--development=false", "f"]).values.development).toBe(false);
    expect(parseArguments(declaration, ["--replica=0", "--development=true", "f"]).values.development).toBe(true);
  });

  test("with a value that holds further separators", () => {
    expect(parseArguments(declaration, ["--replica=0", "--name=a=b", "f"]).values.name).toBe("a=b");
  });
});

describe("a command line with several paths is read", () => {
  test("with and without a separator before them", () => {
    expect(parseArguments(several, ["a"]).positionals).toEqual(["a"]);
    expect(parseArguments(several, ["--json", "a", "b"])).toEqual({
      values: { json: true },
      positional: "a",
      positionals: ["a", "b"],
    });
    expect(parseArguments(several, ["--json", "--", "a", "b"]).positionals).toEqual(["a", "b"]);
  });

  test("with paths that look like flags behind the separator", () => {
    expect(parseArguments(several, ["--", "--json", "--", "-x"])).toEqual({
      values: { json: false },
      positional: "--json",
      positionals: ["--json", "--", "-x"],
    });
  });
});

describe("a command line is refused", () => {
  test.each<[string[], string]>([
    [[], "--replica: argument is required"],
    [["f"], "--replica: argument is required"],
    [["--replica=1"], "<path>: argument is required"],
    [["--replica=1", ""], "<path>: empty argument"],
    [["--replica=1", "f", "g"], "unexpected argument: 'g'"],
    [["--replica=1", "-x"], "unexpected argument: '-x'"],
    [["--replica=1", "--"], "unexpected argument: '--'"],
    [["--help"], "unexpected argument: '--help'"],
    [["--replicas"], "--replica: expected value separator '=', but found 's' in '--replicas'"],
    [["--replica"], "--replica: expected value separator '='; write --replica=<index>"],
    [["--replica", "1"], "--replica: expected value separator '='; write --replica=<index>"],
    [["--replica="], "--replica: argument requires a value"],
    [["--replica=x"], "--replica: expected an integer value, but found 'x' (invalid digit)"],
    [["--replica=1", "--replica=1", "f"], "--replica: duplicate argument"],
    [["--replica=1", "--development", "--development=false", "f"], "--development: duplicate argument"],
    [["--development=yes"], "--development: expected one of 'true' or 'false', but found 'yes'"],
    [["--developmentx"], "--development: expected value separator '=', but found 'x' in '--developmentx'"],
    [["--replica=1", "f", "--development"], "unexpected trailing option: '--development'; flags go before the path"],
    [["--developmnt"], "unexpected argument: '--developmnt'; did you mean '--development'?"],
    [["--Replica=1"], "unexpected argument: '--Replica=1'; did you mean '--replica'?"],
  ])("%j: %s", (args, error) => {
    expect(errorOf(args)).toBe(error);
  });

  test("for the first error from the left", () => {
    expect(errorOf(["--name=", "--replica=x", "--nonsense"])).toBe("--name: argument requires a value");
    expect(errorOf(["--nonsense", "--name="])).toContain("--nonsense");
  });

  test("if it has more paths than are taken", () => {
    expect(() => parseArguments({ ...several, positionalsMax: 2 }, ["a", "b", "c"])).toThrow(
      "unexpected argument: 'c'",
    );
    expect(() => parseArguments(several, ["--", "a", ""])).toThrow("<path>: empty argument");
    expect(() => parseArguments(several, ["--"])).toThrow("<path>: argument is required");
    expect(() => parseArguments(several, ["a", "--json"])).toThrow("unexpected trailing option: '--json'");
  });

  test("if it has a path where none is taken", () => {
    expect(errorOf(["--replica=1", "f"], null)).toBe("unexpected argument: 'f'");
  });
});
