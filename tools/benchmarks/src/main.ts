/**
 * `pnpm bench [part of a path]`: prints the figures that matter most, the clients side by side, then a table for each file of micro benchmarks. It
 * reports, a person judges.
 *
 * Exit status: 0 if all that was asked for ran to its end, 1 if something failed, 2 if the command line is wrong.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { findBenchmarks } from "./benchmark-files.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** Scripts that print figures of their own, by the paths that filters are held against. */
const SCRIPTS = [
  "figures/main.ts",
  "figures/development-memory.ts",
  "store/main.ts",
  "clients/main.ts",
  "cluster/main.ts",
];

const HELP = `usage: pnpm bench [part of a path]

Prints figures and micro benchmarks: all of them, or those whose path has the text, for example figures, clients, cluster,
store, development or checksum.`;

/** @throws TypeError if the command line is wrong. */
function parseCommand(): { readonly filter: string } | "help" {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return "help";
  const [filter = "", ...more] = positionals;
  if (more.length > 0) throw new TypeError(`give one part of a path, not ${positionals.length}`);
  return { filter };
}

/** Every benchmark has a process of its own, so that none inherits the garbage and the optimisations of another. */
function run(script: string, ...parameters: readonly string[]): void {
  const flags = ["--conditions=@stagbeetle/source", "--expose-gc"];
  const { status } = spawnSync(process.execPath, [...flags, join(import.meta.dirname, script), ...parameters], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}

/** @throws TypeError if no benchmark is meant. */
function runAll(filter: string): void {
  const paths = findBenchmarks(ROOT, filter);
  const scripts = SCRIPTS.filter((script) => `tools/benchmarks/src/${script}`.includes(filter));
  if (paths.length === 0 && scripts.length === 0) throw new TypeError(`no benchmark has '${filter}' in its path`);
  for (const script of scripts) run(script);
  for (const path of paths) run("run-benchmark.ts", ROOT, path);
}

try {
  const command = parseCommand();
  if (command === "help") console.log(HELP);
  else runAll(command.filter);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
