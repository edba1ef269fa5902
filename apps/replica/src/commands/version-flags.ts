/**
 * What `version` takes (spec 06 §4.4).
 */
import { toggle } from "../command-line/flags.ts";
import { parseArguments } from "../command-line/parse-arguments.ts";
import type { ArgumentsDeclaration } from "../command-line/parse-arguments.ts";

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
