/**
 * `stagbeetle start`: runs a replica until it is told to stop (spec 06 §4.3).
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { devNull } from "node:os";

import { createLogger, endProcessOnUncaught, EXIT_FAILURE, EXIT_SUCCESS } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

import { RELEASE, RELEASE_CLIENT_MIN } from "../release.ts";
import { reportOf } from "../report.ts";
import { Server } from "../server/server.ts";
import { spareMemory } from "../server/spare-memory.ts";
import type { StartCommand } from "./start-command.ts";

const STDOUT = 1;

/**
 * Serves until SIGINT or SIGTERM. Resolves when everything is closed.
 *
 * @param onServing is told where, once it serves.
 */
export async function start(
  command: StartCommand,
  terminal: Terminal,
  onServing: (address: Address) => void = () => undefined,
): Promise<void> {
  if (command.development) spareMemory();
  const server = new Server(command, { config: PRODUCTION, release: RELEASE, releaseClientMin: RELEASE_CLIENT_MIN });
  const stopped = untilStopped(server);
  const address = await server.start();
  endProcessOnUncaught({ terminal, say: (line) => createLogger("vsr").log("error", line), reportOf });
  if (command.driven) obeyDriver(address.port);
  onServing(address);
  await stopped;
}

/** Stops the server at the first signal; the second one ends the process at once. */
async function untilStopped(server: Server): Promise<void> {
  const logger = createLogger("main");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) process.exit(EXIT_FAILURE);
    logger.log("info", `${signal}: stopping`);
    // Until it serves, nothing was acknowledged that could be lost.
    if (server.state === "opening") process.exit(EXIT_SUCCESS);
    server.stop().then(resolve, reject);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return promise;
}

/**
 * For programs that start a server of their own: the port as the only line on stdout, which is then closed; and the end of
 * stdin, or any byte there, ends the process at once.
 */
function obeyDriver(port: number): void {
  writeSync(STDOUT, `${port}\n`);
  // The descriptor must not become that of a socket or file, in case something writes to it as to stdout.
  closeSync(STDOUT);
  openSync(devNull, "w");
  const exit = (): never => process.exit(EXIT_SUCCESS);
  process.stdin.on("data", exit).on("end", exit).on("error", exit);
}
