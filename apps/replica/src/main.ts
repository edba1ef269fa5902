#!/usr/bin/env node
/**
 * The `stagbeetle` binary: hands the process to the program, and does nothing else.
 */
import { endProcess, endProcessOnUncaught } from "./crash.ts";
import { run } from "./run.ts";
import { processTerminal } from "./terminal.ts";

const sayError = (line: string): void => processTerminal.stderr(`error: ${line}\n`);

endProcessOnUncaught(processTerminal, sayError);
try {
  process.exit(await run(process.argv.slice(2), processTerminal));
} catch (error) {
  endProcess(error, processTerminal, sayError);
}
