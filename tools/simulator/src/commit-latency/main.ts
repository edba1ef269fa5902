/**
 * `pnpm commit-latency`: prints the table of docs/cluster.md: what a request takes between three regions, and what it must
 * take.
 *
 * Exit status: 0 with the table, 2 if the command line is wrong.
 */
import { parseArgs } from "node:util";

import { commitLatencyTable } from "./table.ts";

const HELP = `usage: pnpm commit-latency

Runs clusters of six simulated replicas in three regions and prints what a request takes and what it must take, as the
table in docs/cluster.md. It takes no arguments.`;

/** @throws TypeError if the command line is wrong. */
function parseCommand(): "table" | "help" {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
  return values.help === true ? "help" : "table";
}

function parsedCommand(): "table" | "help" | null {
  try {
    return parseCommand();
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 2;
    return null;
  }
}

const command = parsedCommand();
if (command === "help") console.log(HELP);
else if (command === "table") console.log(commitLatencyTable().join("\n"));
