/**
 * What a command line asks for (spec 06 §2.13).
 */
import {
  CommandLineError,
  optional,
  parseArguments,
  parseText,
  subcommandRequired,
  toggle,
  unknownSubcommand,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration } from "@stagbeetle/command-line";
import { parseAddresses, REPLICAS_MAX } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

import { helpText } from "./help.ts";

/** What `debug` is asked to do. */
export interface DebugCommand {
  readonly path: string;
  readonly json: boolean;
}

/** What `merge` is asked to do. */
export interface MergeCommand {
  /** At least one. */
  readonly paths: readonly string[];
  readonly output: string;
  readonly json: boolean;
}

/** What `recover` is asked to do. */
export interface RecoverCommand {
  readonly path: string;
  readonly addresses: readonly Address[];
  /** Which cluster the file must be of; null for whichever it is of. */
  readonly cluster: bigint | null;
  readonly resume: boolean;
  readonly progressPath: string;
  readonly json: boolean;
}

/** What a command line asks for. */
export type Command =
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "debug"; readonly debug: DebugCommand }
  | { readonly kind: "merge"; readonly merge: MergeCommand }
  | { readonly kind: "recover"; readonly recover: RecoverCommand };

/** More than any cluster has, with all its rotated files. */
const PATHS_MAX = 10_000;

/** The file that a merge writes, in the current directory, as the reference calls it. */
const OUTPUT_DEFAULT = "prepared.aof";

interface RecoverValues {
  readonly cluster: bigint | null;
  readonly addresses: string | null;
  readonly resume: boolean;
  readonly "progress-file": string | null;
  readonly json: boolean;
}

const DEBUG: ArgumentsDeclaration<{ readonly json: boolean }> = {
  flags: { json: toggle("print JSON") },
  positional: "path",
};

const MERGE: ArgumentsDeclaration<{ readonly output: string | null; readonly json: boolean }> = {
  flags: {
    output: optional("path", parseText, `the file to write, which must not exist; ${OUTPUT_DEFAULT} unless given`),
    json: toggle("print JSON"),
  },
  positional: "path",
  positionalsMax: PATHS_MAX,
};

const RECOVER: ArgumentsDeclaration<RecoverValues> = {
  flags: {
    cluster: optional("integer", unsignedBig(128), "the cluster that the file must be of"),
    addresses: optional("list", parseText, "of all replicas in order, separated by commas"),
    resume: toggle("go on where an earlier recovery of the same cluster was interrupted"),
    "progress-file": optional("path", parseText, "where progress is kept; <path>.recovery unless given"),
    json: toggle("print JSON"),
  },
  positional: "path",
  positionalsMax: 2,
};

const COMMANDS = ["recover", "debug", "merge"] as const;

/** Reads a command line. Nothing is opened or created. @throws CommandLineError */
export function parseCommandLine(args: readonly string[]): Command {
  const [name, ...rest] = args;
  switch (name) {
    case undefined:
      throw new CommandLineError(subcommandRequired("aof", COMMANDS));
    case "-h":
    case "--help":
      return { kind: "help", text: helpText({ debug: DEBUG, merge: MERGE, recover: RECOVER }) };
    case "debug": {
      const { values, positional } = parseArguments(DEBUG, rest);
      return { kind: "debug", debug: { path: positional, json: values.json } };
    }
    case "merge": {
      const { values, positionals } = parseArguments(MERGE, rest);
      return {
        kind: "merge",
        merge: { paths: positionals, output: values.output ?? OUTPUT_DEFAULT, json: values.json },
      };
    }
    case "recover":
      return { kind: "recover", recover: parseRecover(rest) };
    default:
      throw new CommandLineError(unknownSubcommand(name, COMMANDS));
  }
}

/** The addresses are a flag, as the reference has them, or stand before the path. */
function parseRecover(args: readonly string[]): RecoverCommand {
  const { values, positionals } = parseArguments(RECOVER, args);
  const [first = "", second] = positionals;
  if (second !== undefined && values.addresses !== null) {
    throw new CommandLineError(`unexpected argument: '${second}'; the addresses are given by --addresses`);
  }
  const text = second === undefined ? values.addresses : first;
  if (text === null) throw new CommandLineError("--addresses: argument is required");
  const path = second ?? first;
  const parsed = parseAddresses(text, REPLICAS_MAX);
  if ("error" in parsed) throw new CommandLineError(`--addresses: ${parsed.error.message}: '${text}'`);
  const { cluster, resume, json } = values;
  const progressPath = values["progress-file"] ?? `${path}.recovery`;
  return { path, addresses: parsed.addresses, cluster, resume, progressPath, json };
}
