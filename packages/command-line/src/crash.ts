/**
 * The end of a process that cannot go on (spec 06 §1.4).
 */
import { EXIT_ABORTED } from "./exit-status.ts";
import type { ReportOf } from "./report.ts";
import type { Terminal } from "./terminal.ts";

/** How a program ends. */
export interface Ending {
  readonly terminal: Terminal;
  /** Prints the line: after `error:` until the process serves, as a line of the log from then on. */
  readonly say: (line: string) => void;
  readonly reportOf: ReportOf;
}

/**
 * Says in one line what is wrong and ends the process: with the status that belongs to the condition, or for a bug with
 * its stack and SIGABRT, which a shell shows as 134.
 *
 * Nothing is unwound or saved: what is durable is durable, the rest is repaired at the next start.
 */
export function endProcess(error: unknown, { terminal, say, reportOf }: Ending): never {
  const { line, exitStatus, stack } = reportOf(error);
  say(line);
  if (stack === null) process.exit(exitStatus);
  terminal.stderr(`${stack}\n`);
  process.kill(process.pid, "SIGABRT");
  // Where the signal is blocked.
  process.exit(EXIT_ABORTED);
}

/** Ends the process with `say` for whatever is thrown from now on and caught by nobody. */
export function endProcessOnUncaught(ending: Ending): void {
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => endProcess(error, ending));
}
