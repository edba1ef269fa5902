#!/usr/bin/env node
/**
 * The `stagbeetle` binary: hands the process to the program, and does nothing else.
 */
import { runMain } from "@stagbeetle/command-line";

import { reportOf } from "./report.ts";
import { run } from "./run.ts";

await runMain(run, reportOf);
