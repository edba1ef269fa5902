/**
 * What `start` does where it is not told otherwise (spec 06 §4.3).
 */
import type { Ratio } from "@stagbeetle/command-line";
import { COMPACTION_BLOCKS_DEFAULT, COMPACTION_BLOCKS_MIN } from "@stagbeetle/lsm";
import type { Config } from "@stagbeetle/vsr-protocol";

import type { StartFlag, StartValues } from "./start-flags.ts";

const KIB = 1024;
const CACHE_GRID_BLOCKS_DEVELOPMENT = 64;
const LIMIT_REQUEST_DEVELOPMENT = 32 * KIB;
const MANIFEST_NODES = 8192;
const CHECKPOINTS_OF_STALL_LAG = 3;
/** How often a primary that is ahead of its backups slows down (`--commit-stall-probability`). */
export const STALL_PROBABILITY: Ratio = { numerator: 2n, denominator: 5n };
const STALL_MULTIPLE_MAX = 4;

/** The defaults of the flags that have a number: bytes, counts or milliseconds. */
export type StartDefaults = { readonly [flag in StartFlag]?: number } & {
  readonly "limit-storage": number;
  readonly "limit-pipeline-requests": number;
  readonly "limit-request": number;
  readonly "timeout-prepare-ms": number;
  readonly "timeout-grid-repair-message-ms": number;
  readonly "commit-stall-lag-min": number;
  readonly "commit-stall-lag-max": number;
  readonly "commit-stall-multiple-max": number;
};

/** The defaults under a configuration. In development mode the largest request is smaller, if the configuration is not smaller still. */
export function startDefaults({ cluster, process, derived }: Config, development: boolean): StartDefaults {
  const { blockSize, messageSizeMax, clientsMax, pipelinePrepareQueueMax } = cluster;
  const queue = Math.max(0, Math.ceil(clientsMax / 2) - pipelinePrepareQueueMax);
  const compactionBlocks = development ? COMPACTION_BLOCKS_MIN : COMPACTION_BLOCKS_DEFAULT;
  return {
    "cache-grid": development ? CACHE_GRID_BLOCKS_DEVELOPMENT * blockSize : process.gridCacheSizeDefault,
    "limit-storage": process.storageSizeLimitDefault,
    "limit-pipeline-requests": development ? 0 : queue,
    "limit-request": development ? Math.min(LIMIT_REQUEST_DEVELOPMENT, messageSizeMax) : messageSizeMax,
    "cache-accounts": development ? 0 : process.cacheAccountsSizeDefault,
    "cache-transfers": 0,
    "cache-transfers-pending": 0,
    "memory-lsm-manifest": MANIFEST_NODES * process.lsmManifestNodeSize,
    "memory-lsm-compaction": compactionBlocks * blockSize,
    "timeout-prepare-ms": 250,
    "timeout-grid-repair-message-ms": 100,
    "commit-stall-lag-min": pipelinePrepareQueueMax,
    "commit-stall-lag-max": CHECKPOINTS_OF_STALL_LAG * derived.vsrCheckpointOps,
    "commit-stall-multiple-max": STALL_MULTIPLE_MAX,
  };
}

/** Whether a flag's value is what it would be anyway. What has no default never is. */
export function isDefault(defaults: StartDefaults, flag: StartFlag, value: StartValues[StartFlag]): boolean {
  if (value === null || value === false) return true;
  if (typeof value === "boolean" || typeof value === "string") return false;
  if (typeof value === "object" && "numerator" in value) return ratiosEqual(value, STALL_PROBABILITY);
  const number = typeof value === "object" ? value.bytes : BigInt(value);
  return number === BigInt(defaults[flag] ?? -1);
}

function ratiosEqual(a: Ratio, b: Ratio): boolean {
  return a.numerator * b.denominator === b.numerator * a.denominator;
}
