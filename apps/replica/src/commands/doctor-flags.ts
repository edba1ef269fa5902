/**
 * What `doctor` takes.
 */
import {
  CommandLineError,
  optional,
  parseArguments,
  parseDuration,
  toggle,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration, FlagsOf } from "@stagbeetle/command-line";
import { type Endpoint, parseEndpoints, REPLICAS_MAX } from "@stagbeetle/vsr-protocol";

interface DoctorValues {
  readonly cluster: bigint | null;
  readonly timeout: bigint | null;
  readonly json: boolean;
}

const FLAGS: FlagsOf<DoctorValues> = {
  cluster: optional("integer", unsignedBig(128), "the cluster's id; 0 if not given"),
  timeout: optional("duration", parseDuration, "how long to wait for answers, such as 500ms; 3s if not given"),
  json: toggle("print one JSON document"),
};

/** The arguments of `doctor`. */
export const DOCTOR: ArgumentsDeclaration<DoctorValues> = { flags: FLAGS, positional: "addresses" };

/** What is to be examined. */
export interface DoctorCommand {
  /** Where the replicas are, in their order. */
  readonly endpoints: readonly Endpoint[];
  readonly cluster: bigint;
  readonly timeoutMs: number;
  readonly json: boolean;
}

const TIMEOUT_DEFAULT_NS = 3_000_000_000n;
const NS_PER_MS = 1_000_000n;

/** @throws CommandLineError */
export function parseDoctor(args: readonly string[]): DoctorCommand {
  const { values, positional } = parseArguments(DOCTOR, args);
  const parsed = parseEndpoints(positional, REPLICAS_MAX);
  if ("error" in parsed) throw new CommandLineError(`<addresses>: ${parsed.error.message}: '${positional}'`);
  return {
    endpoints: parsed.endpoints,
    cluster: values.cluster ?? 0n,
    timeoutMs: Number((values.timeout ?? TIMEOUT_DEFAULT_NS) / NS_PER_MS),
    json: values.json,
  };
}
