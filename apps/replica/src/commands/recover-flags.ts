/**
 * What `recover` takes, and whether it fits together (spec 06 §4.2).
 */
import {
  CommandLineError,
  parseArguments,
  parseText,
  required,
  toggle,
  unsigned,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration, FlagsOf } from "@stagbeetle/command-line";
import { MEMBERS_MAX, parseAddresses, REPLICAS_MAX } from "@stagbeetle/vsr-protocol";
import type { Address } from "@stagbeetle/vsr-protocol";

/** A cluster that can lose a replica and go on. */
const REPLICAS_MIN = 3;

/** What `recover` was given, before it is checked. */
interface RecoverValues {
  readonly cluster: bigint;
  readonly addresses: string;
  readonly replica: number;
  readonly "replica-count": number;
  readonly development: boolean;
  readonly "log-debug": boolean;
}

const FLAGS: FlagsOf<RecoverValues> = {
  cluster: required("integer", unsignedBig(128), "the cluster's id"),
  addresses: required("list", parseText, "of all replicas in order, separated by commas; anything for the lost one"),
  replica: required("index", unsigned(8), "which replica is lost, from 0"),
  "replica-count": required("integer", unsigned(8), "how many replicas vote: 3 to 6"),
  development: toggle("do without direct I/O and reserved space where the file system has none"),
  "log-debug": toggle("also log debug lines"),
};

/** The arguments of `recover`. */
export const RECOVER: ArgumentsDeclaration<RecoverValues> = { flags: FLAGS, positional: "path" };

/** Which replica of which cluster gets a new data file. */
export interface RecoverCommand {
  readonly path: string;
  readonly cluster: bigint;
  readonly addresses: readonly Address[];
  readonly replica: number;
  readonly replicaCount: number;
  readonly development: boolean;
  readonly logDebug: boolean;
}

/** @throws CommandLineError */
export function parseRecover(args: readonly string[]): RecoverCommand {
  const { values, positional } = parseArguments(RECOVER, args);
  const { cluster, replica, "replica-count": replicaCount, development, "log-debug": logDebug } = values;
  checkReplica(replica, replicaCount);
  const parsed = parseAddresses(values.addresses, MEMBERS_MAX);
  if ("error" in parsed) throw new CommandLineError(`--addresses: ${parsed.error.message}: '${values.addresses}'`);
  const { addresses } = parsed;
  if (addresses.length < replicaCount) {
    throw new CommandLineError(
      `--addresses: ${addresses.length} for ${replicaCount} replicas; the lost one needs one, too`,
    );
  }
  return { path: positional, cluster, addresses, replica, replicaCount, development, logDebug };
}

function checkReplica(replica: number, replicaCount: number): void {
  if (replicaCount === 0) throw new CommandLineError("--replica-count: value needs to be greater than zero");
  if (replicaCount > REPLICAS_MAX) {
    throw new CommandLineError(
      `--replica-count: value is too large (${replicaCount}), at most ${REPLICAS_MAX} is allowed`,
    );
  }
  if (replica >= replicaCount) {
    throw new CommandLineError(`--replica: value is too large (${replica}), at most ${replicaCount - 1} is allowed`);
  }
  if (replicaCount < REPLICAS_MIN) {
    throw new CommandLineError("--replica-count: 1- or 2- replica clusters don't support 'recover'");
  }
}
