import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { Bench } from "tinybench";
import { afterEach, beforeEach, expect, test } from "vitest";

import { findBenchmarks, loadBenchmark } from "./benchmark-files.ts";

let root: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stagbeetle-benchmarks-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

test("benchmarks are found beside their sources and chosen by a part of their path", () => {
  for (const path of ["packages/a/src/sort.bench.ts", "packages/b/src/deep/find.bench.ts", "packages/b/src/find.ts"]) {
    write(path, "");
  }
  expect(findBenchmarks(root, "")).toEqual(["packages/a/src/sort.bench.ts", "packages/b/src/deep/find.bench.ts"]);
  expect(findBenchmarks(root, "find")).toEqual(["packages/b/src/deep/find.bench.ts"]);
});

test("a benchmark adds its tasks", async () => {
  write("packages/a/src/sort.bench.ts", `export default (bench) => { bench.add("sort", () => {}); };`);
  const bench = new Bench();
  (await loadBenchmark(root, "packages/a/src/sort.bench.ts"))?.(bench);
  expect(bench.tasks.map(({ name }) => name)).toEqual(["sort"]);
});

test("a file without a default export prints by itself, and one that exports no function is refused by name", async () => {
  write("packages/a/src/sort.bench.ts", `export const x = 1;`);
  await expect(loadBenchmark(root, "packages/a/src/sort.bench.ts")).resolves.toBeNull();
  write("packages/a/src/find.bench.ts", `export default 1;`);
  await expect(loadBenchmark(root, "packages/a/src/find.bench.ts")).rejects.toThrow("packages/a/src/find.bench.ts");
});
