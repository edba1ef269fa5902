import { expect, test } from "vitest";

import { optional, required, toggle } from "./flags.ts";
import { flagsHelp } from "./help.ts";
import { unsigned } from "./integer.ts";
import { parseText } from "./value.ts";

test("the help of flags shows how each is written, with their briefs below each other", () => {
  const flags = {
    replica: required("index", unsigned(8), "which one"),
    output: optional("path", parseText, "where to"),
    json: toggle("print JSON"),
  };
  expect(flagsHelp("merge", flags, 20)).toBe(`
Flags of merge:
  --replica=<index>   which one
  --output=<path>     where to
  --json              print JSON
`);
});

test("the help of a command without flags has its title only", () => {
  expect(flagsHelp("op", {}, 20)).toBe("\nFlags of op:\n");
});
