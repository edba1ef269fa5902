/**
 * Finds the benchmarks: `*.bench.ts` beside the source that it measures. Its default export adds tasks to a bench; without
 * one it prints by itself.
 */
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Bench } from "tinybench";

/** What a benchmark file exports by default. */
export type AddTasks = (bench: Bench) => void;

/** Benchmark files below `root` whose path contains `filter`, relative and in order. */
export function findBenchmarks(root: string, filter: string): string[] {
  return globSync("{packages,apps}/*/src/**/*.bench.ts", {
    cwd: root,
    exclude: (path) => basename(path) === "node_modules",
  })
    .filter((path) => path.includes(filter))
    .toSorted();
}

/**
 * Loads what `path` adds to a bench. Null if it has no default export: it has printed its figures by itself.
 *
 * @throws Error if the default export is no function.
 */
export async function loadBenchmark(root: string, path: string): Promise<AddTasks | null> {
  const module: unknown = await import(pathToFileURL(join(root, path)).href);
  if (typeof module !== "object" || module === null || !("default" in module)) return null;
  if (typeof module.default !== "function") throw new Error(`the default export of ${path} is no function`);
  return module.default as AddTasks;
}
