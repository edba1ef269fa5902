/**
 * `pnpm bench [part of a path]`: runs the micro benchmarks and prints a table for each file. It reports, a person judges.
 */
import { join } from "node:path";

import { Bench } from "tinybench";

import { findBenchmarks, loadBenchmark } from "./benchmark-files.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const [filter = ""] = process.argv.slice(2);

const paths = findBenchmarks(root, filter);
if (paths.length === 0) {
  console.error(filter === "" ? "there is no *.bench.ts yet" : `no *.bench.ts has "${filter}" in its path`);
  process.exitCode = 1;
}
for (const path of paths) {
  const bench = new Bench({ name: path });
  (await loadBenchmark(root, path))(bench);
  await bench.run();
  console.log(path);
  console.table(bench.table());
}
