/**
 * What an error means to whoever started the process: a line, and the status to exit with (spec 06 §1.4).
 */
import { DataFileError, ListenError } from "@stagbeetle/io-linux";
import { FatalError } from "@stagbeetle/vsr-protocol";

import { BenchmarkError } from "./benchmark/benchmark-error.ts";
import { CommandLineError } from "./command-line/command-line-error.ts";
import { EXIT_ABORTED, EXIT_FAILURE } from "./exit-status.ts";
import { InspectError } from "./inspect/inspect-error.ts";
import { oneLine } from "./terminal.ts";
import { InterruptedError } from "./until-done.ts";

/** How an error is reported. */
export interface Report {
  /** One line that says what is wrong and what to do. */
  readonly line: string;
  readonly exitStatus: number;
  /** Where it happened, for mistakes of ours only. */
  readonly stack: string | null;
}

/** Tells conditions that an operator can do something about from bugs, which nobody should go on after. */
export function reportOf(error: unknown): Report {
  if (error instanceof CommandLineError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof BenchmarkError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof FatalError) return operatorReport(error, error.reason);
  if (error instanceof DataFileError) return operatorReport(error, error.exitStatus);
  if (error instanceof InspectError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof InterruptedError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof ListenError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof Error) {
    return { line: oneLine(`${error.name}: ${error.message}`), exitStatus: EXIT_ABORTED, stack: error.stack ?? null };
  }
  return { line: oneLine(`${String(error)} was thrown`), exitStatus: EXIT_ABORTED, stack: null };
}

function operatorReport(error: Error, exitStatus: number): Report {
  return { line: oneLine(error.message), exitStatus, stack: null };
}
