/**
 * `pnpm conformance [directory]`: compares the project with recordings of the reference server. Without a directory
 * it looks beside the workspace, and skips where there is nothing.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

import { runSuites } from "./run-suites.ts";
import { suites } from "./suites.ts";

const beside = join(import.meta.dirname, "..", "..", "..", "..", "shared", "fixtures");
const [given] = process.argv.slice(2);
const directory = given === undefined ? beside : resolve(given);

async function compare(): Promise<void> {
  const { passed, failed, unread } = await runSuites(suites, directory, (line) => {
    console.log(line);
  });
  if (suites.length === 0) console.log("nothing was compared: no suite is written yet");
  if (unread.length > 0) console.log(`no suite reads: ${unread.join(", ")}`);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

if (existsSync(directory)) {
  await compare();
} else if (given === undefined) {
  console.log(`conformance skipped: there are no recordings at ${directory}`);
} else {
  console.error(`conformance: ${directory} does not exist; name the directory that holds wire/, aof/ and their like`);
  process.exitCode = 2;
}
