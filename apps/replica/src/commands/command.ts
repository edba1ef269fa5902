/**
 * What a command line asks for.
 */
import { CommandLineError, subcommandRequired, unknownSubcommand } from "@stagbeetle/command-line";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { parseBenchmark } from "./benchmark-flags.ts";
import type { BenchmarkCommand } from "./benchmark-flags.ts";
import { parseDoctor } from "./doctor-flags.ts";
import type { DoctorCommand } from "./doctor-flags.ts";
import { parseFormat } from "./format-flags.ts";
import type { FormatCommand } from "./format-flags.ts";
import { helpText, inspectHelpText } from "./help.ts";
import { parseInspect } from "./inspect-flags.ts";
import type { InspectCommand } from "./inspect-flags.ts";
import { parseRecover } from "./recover-flags.ts";
import type { RecoverCommand } from "./recover-flags.ts";
import { parseStart } from "./start-command.ts";
import type { StartCommand } from "./start-command.ts";
import { parseVersion } from "./version-flags.ts";
import type { VersionCommand } from "./version-flags.ts";

/** What a command line asks for. */
export type Command =
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "format"; readonly format: FormatCommand }
  | { readonly kind: "recover"; readonly recover: RecoverCommand }
  | { readonly kind: "start"; readonly start: StartCommand }
  | { readonly kind: "inspect"; readonly inspect: InspectCommand }
  | { readonly kind: "benchmark"; readonly benchmark: BenchmarkCommand }
  | { readonly kind: "doctor"; readonly doctor: DoctorCommand }
  | { readonly kind: "version"; readonly version: VersionCommand };

/** The commands of this build. */
const COMMANDS = ["format", "recover", "start", "version", "benchmark", "inspect", "doctor"] as const;

/** Commands of the reference that this build does not have. */
const MISSING: readonly string[] = ["repl", "multiversion", "amqp"];

/** Reads a command line. Nothing is opened or created. @throws CommandLineError */
export function parseCommandLine(args: readonly string[]): Command {
  const [name, ...rest] = args;
  switch (name) {
    case undefined:
      throw new CommandLineError(subcommandRequired("stagbeetle", COMMANDS));
    case "-h":
    case "--help":
      return { kind: "help", text: helpText() };
    case "format":
      return { kind: "format", format: parseFormat(rest) };
    case "recover":
      return { kind: "recover", recover: parseRecover(rest) };
    case "start":
      return { kind: "start", start: parseStart(rest, PRODUCTION) };
    case "benchmark":
      return { kind: "benchmark", benchmark: parseBenchmark(rest, PRODUCTION) };
    case "inspect":
      if (rest[0] === "-h" || rest[0] === "--help") return { kind: "help", text: inspectHelpText() };
      return { kind: "inspect", inspect: parseInspect(rest, PRODUCTION) };
    case "doctor":
      return { kind: "doctor", doctor: parseDoctor(rest) };
    case "version":
      return { kind: "version", version: parseVersion(rest) };
    default:
      if (MISSING.includes(name)) throw new CommandLineError(`this build of stagbeetle does not have '${name}' yet`);
      throw new CommandLineError(unknownSubcommand(name, COMMANDS));
  }
}
