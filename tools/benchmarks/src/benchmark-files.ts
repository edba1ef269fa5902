/**
 * Finds the benchmarks: `*.bench.ts` beside the source that it measures, with a function as its default export that
 * adds tasks to a bench.
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

/** Loads what `path` adds to a bench. */
export async function loadBenchmark(root: string, path: string): Promise<AddTasks> {
  const module: unknown = await import(pathToFileURL(join(root, path)).href);
  if (typeof module === "object" && module !== null && "default" in module && typeof module.default === "function") {
    return module.default as AddTasks;
  }
  throw new Error(`${path} has no function as its default export`);
}
