import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";

import { runScenario } from "./run-scenario.ts";

/** `STAGBEETLE_REWRITE=1` writes what the commands really show into the files. Commit only what you understand. */
const REWRITE = process.env["STAGBEETLE_REWRITE"] === "1";

/** For the slowest machine: no scenario waits for a clock. */
vi.setConfig({ testTimeout: 600_000 });

const directory = new URL("../../scenarios/", import.meta.url);
const groups = readdirSync(directory).toSorted();

test("there is a scenario for every row of the specification's tables", () => {
  expect(groups.length).toBeGreaterThan(0);
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
