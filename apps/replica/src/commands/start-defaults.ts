/**
 * What `start` does where it is not told otherwise (spec 06 §4.3).
 */
import type { Ratio } from "@stagbeetle/command-line";
import { commitStallDefaults } from "@stagbeetle/vsr-protocol";
import type { Config } from "@stagbeetle/vsr-protocol";

import type { StartFlag, StartValues } from "./start-flags.ts";

const KIB = 1024;
const CACHE_GRID_BLOCKS_DEVELOPMENT = 64;
const LIMIT_REQUEST_DEVELOPMENT = 32 * KIB;
const MANIFEST_NODES = 8192;

/** Blocks that compaction cannot do without: one of the manifest log, three of each input's level, 16 of output. */
export const COMPACTION_BLOCKS_MIN = 21;
/** Blocks that compaction may have under way to the disk. */
const COMPACTION_BLOCKS_WRITTEN = 17;

/** The flag that has a ratio. */
type RatioFlag = "commit-stall-probability";

/** The defaults of the flags that have a number: bytes, counts or milliseconds; and of the one that has a ratio. */
export type StartDefaults = { readonly [flag in Exclude<StartFlag, RatioFlag>]?: number } & {
  readonly "commit-stall-probability": Ratio;
  readonly "limit-storage": number;
  readonly "limit-pipeline-requests": number;
  readonly "limit-request": number;
  readonly "commit-stall-lag-min": number;
  readonly "commit-stall-lag-max": number;
  readonly "commit-stall-multiple-max": number;
};

/** The defaults under a configuration. In development mode the largest request is smaller, if the configuration is not smaller still. */
export function startDefaults(config: Config, development: boolean): StartDefaults {
  const { cluster, process } = config;
  const { probability, lagMin, lagMax, ticksMax } = commitStallDefaults(config);
  const { blockSize, messageSizeMax, clientsMax, pipelinePrepareQueueMax } = cluster;
  const queue = Math.max(0, Math.ceil(clientsMax / 2) - pipelinePrepareQueueMax);
  const compactionBlocks = COMPACTION_BLOCKS_MIN + (development ? 0 : COMPACTION_BLOCKS_WRITTEN);
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
    "commit-stall-probability": {
      numerator: BigInt(probability.numerator),
      denominator: BigInt(probability.denominator),
    },
    "commit-stall-lag-min": lagMin,
    "commit-stall-lag-max": lagMax,
    "commit-stall-multiple-max": ticksMax,
  };
}

/** Whether a flag's value is what it would be anyway. What has no default never is. */
export function isDefault(defaults: StartDefaults, flag: StartFlag, value: StartValues[StartFlag]): boolean {
  if (value === null || value === false) return true;
  if (typeof value === "boolean" || typeof value === "string") return false;
  const byDefault = defaults[flag];
  if (byDefault === undefined) return false;
  if (typeof value === "object" && "numerator" in value) {
    return typeof byDefault === "object" && ratiosEqual(value, byDefault);
  }
  const number = typeof value === "object" ? value.bytes : BigInt(value);
  return typeof byDefault === "number" && number === BigInt(byDefault);
}

function ratiosEqual(a: Ratio, b: Ratio): boolean {
  return a.numerator * b.denominator === b.numerator * a.denominator;
}
