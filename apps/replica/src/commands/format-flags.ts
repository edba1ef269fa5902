/**
 * What `format` takes, and whether it fits together (spec 06 §4.1).
 */
import {
  CommandLineError,
  optional,
  parseArguments,
  required,
  toggle,
  unsigned,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration, FlagsOf } from "@stagbeetle/command-line";
import { REPLICAS_MAX, STANDBYS_MAX } from "@stagbeetle/vsr-protocol";

/** What `format` was given, before it is checked. */
interface FormatValues {
  readonly cluster: bigint | null;
  readonly replica: number | null;
  readonly standby: number | null;
  readonly "replica-count": number;
  readonly development: boolean;
  readonly "log-debug": boolean;
}

const FLAGS: FlagsOf<FormatValues> = {
  cluster: optional("integer", unsignedBig(128), "the cluster's id; random if not given; 0 is for tests"),
  replica: optional("index", unsigned(8), "which replica of the cluster this file is for, from 0"),
  standby: optional("index", unsigned(8), "in place of --replica: a standby, from --replica-count (experimental)"),
  "replica-count": required("integer", unsigned(8), "how many replicas vote: 1 to 6; fixed for ever"),
  development: toggle("do without direct I/O and reserved space where the file system has none"),
  "log-debug": toggle("also log debug lines"),
};

/** The arguments of `format`. */
export const FORMAT: ArgumentsDeclaration<FormatValues> = { flags: FLAGS, positional: "path" };

/** What is to be formatted. */
export interface FormatCommand {
  readonly path: string;
  /** Null: a random id is to be chosen. */
  readonly cluster: bigint | null;
  /** The index among replicas and standbys. */
  readonly replica: number;
  readonly replicaCount: number;
  readonly development: boolean;
  readonly logDebug: boolean;
}

/** @throws CommandLineError */
export function parseFormat(args: readonly string[]): FormatCommand {
  const { values, positional } = parseArguments(FORMAT, args);
  const replicaCount = values["replica-count"];
  checkReplicaCount(replicaCount);
  return {
    path: positional,
    cluster: values.cluster,
    replica: memberIndex(values.replica, values.standby, replicaCount),
    replicaCount,
    development: values.development,
    logDebug: values["log-debug"],
  };
}

function checkReplicaCount(replicaCount: number): void {
  if (replicaCount === 0) throw new CommandLineError("--replica-count: value needs to be greater than zero");
  if (replicaCount > REPLICAS_MAX) {
    throw new CommandLineError(
      `--replica-count: value is too large (${replicaCount}), at most ${REPLICAS_MAX} is allowed`,
    );
  }
}

function memberIndex(replica: number | null, standby: number | null, replicaCount: number): number {
  if (standby === null) {
    if (replica === null) throw new CommandLineError("--replica: argument is required");
    if (replica < replicaCount) return replica;
    throw new CommandLineError(`--replica: value is too large (${replica}), at most ${replicaCount - 1} is allowed`);
  }
  if (replica !== null) throw new CommandLineError("--standby: conflicts with '--replica'");
  const standbyMax = replicaCount + STANDBYS_MAX - 1;
  if (standby < replicaCount) {
    throw new CommandLineError(`--standby: value is too small (${standby}), at least ${replicaCount} is required`);
  }
  if (standby > standbyMax) {
    throw new CommandLineError(`--standby: value is too large (${standby}), at most ${standbyMax} is allowed`);
  }
  return standby;
}
