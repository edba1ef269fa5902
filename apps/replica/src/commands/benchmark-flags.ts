/**
 * What `benchmark` takes, and whether it fits together (spec 06 §4.6).
 */
import {
  CommandLineError,
  formatDuration,
  oneOf,
  optional,
  parseArguments,
  parseDuration,
  parseSeed,
  parseText,
  toggle,
  unsigned,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration, Flag, FlagsOf, ValueParser } from "@stagbeetle/command-line";
import { parseAddresses, REPLICAS_MAX } from "@stagbeetle/vsr-protocol";
import type { Address, Config } from "@stagbeetle/vsr-protocol";

import { parseStart } from "./start-command.ts";

/** How accounts are chosen: all alike, a few often, or the last ones often. */
export type DistributionName = "uniform" | "zipfian" | "latest";

/** In what order ids come. `tbid`: by the time of their making, as clients make them. */
export type IdOrder = "sequential" | "random" | "reversed" | "tbid";

/** What `benchmark` was given, before it is checked. Null: not given. */
interface BenchmarkValues {
  readonly "cache-accounts": string | null;
  readonly "cache-transfers": string | null;
  readonly "cache-transfers-pending": string | null;
  readonly "cache-grid": string | null;
  readonly statsd: string | null;
  readonly trace: string | null;
  readonly "account-count": bigint;
  readonly "account-count-hot": number;
  readonly "account-distribution": DistributionName;
  readonly "no-history": boolean;
  readonly imported: boolean;
  readonly "account-batch-count": number;
  readonly "transfer-count": bigint;
  readonly "transfer-hot-percent": number;
  readonly "transfer-pending": boolean;
  readonly "transfer-batch-count": number;
  readonly "transfer-batch-delay": bigint;
  readonly validate: boolean;
  readonly "checksum-performance": boolean;
  readonly "query-count": number;
  readonly "print-batch-timings": boolean;
  readonly "id-order": IdOrder;
  readonly clients: number;
  readonly file: string | null;
  readonly addresses: string | null;
  readonly seed: bigint;
  readonly "log-debug": boolean;
  readonly "log-debug-replica": boolean;
  readonly json: boolean;
}

type BenchmarkFlag = keyof BenchmarkValues;

/** What fits into a request with one batch of 128-byte events and its trailer. */
const BATCH_COUNT_DEFAULT = 8189;
const BATCH_COUNT_MAX = 8190;
/** A day: what a timer can wait ends at 24 of them. */
const BATCH_DELAY_MAX_NS = 24n * 3_600n * 1_000_000_000n;
const ACCOUNT_COUNT_MIN = 2n;
const CLIENTS_MAX = 64;
const PERCENT_MAX = 100;
const SEED_DEFAULT = 42n;

function orElse<T>(placeholder: string, parse: ValueParser<T>, value: T, brief: string): Flag<T> {
  return { placeholder, parse, brief: `${brief}; ${String(value)} if not given`, absent: { value } };
}

const FLAGS: FlagsOf<BenchmarkValues> = {
  "cache-accounts": optional("size", parseText, "for the server that is started"),
  "cache-transfers": optional("size", parseText, "the same"),
  "cache-transfers-pending": optional("size", parseText, "the same"),
  "cache-grid": optional("size", parseText, "the same"),
  statsd: optional("address", parseText, "the same"),
  trace: optional("path", parseText, "the same (not in this build)"),
  "account-count": orElse("integer", unsignedBig(64), 10_000n, "how many accounts to create"),
  "account-count-hot": orElse("integer", unsigned(32), 0, "how many of them are debited often"),
  "account-distribution": orElse(
    "name",
    oneOf("zipfian", "latest", "uniform"),
    "uniform",
    "how accounts are chosen: zipfian, latest or uniform",
  ),
  "no-history": toggle("create accounts that keep no balances of the past"),
  imported: toggle("import the events, with timestamps of their own"),
  "account-batch-count": orElse("integer", unsigned(32), BATCH_COUNT_DEFAULT, "accounts in a request"),
  "transfer-count": orElse("integer", unsignedBig(64), 10_000_000n, "how many transfers to create"),
  "transfer-hot-percent": orElse(
    "integer",
    unsigned(32),
    PERCENT_MAX,
    "how many debit a hot account, if there are any",
  ),
  "transfer-pending": toggle("make 30 % of the transfers pending, with timeouts of 1 to 5 s"),
  "transfer-batch-count": orElse("integer", unsigned(32), BATCH_COUNT_DEFAULT, "transfers in a request"),
  "transfer-batch-delay": {
    placeholder: "duration",
    parse: parseDuration,
    brief: "how long a client waits between requests, for example 10ms",
    absent: { value: 0n },
  },
  validate: toggle("look up everything afterwards and compare"),
  "checksum-performance": toggle("measure a checksum, too"),
  "query-count": orElse("integer", unsigned(32), 100, "how many times to ask for an account's transfers"),
  "print-batch-timings": toggle("log every request of transfers"),
  "id-order": orElse(
    "name",
    oneOf("tbid", "sequential", "random", "reversed"),
    "sequential",
    "how ids are made: tbid, sequential, random or reversed",
  ),
  clients: orElse("integer", unsigned(32), 1, "how many clients ask at once: 1 to 64"),
  file: optional("path", parseText, "the data file, to create and to keep"),
  addresses: optional("list", parseText, "of a cluster with the id 0 that runs already"),
  seed: {
    placeholder: "integer",
    parse: parseSeed,
    brief: "what the workload is drawn from: a u64, or a commit's id; 42 if not given",
    absent: { value: SEED_DEFAULT },
  },
  "log-debug": toggle("also log debug lines"),
  "log-debug-replica": toggle("let the server log debug lines"),
  json: toggle("print the report as JSON"),
};

/** The arguments of `benchmark`. */
export const BENCHMARK: ArgumentsDeclaration<BenchmarkValues> = { flags: FLAGS, positional: null };

/** The flags that are handed to the server that is started. */
const FORWARDED = [
  "cache-accounts",
  "cache-transfers",
  "cache-transfers-pending",
  "cache-grid",
  "statsd",
  "trace",
] as const;

/** Flags that ask for something this build does not have. */
const UNSUPPORTED = ["trace"] as const;

/** What the transfers are like. The same options and the same seed give the same events for ever. */
export interface WorkloadOptions {
  readonly accountCount: number;
  readonly accountCountHot: number;
  readonly accountDistribution: DistributionName;
  /** Whether the accounts keep balances of the past. */
  readonly history: boolean;
  readonly imported: boolean;
  readonly transferCount: number;
  /** How many of 100 transfers debit a hot account. */
  readonly transferHotPercent: number;
  readonly transferPending: boolean;
  readonly idOrder: IdOrder;
  /** A u64. */
  readonly seed: bigint;
}

/** Where the transfers go: to a server of our own, or to one that runs. */
export type BenchmarkTarget =
  | { readonly kind: "addresses"; readonly addresses: readonly Address[] }
  | {
      readonly kind: "own";
      /** Null: a file that is removed afterwards. */
      readonly file: string | null;
      /** For `start`, as they were given. */
      readonly flags: readonly string[];
    };

/** What is to be measured. */
export interface BenchmarkCommand {
  readonly target: BenchmarkTarget;
  readonly workload: WorkloadOptions;
  /** The most events of a request. */
  readonly accountBatchCount: number;
  readonly transferBatchCount: number;
  readonly transferBatchDelayNs: bigint;
  readonly queryCount: number;
  readonly clientCount: number;
  readonly validate: boolean;
  readonly checksumPerformance: boolean;
  readonly printBatchTimings: boolean;
  readonly logDebug: boolean;
  readonly json: boolean;
}

/** @throws CommandLineError for the first thing that is wrong. */
export function parseBenchmark(args: readonly string[], config: Config): BenchmarkCommand {
  const { values } = parseArguments(BENCHMARK, args);
  checkTarget(values);
  checkWorkload(values);
  return {
    target: targetOf(values, config),
    workload: {
      accountCount: safeCount("account-count", values),
      accountCountHot: values["account-count-hot"],
      accountDistribution: values["account-distribution"],
      history: !values["no-history"],
      imported: values.imported,
      transferCount: safeCount("transfer-count", values),
      transferHotPercent: values["transfer-hot-percent"],
      transferPending: values["transfer-pending"],
      idOrder: values["id-order"],
      seed: values.seed,
    },
    accountBatchCount: batchCount("account-batch-count", values),
    transferBatchCount: batchCount("transfer-batch-count", values),
    transferBatchDelayNs: batchDelayNs(values),
    queryCount: values["query-count"],
    clientCount: values.clients,
    validate: values.validate,
    checksumPerformance: values["checksum-performance"],
    printBatchTimings: values["print-batch-timings"],
    logDebug: values["log-debug"],
    json: values.json,
  };
}

function checkTarget(values: BenchmarkValues): void {
  if (values.addresses !== null) {
    const alien = [...FORWARDED, "file", "log-debug-replica"] as const;
    for (const flag of alien) {
      if (values[flag] === null || values[flag] === false) continue;
      throw new CommandLineError(`--${flag}: incompatible with --addresses`);
    }
  }
  for (const flag of UNSUPPORTED) {
    if (values[flag] === null) continue;
    throw new CommandLineError(`--${flag}: this build of stagbeetle does not have it yet; measure without it`);
  }
}

function checkWorkload(values: BenchmarkValues): void {
  const accountCount = values["account-count"];
  if (accountCount < ACCOUNT_COUNT_MIN) {
    throw new CommandLineError(`--account-count: ${accountCount} is not enough, a transfer needs two accounts`);
  }
  if (BigInt(values["account-count-hot"]) > accountCount) {
    throw new CommandLineError(`--account-count-hot: ${values["account-count-hot"]} exceeds --account-count`);
  }
  if (values["transfer-hot-percent"] > PERCENT_MAX) {
    throw new CommandLineError(`--transfer-hot-percent: ${values["transfer-hot-percent"]} exceeds ${PERCENT_MAX}`);
  }
  if (values.clients === 0 || values.clients > CLIENTS_MAX) {
    throw new CommandLineError(`--clients: ${values.clients} is not between 1 and ${CLIENTS_MAX}`);
  }
  if (values.validate && values["id-order"] === "tbid") {
    throw new CommandLineError("--validate: conflicts with '--id-order=tbid', whose ids cannot be made twice");
  }
  if (values.imported && values["transfer-pending"]) {
    throw new CommandLineError("--transfer-pending: conflicts with '--imported', which has no timeouts");
  }
}

function batchCount(flag: "account-batch-count" | "transfer-batch-count", values: BenchmarkValues): number {
  const count = values[flag];
  if (count >= 1 && count <= BATCH_COUNT_MAX) return count;
  throw new CommandLineError(`--${flag}: ${count} is not between 1 and ${BATCH_COUNT_MAX}`);
}

function batchDelayNs({ "transfer-batch-delay": delayNs }: BenchmarkValues): bigint {
  if (delayNs <= BATCH_DELAY_MAX_NS) return delayNs;
  throw new CommandLineError(`--transfer-batch-delay: ${formatDuration(delayNs)} is longer than a day`);
}

function safeCount(flag: "account-count" | "transfer-count", values: BenchmarkValues): number {
  const count = values[flag];
  if (count <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(count);
  throw new CommandLineError(`--${flag}: ${count} exceeds ${Number.MAX_SAFE_INTEGER}`);
}

function targetOf(values: BenchmarkValues, config: Config): BenchmarkTarget {
  if (values.addresses !== null) {
    const parsed = parseAddresses(values.addresses, REPLICAS_MAX);
    if ("error" in parsed) throw new CommandLineError(`--addresses: ${parsed.error.message}: '${values.addresses}'`);
    return { kind: "addresses", addresses: parsed.addresses };
  }
  const flags = FORWARDED.flatMap((flag: BenchmarkFlag) => {
    const value = values[flag];
    return value === null ? [] : [`--${flag}=${String(value)}`];
  });
  if (values["log-debug-replica"]) flags.push("--log-debug");
  if (flags.length > 0) flags.unshift("--experimental");
  // The server looks at them, too, but not before its data file is formatted.
  parseStart(["--addresses=0", ...flags, values.file ?? "0_0.stagbeetle"], config);
  return { kind: "own", file: values.file, flags };
}
