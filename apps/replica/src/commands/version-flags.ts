/**
 * What `version` takes (spec 06 §4.4).
 */
import { parseArguments, toggle } from "@stagbeetle/command-line";
import type { ArgumentsDeclaration } from "@stagbeetle/command-line";

/** What is to be printed. */
export interface VersionCommand {
  readonly verbose: boolean;
}

/** The arguments of `version`. */
export const VERSION: ArgumentsDeclaration<VersionCommand> = {
  flags: { verbose: toggle("also print the configuration that the release fixes") },
  positional: null,
};

/** @throws CommandLineError */
export function parseVersion(args: readonly string[]): VersionCommand {
  return parseArguments(VERSION, args).values;
}
