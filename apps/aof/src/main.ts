#!/usr/bin/env node
/**
 * The `aof` binary: hands the process to the program, and does nothing else.
 */
import { endProcess, endProcessOnUncaught, EXIT_SUCCESS, processTerminal } from "@stagbeetle/command-line";

import { reportOf } from "./report.ts";
import { run } from "./run.ts";

const say = (line: string): void => processTerminal.stderr(`error: ${line}\n`);
const ending = { terminal: processTerminal, say, reportOf };

endProcessOnUncaught(ending);
try {
  await run(process.argv.slice(2), processTerminal);
  process.exit(EXIT_SUCCESS);
} catch (error) {
  endProcess(error, ending);
}
