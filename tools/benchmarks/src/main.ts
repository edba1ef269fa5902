/**
 * `pnpm bench [part of a path]`: prints the figures that matter most, the clients side by side, then a table for each file of micro benchmarks. It
 * reports, a person judges.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

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

const [filter = ""] = process.argv.slice(2);

/** Every benchmark has a process of its own, so that none inherits the garbage and the optimisations of another. */
function run(script: string, ...parameters: readonly string[]): void {
  const flags = ["--conditions=@stagbeetle/source", "--expose-gc"];
  const { status } = spawnSync(process.execPath, [...flags, join(import.meta.dirname, script), ...parameters], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}

function runAll(): void {
  const paths = findBenchmarks(ROOT, filter);
  const scripts = SCRIPTS.filter((script) => `tools/benchmarks/src/${script}`.includes(filter));
  for (const script of scripts) run(script);
  for (const path of paths) run("run-benchmark.ts", ROOT, path);
  if (paths.length > 0 || scripts.length > 0) return;
  console.error(`error: no benchmark has '${filter}' in its path`);
  process.exitCode = 1;
}

if (filter === "--help" || filter === "-h") console.log(HELP);
else runAll();
