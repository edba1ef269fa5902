/**
 * The `aof` program: one command line from its beginning to its end.
 */
import { EXIT_SUCCESS, startLog } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";

import { parseCommandLine } from "./commands/command.ts";
import { debug } from "./commands/debug.ts";
import { merge } from "./commands/merge.ts";
import { recover } from "./commands/recover.ts";

/** Runs one command line to its end. @throws whatever `reportOf` tells apart; without that, all went well. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const command = parseCommandLine(args);
  if (command.kind === "help") {
    terminal.stdout(command.text);
    return EXIT_SUCCESS;
  }
  startLog(terminal, "info");
  switch (command.kind) {
    case "debug":
      await debug(command.debug, terminal);
      break;
    case "merge":
      await merge(command.merge, terminal);
      break;
    case "recover":
      await recover(command.recover, terminal);
      break;
  }
  return EXIT_SUCCESS;
}
