/**
 * The `stagbeetle` program: from arguments to an exit status.
 */
import { EXIT_SUCCESS, startLog } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";

import { parseCommandLine } from "./commands/command.ts";
import { benchmark } from "./commands/benchmark.ts";
import { doctor } from "./commands/doctor.ts";
import { format } from "./commands/format.ts";
import { inspect } from "./commands/inspect.ts";
import { recover } from "./commands/recover.ts";
import { start } from "./commands/start.ts";
import type { Inspected } from "./commands/inspect-flags.ts";
import { versionText } from "./commands/version.ts";

/** Runs one command line to its end. @throws whatever `reportOf` tells apart. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const command = parseCommandLine(args);
  switch (command.kind) {
    case "help":
      terminal.stdout(command.text);
      break;
    case "version":
      terminal.stdout(versionText(command.version));
      break;
    case "format":
      startLog(terminal, command.format.logDebug ? "debug" : "info");
      await format(command.format);
      break;
    case "recover":
      startLog(terminal, command.recover.logDebug ? "debug" : "info");
      await recover(command.recover);
      break;
    case "start":
      startLog(terminal, command.start.logDebug ? "debug" : "info");
      await start(command.start, terminal);
      break;
    case "benchmark":
      startLog(terminal, command.benchmark.logDebug ? "debug" : "info");
      await benchmark(command.benchmark, terminal);
      break;
    case "inspect":
      startLog(terminal, logsDebug(command.inspect.inspected) ? "debug" : "info");
      await inspect(command.inspect, terminal);
      break;
    case "doctor":
      return doctor(command.doctor, terminal);
  }
  return EXIT_SUCCESS;
}

function logsDebug(inspected: Inspected): boolean {
  return inspected.subject === "integrity" && inspected.logDebug;
}
