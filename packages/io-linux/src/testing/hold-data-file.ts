/**
 * Opens the data file that is its first argument, says so and keeps it until it is killed. With `node-only` as the second
 * argument it does without system calls that Node lacks.
 *
 * @module
 */
import { TEST_MIN } from "@stagbeetle/vsr-protocol";
import { openDataFile } from "../data-file.ts";
import { DataFileError } from "../data-file-error.ts";

const [path = "", mode = ""] = process.argv.slice(2);
const systemCalls = mode === "node-only" ? { systemCalls: null } : {};
try {
  await openDataFile({ path, purpose: "open", config: TEST_MIN, directIo: "disabled", ...systemCalls });
  console.log("held");
} catch (error) {
  console.log(error instanceof DataFileError ? error.code : String(error));
}
process.stdin.resume();
