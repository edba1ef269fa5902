/**
 * `pnpm start`: a ledger for development, with nothing to set up. Formats `data/0_0.stagbeetle` the first time and serves it
 * on port 3000. Arguments go to `stagbeetle start`, for example `--addresses=4000`.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

import { endProcess, endProcessOnUncaught, EXIT_SUCCESS, processTerminal, startLog } from "@stagbeetle/command-line";
import { formatAddress, PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

import { format } from "./commands/format.ts";
import { parseStart } from "./commands/start-command.ts";
import { start } from "./commands/start.ts";
import { reportOf } from "./report.ts";

const PATH = resolve("data", "0_0.stagbeetle");

/** Development mode, as `stagbeetle start` has it; the first use makes the file. */
async function develop(args: readonly string[]): Promise<void> {
  const addresses = args.some((argument) => argument.startsWith("--addresses")) ? [] : ["--addresses=3000"];
  const command = parseStart(["--development", ...addresses, ...args, PATH], PRODUCTION);
  startLog(processTerminal, command.logDebug ? "debug" : "info");
  if (!existsSync(PATH)) {
    mkdirSync(dirname(PATH), { recursive: true });
    await format({
      path: PATH,
      cluster: 0n,
      replica: 0,
      replicaCount: 1,
      development: true,
      logDebug: command.logDebug,
    });
  }
  await start(command, processTerminal, (address) => processTerminal.stdout(welcome(address)));
}

/** The address alone, and three lines on how to use it. */
function welcome(address: Address): string {
  const place = formatAddress(address);
  return `
Stagbeetle listens on ${place}, cluster 0. Ctrl-C stops it.
  connect   npm install tigerbeetle-node@0.17.9, then createClient({ cluster_id: 0n, replica_addresses: ["${place}"] })
  try       npx pnpm@12 client-suite runs the official client's own tests against a server of its own
  data      ${relative(".", PATH)} keeps everything between starts; stop the server and remove the file to begin anew

`;
}

const say = (line: string): void => processTerminal.stderr(`error: ${line}\n`);
const ending = { terminal: processTerminal, say, reportOf };
endProcessOnUncaught(ending);
try {
  await develop(process.argv.slice(2));
  process.exit(EXIT_SUCCESS);
} catch (error) {
  endProcess(error, ending);
}
