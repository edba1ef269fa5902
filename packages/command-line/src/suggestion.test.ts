import { expect, test } from "vitest";

import { editDistance, suggestion } from "./suggestion.ts";

test.each([
  ["", "", 0],
  ["format", "format", 0],
  ["formt", "format", 1],
  ["verison", "version", 1],
  ["start", "stat", 1],
  ["abc", "", 3],
])("from %s to %s it takes %i steps", (a, b, steps) => {
  expect(editDistance(a, b)).toBe(steps);
  expect(editDistance(b, a)).toBe(steps);
});

test("a word that is close to a known one is recognised, a foreign one is not", () => {
  const known = ["addresses", "development", "experimental"];
  expect(suggestion("adresses", known)).toBe("addresses");
  expect(suggestion("experimetnal", known)).toBe("experimental");
  expect(suggestion("frobnicate", known)).toBeNull();
  expect(suggestion("a".repeat(100_000), known)).toBeNull();
});
