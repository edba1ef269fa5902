#!/usr/bin/env node
/**
 * The `stagbeetle` binary: hands the process to the command line, and does nothing else.
 */
import { run } from "@stricli/core";

import { commandLine } from "./command-line.ts";

await run(commandLine, process.argv.slice(2), {
  process: {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    set exitCode(code: number | string | null) {
      process.exitCode = code;
    },
  },
});
