import { expect, test } from "vitest";

import { subcommandRequired, unknownSubcommand } from "./subcommand.ts";

const KNOWN = ["recover", "debug", "merge"];

test("who gives no subcommand is told all of them, and where there is more", () => {
  expect(subcommandRequired("aof", KNOWN)).toBe(
    "subcommand required, expected 'recover', 'debug', or 'merge'; `aof --help` shows how",
  );
});

test.each([
  ["mrege", "unknown subcommand: 'mrege'; did you mean 'merge'?"],
  ["x", "unknown subcommand: 'x'; expected 'recover', 'debug', or 'merge'"],
  ["", "unknown subcommand: ''; expected 'recover', 'debug', or 'merge'"],
])("who gives '%s' is told what was probably meant, or else all that there is", (name, message) => {
  expect(unknownSubcommand(name, KNOWN)).toBe(message);
});
