import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";

import { runScenario } from "./run-scenario.ts";

/** `STAGBEETLE_REWRITE=1` writes what the commands really show into the files. Commit only what you understand. */
const REWRITE = process.env["STAGBEETLE_REWRITE"] === "1";

/** For the slowest machine: no scenario waits for a clock. */
vi.setConfig({ testTimeout: 600_000 });

const directory = new URL("../../scenarios/", import.meta.url);
const groups = readdirSync(directory).toSorted();

/** The rows of the specification's tables (spec 03 §33.2 to §33.7): a letter, and up to which number. */
const ROWS = { R: 13, N: 13, P: 10, V: 8, S: 6, U: 3, G: 1, C: 6 } as const;

test("there is a scenario for every row of the specification's tables", () => {
  const files = groups.flatMap((group) => readdirSync(new URL(`${group}/`, directory)));
  const told = new Set(files.map((file) => file.slice(0, 3)));
  // Of its traps (spec 03 §35.1), those that take several replicas and are in none of the tables.
  const traps = ["T15", "T16", "T17", "T19", "T20"];
  const rows = Object.entries(ROWS).flatMap(([letter, last]) =>
    Array.from({ length: last }, (_, index) => `${letter}${String(index + 1).padStart(2, "0")}`),
  );
  expect([...rows, ...traps].filter((row) => !told.has(row))).toEqual([]);
});

describe.each(groups)("%s", (group) => {
  const folder = new URL(`${group}/`, directory);
  const files = readdirSync(folder).toSorted();
  test.each(files)("%s", (file) => {
    const url = new URL(file, folder);
    const written = readFileSync(url, "utf8");
    const { text, failures } = runScenario(written);
    if (REWRITE) writeFileSync(url, text);
    expect(failures).toEqual([]);
    expect(text).toBe(REWRITE ? text : written);
  });
});
