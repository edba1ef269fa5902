/**
 * What an error means to whoever started the program: a line, and the status to exit with (spec 06 §1.4).
 */
import { bugReport, CommandLineError, EXIT_FAILURE, operatorReport } from "@stagbeetle/command-line";
import type { Report } from "@stagbeetle/command-line";
import { DataFileError } from "@stagbeetle/io-linux";
import { FatalError } from "@stagbeetle/vsr-protocol";

import { AofError } from "./aof-error.ts";

/** Tells conditions that an operator can do something about from bugs, which nobody should go on after. */
export function reportOf(error: unknown): Report {
  if (error instanceof CommandLineError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof AofError) return operatorReport(error, EXIT_FAILURE);
  if (error instanceof DataFileError) return operatorReport(error, error.exitStatus);
  if (error instanceof FatalError) return operatorReport(error, error.reason);
  return bugReport(error);
}
