/**
 * The flags of `start`, in the reference's order (spec 06 §4.3).
 */
import {
  optional,
  parseRatio,
  parseSize,
  parseText,
  required,
  toggle,
  unsigned,
  unsignedBig,
} from "@stagbeetle/command-line";
import type { ArgumentsDeclaration, FlagsOf, Ratio, Size } from "@stagbeetle/command-line";

/** What `start` was given, before it is checked. Null: not given. */
export interface StartValues {
  readonly addresses: string;
  readonly "cache-grid": Size | null;
  readonly development: boolean;
  readonly experimental: boolean;
  readonly "limit-storage": Size | null;
  readonly "limit-pipeline-requests": number | null;
  readonly "limit-request": Size | null;
  readonly "cache-accounts": Size | null;
  readonly "cache-transfers": Size | null;
  readonly "cache-transfers-pending": Size | null;
  readonly "memory-lsm-manifest": Size | null;
  readonly "memory-lsm-compaction": Size | null;
  readonly trace: string | null;
  readonly "log-debug": boolean;
  readonly "log-trace": boolean;
  readonly "timeout-prepare-ms": bigint | null;
  readonly "timeout-grid-repair-message-ms": bigint | null;
  readonly "commit-stall-probability": Ratio | null;
  readonly "commit-stall-lag-min": number | null;
  readonly "commit-stall-lag-max": number | null;
  readonly "commit-stall-multiple-max": number | null;
  readonly "replicate-star": boolean;
  readonly statsd: string | null;
  readonly "aof-file": string | null;
  readonly aof: boolean;
  readonly "aof-recovery": boolean;
}

const FLAGS: FlagsOf<StartValues> = {
  addresses: required("list", parseText, "of all replicas in order, separated by commas; `0` picks a free port"),
  "cache-grid": optional("size", parseSize, "cache of blocks"),
  development: toggle("smaller limits; do without direct I/O where the file system has none"),
  experimental: toggle("allow the flags below"),
  "limit-storage": optional("size", parseSize, "how large the data file may become"),
  "limit-pipeline-requests": optional("integer", unsigned(32), "requests that may wait for their turn: 0 to 57"),
  "limit-request": optional("size", parseSize, "the largest request: 4KiB to 1MiB"),
  "cache-accounts": optional("size", parseSize, "cache of accounts"),
  "cache-transfers": optional("size", parseSize, "cache of transfers"),
  "cache-transfers-pending": optional("size", parseSize, "cache of pending transfers"),
  "memory-lsm-manifest": optional("size", parseSize, "memory of the manifest"),
  "memory-lsm-compaction": optional(
    "size",
    parseSize,
    "memory of compaction: blocks read ahead, blocks on their way to the disk",
  ),
  trace: optional("path", parseText, "write a trace (not in this build)"),
  "log-debug": toggle("also log debug lines"),
  "log-trace": toggle("also log events of the trace (not in this build)"),
  "timeout-prepare-ms": optional("integer", unsignedBig(64), "resend a prepare after this"),
  "timeout-grid-repair-message-ms": optional("integer", unsignedBig(64), "ask for damaged blocks after this"),
  "commit-stall-probability": optional("ratio", parseRatio, "how often to wait although no replica is behind"),
  "commit-stall-lag-min": optional("integer", unsigned(32), "wait for replicas this many operations behind"),
  "commit-stall-lag-max": optional("integer", unsigned(32), "do not wait for replicas further behind"),
  "commit-stall-multiple-max": optional("integer", unsigned(16), "the longest wait, in ticks of 10 ms"),
  "replicate-star": toggle("deprecated, no effect"),
  statsd: optional("address", parseText, "send metrics there, over UDP: to a StatsD server, on port 8125 unless said"),
  "aof-file": optional("path", parseText, "append every prepare to this file, which ends in .aof"),
  aof: toggle("deprecated: --aof-file=<path>.aof"),
  "aof-recovery": toggle("clients replay an append-only file and choose the timestamps"),
};

/** The arguments of `start`. */
export const START: ArgumentsDeclaration<StartValues> = { flags: FLAGS, positional: "path" };

/** The name of a flag of `start`. */
export type StartFlag = keyof StartValues;

/** The flags that need `--experimental`, in the order in which that is checked. */
export const EXPERIMENTAL: readonly StartFlag[] = [
  "limit-storage",
  "limit-pipeline-requests",
  "limit-request",
  "cache-accounts",
  "cache-transfers",
  "cache-transfers-pending",
  "memory-lsm-manifest",
  "memory-lsm-compaction",
  "trace",
  "log-debug",
  "log-trace",
  "timeout-prepare-ms",
  "timeout-grid-repair-message-ms",
  "commit-stall-probability",
  "commit-stall-lag-min",
  "commit-stall-lag-max",
  "commit-stall-multiple-max",
  "replicate-star",
  "statsd",
  "aof-file",
  "aof",
  "aof-recovery",
];

/** Flags that are checked and then mean nothing. */
export const WITHOUT_EFFECT: readonly StartFlag[] = ["replicate-star"];

/** Flags that ask for something this build does not have. */
export const UNSUPPORTED: readonly StartFlag[] = ["trace", "log-trace"];
