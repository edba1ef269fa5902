/**
 * The `aof` program: one command line from its beginning to its end.
 */
import { startLog } from "@stagbeetle/command-line";
import type { Terminal } from "@stagbeetle/command-line";

import { parseCommandLine } from "./commands/command.ts";
import { debug } from "./commands/debug.ts";
import { merge } from "./commands/merge.ts";
import { recover } from "./commands/recover.ts";

/** @throws whatever `reportOf` tells apart; without that, all went well. */
export async function run(args: readonly string[], terminal: Terminal): Promise<void> {
  const command = parseCommandLine(args);
  if (command.kind === "help") {
    terminal.stdout(command.text);
    return;
  }
  startLog(terminal, "info");
  switch (command.kind) {
    case "debug":
      await debug(command.debug, terminal);
      return;
    case "merge":
      await merge(command.merge, terminal);
      return;
    case "recover":
      await recover(command.recover, terminal);
  }
}
