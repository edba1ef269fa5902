/**
 * The program, many times in one process: a JSON list of lists of arguments on stdin, and on stdout a list of how each
 * ended and what it printed. For tools that compare much of what `inspect` prints.
 */
import { text } from "node:stream/consumers";

import { reportOf } from "../report.ts";
import { run } from "../run.ts";

/** How a run ended. */
interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runOnce(args: readonly string[]): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  const terminal = {
    stdout: (printed: string): void => void (stdout += printed),
    stderr: (printed: string): void => void (stderr += printed),
  };
  try {
    const status = await run(args, terminal);
    return { status, stdout, stderr };
  } catch (error) {
    const { line, exitStatus, stack } = reportOf(error);
    return { status: exitStatus, stdout, stderr: `${stderr}error: ${line}\n${stack ?? ""}` };
  }
}

const finished: Finished[] = [];
for (const args of JSON.parse(await text(process.stdin)) as readonly (readonly string[])[]) {
  finished.push(await runOnce(args));
}
process.stdout.write(JSON.stringify(finished));
