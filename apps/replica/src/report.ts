/**
 * What an error means to whoever started the process: a line, and the status to exit with (spec 06 §1.4).
 */
import { CommandLineError, EXIT_FAILURE, bugReport, operatorReport } from "@stagbeetle/command-line";
import type { Report } from "@stagbeetle/command-line";
import { DataFileError, ListenError } from "@stagbeetle/io-linux";
import { EvictedError } from "@stagbeetle/tcp-client";
import { FatalError } from "@stagbeetle/vsr-protocol";

import { BenchmarkError } from "./benchmark/benchmark-error.ts";
import { InspectError } from "./inspect/inspect-error.ts";
import { InterruptedError } from "./until-done.ts";

/** Tells conditions that an operator can do something about from bugs, which nobody should go on after. */
export function reportOf(error: unknown): Report {
  if (error instanceof CommandLineError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof BenchmarkError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof EvictedError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof FatalError) return operatorReport(error, error.reason);
  if (error instanceof DataFileError) return operatorReport(error, error.exitStatus);
  if (error instanceof InspectError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof InterruptedError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof ListenError) return operatorReport(error, EXIT_FAILURE);
  return bugReport(error);
}
