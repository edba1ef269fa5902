/**
 * Runs one benchmark file in this process: adds its tasks to a bench and prints the table. A file without a default export
 * prints its own figures when it is loaded.
 */
import { Bench } from "tinybench";

import { loadBenchmark } from "./benchmark-files.ts";

const [root = "", path = ""] = process.argv.slice(2);
console.log(`\n${path}`);
const addTasks = await loadBenchmark(root, path);
if (addTasks !== null) {
  const bench = new Bench({ name: path });
  addTasks(bench);
  await bench.run();
  console.table(bench.table());
}
