/**
 * A program as a process, from its arguments to its exit status (spec 06 §1.4).
 */
import { endProcess, endProcessOnUncaught } from "./crash.ts";
import type { ReportOf } from "./report.ts";
import { processTerminal } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs one command line to its end.
 *
 * @param args what stands behind the program's name.
 * @returns the status to exit with: `EXIT_SUCCESS` unless the program has others.
 * @throws whatever the program's `ReportOf` tells apart.
 */
export type Run = (args: readonly string[], terminal: Terminal) => Promise<number>;

/**
 * Hands the process to a program: all that its `main.ts` does. The process ends with the status that `run` returns. Whatever
 * `run` throws, or is thrown meanwhile and caught by nobody, ends it with a line after `error:` and the status of its report.
 */
export async function runMain(run: Run, reportOf: ReportOf): Promise<never> {
  const say = (line: string): void => processTerminal.stderr(`error: ${line}\n`);
  const ending = { terminal: processTerminal, say, reportOf };
  endProcessOnUncaught(ending);
  try {
    process.exit(await run(process.argv.slice(2), processTerminal));
  } catch (error) {
    endProcess(error, ending);
  }
}
