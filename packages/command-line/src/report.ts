/**
 * What an error means to whoever started the process: a line, and the status to exit with (spec 06 §1.4).
 */
import { EXIT_ABORTED } from "./exit-status.ts";
import { oneLine } from "./terminal.ts";

/** How an error is reported. */
export interface Report {
  /** One line that says what is wrong and what to do. */
  readonly line: string;
  readonly exitStatus: number;
  /** Where it happened, for mistakes of ours only. */
  readonly stack: string | null;
}

/** Tells conditions that an operator can do something about from bugs. Each program knows its own. */
export type ReportOf = (error: unknown) => Report;

/** The report of something that an operator can do something about. */
export function operatorReport(error: Error, exitStatus: number): Report {
  return { line: oneLine(error.message), exitStatus, stack: null };
}

/** The report of a bug, which nobody should go on after. */
export function bugReport(error: unknown): Report {
  if (error instanceof Error) {
    return { line: oneLine(`${error.name}: ${error.message}`), exitStatus: EXIT_ABORTED, stack: error.stack ?? null };
  }
  return { line: oneLine(`${String(error)} was thrown`), exitStatus: EXIT_ABORTED, stack: null };
}
