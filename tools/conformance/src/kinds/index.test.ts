import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { kinds } from "./index.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

test.each(kinds.map(({ name }) => name))("the README says what %s compares", (name) => {
  expect(readme).toMatch(new RegExp(`^\\|[^|]*\`${name}\``, "mu"));
});
