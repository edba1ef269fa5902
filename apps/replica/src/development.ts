/**
 * `pnpm start`: a ledger for development, with nothing to set up. Formats `data/0_0.stagbeetle` the first time and serves it
 * on port 3000. Arguments go to `stagbeetle start`, for example `--addresses=4000`.
 *
 * `pnpm start --replicas=3`: the same as a cluster of processes in one terminal, on ports 3000 to 3002.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

import { CommandLineError, EXIT_SUCCESS, runMain, startLog } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { formatAddress, PRODUCTION, REPLICAS_MAX } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

import { format } from "./commands/format.ts";
import { parseStart } from "./commands/start-command.ts";
import { start } from "./commands/start.ts";
import { Cluster, clusterHelp } from "./development/cluster.ts";
import { reportOf } from "./report.ts";

const PORT = 3000;

/** One replica in this process. */
async function developAlone(args: readonly string[], terminal: Terminal): Promise<void> {
  const path = resolve("data", "0_0.stagbeetle");
  const addresses = args.some((argument) => argument.startsWith("--addresses")) ? [] : [`--addresses=${PORT}`];
  const command = parseStart(["--development", ...addresses, ...args, path], PRODUCTION);
  startLog(terminal, command.logDebug ? "debug" : "info");
  await formatOnce(path, 0, 1);
  await start(command, terminal, (address) => terminal.stdout(welcome([address], [path])));
}

/** Several replicas, each in a process of its own. */
async function developCluster(replicaCount: number, args: readonly string[], terminal: Terminal): Promise<void> {
  const paths = Array.from({ length: replicaCount }, (_, replica) =>
    resolve("data", `cluster-of-${replicaCount}`, `0_${replica}.stagbeetle`),
  );
  const given = args.find((argument) => argument.startsWith("--addresses="));
  const list = given ?? `--addresses=${paths.map((_, replica) => PORT + replica).join(",")}`;
  const flags = args.filter((argument) => argument !== given);
  const { addresses, logDebug } = parseStart(["--development", list, ...flags, "0_0.stagbeetle"], PRODUCTION);
  if (addresses.length !== replicaCount) {
    throw new CommandLineError(`--addresses: ${addresses.length} for --replicas=${replicaCount}`);
  }
  startLog(terminal, logDebug ? "debug" : "info");
  for (const [replica, path] of paths.entries()) await formatOnce(path, replica, replicaCount);
  terminal.stdout(`${welcome(addresses, paths)}${clusterHelp()}\n`);
  await new Cluster({ addresses, paths, flags }, terminal).run();
}

async function formatOnce(path: string, replica: number, replicaCount: number): Promise<void> {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  await format({ path, cluster: 0n, replica, replicaCount, development: true, logDebug: false });
}

/** The addresses, and three lines on how to use them. */
function welcome(addresses: readonly Address[], paths: readonly string[]): string {
  const places = addresses.map((address) => formatAddress(address));
  const files = paths.map((path) => relative(".", path)).join(", ");
  const listens = places.length === 1 ? "listens" : `(${places.length} replicas) listens`;
  return `
Stagbeetle ${listens} on ${places.join(", ")}, cluster 0. Ctrl-C stops it.
  connect   npm install tigerbeetle-node@0.17.9, then createClient({ cluster_id: 0n, replica_addresses: ${JSON.stringify(places)} })
  try       npx pnpm@12 client-suite runs the official client's own tests against a server of its own
  data      ${files} ${paths.length === 1 ? "keeps" : "keep"} everything between starts; stop the server and remove ${paths.length === 1 ? "the file" : "them"} to begin anew

`;
}

async function develop(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first = "--replicas=1", ...others] = args.filter((argument) => argument.startsWith("--replicas"));
  const replicaCount = Number(first.slice("--replicas=".length));
  if (others.length > 0 || !Number.isInteger(replicaCount) || replicaCount < 1 || replicaCount > REPLICAS_MAX) {
    throw new CommandLineError(`'${[first, ...others].join(" ")}': once, and from --replicas=1 to ${REPLICAS_MAX}`);
  }
  const rest = args.filter((argument) => !argument.startsWith("--replicas"));
  await (replicaCount === 1 ? developAlone(rest, terminal) : developCluster(replicaCount, rest, terminal));
  return EXIT_SUCCESS;
}

await runMain(develop, reportOf);
