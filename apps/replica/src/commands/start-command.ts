/**
 * What `start` is asked to do: its flags with their defaults, checked in the reference's order (spec 06 §4.3).
 */
import { resolve } from "node:path";

import { CommandLineError, formatSize, parseArguments } from "@stagbeetle/command-line";
import type { Ratio, Size } from "@stagbeetle/command-line";
import { linearMemorySizeMaxBytes } from "@stagbeetle/kernels";
import { COMPACTION_BLOCKS_MIN, TABLE_INFO_SIZE_BYTES } from "@stagbeetle/lsm";
import type { CacheSizes } from "@stagbeetle/state-machine";
import { MEMBERS_MAX, parseAddresses, SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import type { Address, Config, StallLimits } from "@stagbeetle/vsr-protocol";

import { isDefault, STALL_PROBABILITY, startDefaults } from "./start-defaults.ts";
import type { StartDefaults } from "./start-defaults.ts";
import { EXPERIMENTAL, START, UNSUPPORTED, WITHOUT_EFFECT } from "./start-flags.ts";
import type { StartFlag, StartValues } from "./start-flags.ts";

const U32_MAX = 2n ** 32n - 1n;
const STATSD_ADDRESSES_MAX = 1;
const STATSD_PORT_DEFAULT = 8125;
/** 497 days: what is asked to take longer may as well take that long. */
const TIMEOUT_TICKS_MAX = U32_MAX;
const SAFE_INTEGER_BITS = 53;
const ACCOUNT_SIZE_BYTES = 128n;
const TRANSFER_SIZE_BYTES = 128n;
const TRANSFER_PENDING_SIZE_BYTES = 16n;
/** Caches are set-associative: whole multiples of so many entries, or blocks. */
const CACHE_WAYS = 256n;
const CACHE_GRID_WAYS = 64n;
const MANIFEST_NODES_MULTIPLE = 64n;

/** The flags that size a cache. */
const CACHES = ["cache-grid", "cache-accounts", "cache-transfers", "cache-transfers-pending"] as const;

/** The flags that size a part of memory. */
type SizeFlag = (typeof CACHES)[number] | "memory-lsm-manifest" | "memory-lsm-compaction";

/** What is to be started. Sizes in bytes. */
export interface StartCommand {
  readonly path: string;
  readonly addresses: readonly Address[];
  /** Exactly `--addresses=0`: the port goes to stdout, and the end of stdin ends the process (spec 06 §4.3). */
  readonly driven: boolean;
  readonly development: boolean;
  readonly logDebug: boolean;
  readonly aofRecovery: boolean;
  /** The append-only file that every prepare is to be written to; null for none. */
  readonly aofPath: string | null;
  readonly storageSizeLimit: number;
  readonly pipelineRequestQueueLimit: number;
  readonly requestSizeLimit: number;
  /** The cache of blocks: whole sets of them. */
  readonly cacheGridSizeBytes: number;
  /** The caches of objects, in objects. */
  readonly cacheObjects: CacheSizes;
  /** How many tables the manifest has room for. */
  readonly manifestTablesMax: number;
  /** How many blocks compaction may hold. */
  readonly compactionBlocksMax: number;
  /** Ticks of timeouts. */
  readonly timeoutTicks: { readonly prepare: number; readonly gridRepair: number };
  /** How much a primary slows down for backups that are behind. */
  readonly stall: StallLimits;
  /** Where metrics are to be sent; null for nowhere. */
  readonly statsd: Address | null;
  /** Flags that were given and have no effect in this build. */
  readonly withoutEffect: readonly StartFlag[];
}

/** @throws CommandLineError for the first thing that is wrong. */
export function parseStart(args: readonly string[], config: Config): StartCommand {
  const { values, positional } = parseArguments(START, args);
  const defaults = startDefaults(config, values.development);
  checkExperimental(values, defaults);
  const addresses = parseAddressList("addresses", values.addresses, MEMBERS_MAX);
  const storageSizeLimit = limitStorage(values, defaults, config);
  const pipelineRequestQueueLimit = limitPipelineRequests(values, defaults, config);
  const requestSizeLimit = limitRequest(values, defaults, config);
  checkMemory(values, config);
  checkFiles(values, positional);
  checkCaches(values, config);
  checkTimeouts(values, config);
  checkCommitStall(values, defaults);
  const statsd = statsdAddress(values);
  checkSupported(values);
  return {
    path: positional,
    addresses,
    driven: values.addresses === "0",
    development: values.development,
    logDebug: values["log-debug"],
    aofRecovery: values["aof-recovery"],
    aofPath: values.aof ? `${positional}.aof` : values["aof-file"],
    storageSizeLimit,
    pipelineRequestQueueLimit,
    requestSizeLimit,
    cacheGridSizeBytes: cacheGridSizeBytes(values, defaults, config),
    cacheObjects: {
      accounts: cacheObjects("cache-accounts", values, defaults, ACCOUNT_SIZE_BYTES),
      transfers: cacheObjects("cache-transfers", values, defaults, TRANSFER_SIZE_BYTES),
      transfersPending: cacheObjects("cache-transfers-pending", values, defaults, TRANSFER_PENDING_SIZE_BYTES),
    },
    manifestTablesMax: Math.floor(bytesOf("memory-lsm-manifest", values, defaults) / TABLE_INFO_SIZE_BYTES),
    compactionBlocksMax: bytesOf("memory-lsm-compaction", values, defaults) / config.cluster.blockSize,
    timeoutTicks: {
      prepare: ticksOf("timeout-prepare-ms", values, defaults, config),
      gridRepair: ticksOf("timeout-grid-repair-message-ms", values, defaults, config),
    },
    stall: stall(values, defaults),
    statsd,
    withoutEffect: WITHOUT_EFFECT.filter((flag) => given(values, flag)),
  };
}

function given(values: StartValues, flag: StartFlag): boolean {
  return values[flag] !== null && values[flag] !== false;
}

function checkExperimental(values: StartValues, defaults: StartDefaults): void {
  if (values.experimental) return;
  for (const flag of EXPERIMENTAL) {
    if (isDefault(defaults, flag, values[flag])) continue;
    throw new CommandLineError(`--${flag} is marked experimental, add \`--experimental\` to continue.`);
  }
}

/** The system chooses no port for a server that listens elsewhere. */
function statsdAddress({ statsd: text }: StartValues): Address | null {
  if (text === null) return null;
  const [address] = parseAddressList("statsd", text, STATSD_ADDRESSES_MAX, STATSD_PORT_DEFAULT);
  if (address === undefined || address.port === 0) throw new CommandLineError(`--statsd: invalid port: '${text}'`);
  return address;
}

function parseAddressList(
  flag: StartFlag,
  text: string,
  addressesMax: number,
  portDefault?: number,
): readonly Address[] {
  const parsed = parseAddresses(text, addressesMax, portDefault);
  if ("error" in parsed) throw new CommandLineError(`--${flag}: ${parsed.error.message}: '${text}'`);
  return parsed.addresses;
}

function limitStorage(values: StartValues, defaults: StartDefaults, config: Config): number {
  const size = values["limit-storage"];
  if (size === null) return defaults["limit-storage"];
  checkMax("limit-storage", size, BigInt(config.process.storageSizeLimitMax));
  checkMin("limit-storage", size, BigInt(config.derived.dataFileSizeMin));
  checkMultiple("limit-storage", size, BigInt(SECTOR_SIZE_BYTES));
  return Number(size.bytes);
}

function limitPipelineRequests(values: StartValues, defaults: StartDefaults, config: Config): number {
  const limit = values["limit-pipeline-requests"] ?? defaults["limit-pipeline-requests"];
  const limitMax = config.derived.pipelineRequestQueueMax;
  if (limit <= limitMax) return limit;
  throw new CommandLineError(`--limit-pipeline-requests: count ${limit} exceeds maximum: ${limitMax}`);
}

function limitRequest(values: StartValues, defaults: StartDefaults, config: Config): number {
  const size = values["limit-request"];
  if (size === null) return defaults["limit-request"];
  checkMax("limit-request", size, BigInt(config.cluster.messageSizeMax));
  checkMin("limit-request", size, BigInt(SECTOR_SIZE_BYTES));
  return Number(size.bytes);
}

function checkMemory(values: StartValues, config: Config): void {
  const manifest = values["memory-lsm-manifest"];
  if (manifest !== null) {
    const multiple = BigInt(config.process.lsmManifestNodeSize) * MANIFEST_NODES_MULTIPLE;
    checkMax("memory-lsm-manifest", manifest, (U32_MAX / multiple) * multiple);
    checkMin("memory-lsm-manifest", manifest, multiple);
    checkMultiple("memory-lsm-manifest", manifest, multiple);
  }
  const compaction = values["memory-lsm-compaction"];
  if (compaction !== null) {
    const blockSize = BigInt(config.cluster.blockSize);
    checkMax("memory-lsm-compaction", compaction, U32_MAX * blockSize);
    checkMin("memory-lsm-compaction", compaction, BigInt(COMPACTION_BLOCKS_MIN) * blockSize);
    checkMultiple("memory-lsm-compaction", compaction, blockSize);
  }
}

function checkFiles(values: StartValues, path: string): void {
  const file = values["aof-file"];
  if (file !== null) {
    if (values.aof) throw new CommandLineError("--aof: conflicts with '--aof-file'");
    if (!file.endsWith(".aof")) throw new CommandLineError(`--aof-file: must end with .aof: '${file}'`);
    if (resolve(file) === resolve(path)) throw new CommandLineError(`--aof-file: that is the data file: '${file}'`);
  }
  if (values["log-trace"] && !values["log-debug"]) {
    throw new CommandLineError("--log-trace: must be used with '--log-debug'");
  }
}

function checkCaches(values: StartValues, config: Config): void {
  checkCache("cache-accounts", values["cache-accounts"], ACCOUNT_SIZE_BYTES);
  checkCache("cache-transfers", values["cache-transfers"], TRANSFER_SIZE_BYTES);
  checkCache("cache-transfers-pending", values["cache-transfers-pending"], TRANSFER_PENDING_SIZE_BYTES);
  for (const flag of CACHES) {
    const size = values[flag];
    // Ours: the reference's caches are not in memory of 32-bit addresses.
    if (size !== null) checkMax(flag, size, BigInt(linearMemorySizeMaxBytes));
  }
  const grid = values["cache-grid"];
  const gridMultiple = BigInt(config.cluster.blockSize) * CACHE_GRID_WAYS;
  if (grid !== null && grid.bytes < gridMultiple) {
    throw new CommandLineError(`--cache-grid: Grid cache must be greater than ${formatSize(gridMultiple)}`);
  }
}

/** A flag of a size in bytes, or its default. */
function bytesOf(flag: SizeFlag, values: StartValues, defaults: StartDefaults): number {
  const size = values[flag];
  return size === null ? (defaults[flag] ?? 0) : Number(size.bytes);
}

/** Rounded down to whole sets of blocks. */
function cacheGridSizeBytes(values: StartValues, defaults: StartDefaults, config: Config): number {
  const setSizeBytes = config.cluster.blockSize * Number(CACHE_GRID_WAYS);
  return Math.floor(bytesOf("cache-grid", values, defaults) / setSizeBytes) * setSizeBytes;
}

/** In objects, rounded down to whole sets. */
function cacheObjects(flag: SizeFlag, values: StartValues, defaults: StartDefaults, objectSizeBytes: bigint): number {
  const ways = Number(CACHE_WAYS);
  return Math.floor(bytesOf(flag, values, defaults) / Number(objectSizeBytes) / ways) * ways;
}

/** A cache of objects is rounded down to whole sets; only too many of them are wrong. */
function checkCache(flag: StartFlag, size: Size | null, objectSizeBytes: bigint): void {
  if (size === null) return;
  const count = (size.bytes / objectSizeBytes / CACHE_WAYS) * CACHE_WAYS;
  if (count > U32_MAX) throw new CommandLineError(`--${flag}: size ${size.text} exceeds the limit`);
}

function checkTimeouts(values: StartValues, config: Config): void {
  const tickMs = BigInt(config.process.tickMs);
  for (const flag of ["timeout-prepare-ms", "timeout-grid-repair-message-ms"] as const) {
    const timeoutMs = values[flag];
    if (timeoutMs === null) continue;
    if (timeoutMs === 0n) throw new CommandLineError(`--${flag}: value must be greater than zero`);
    if (timeoutMs % tickMs !== 0n) throw new CommandLineError(`--${flag}: value must be a multiple of ${tickMs}`);
  }
}

function ticksOf(
  flag: "timeout-prepare-ms" | "timeout-grid-repair-message-ms",
  values: StartValues,
  defaults: StartDefaults,
  config: Config,
): number {
  const ticks = BigInt(values[flag] ?? defaults[flag]) / BigInt(config.process.tickMs);
  return Number(ticks < TIMEOUT_TICKS_MAX ? ticks : TIMEOUT_TICKS_MAX);
}

function stall(values: StartValues, defaults: StartDefaults): StallLimits {
  return {
    probability: rounded(values["commit-stall-probability"] ?? STALL_PROBABILITY),
    lagMin: values["commit-stall-lag-min"] ?? defaults["commit-stall-lag-min"],
    lagMax: values["commit-stall-lag-max"] ?? defaults["commit-stall-lag-max"],
    multipleMax: values["commit-stall-multiple-max"] ?? defaults["commit-stall-multiple-max"],
  };
}

/** A ratio of numbers that are exact; one of larger integers is rounded to such. */
function rounded({ numerator, denominator }: Ratio): StallLimits["probability"] {
  const excessBits = BigInt(Math.max(0, denominator.toString(2).length - SAFE_INTEGER_BITS));
  return { numerator: Number(numerator >> excessBits), denominator: Number(denominator >> excessBits) };
}

/** The reference asserts these; a mistake of the operator deserves a line. */
function checkCommitStall(values: StartValues, defaults: StartDefaults): void {
  const lagMin = values["commit-stall-lag-min"] ?? defaults["commit-stall-lag-min"];
  const lagMax = values["commit-stall-lag-max"] ?? defaults["commit-stall-lag-max"];
  if (lagMin > lagMax) {
    throw new CommandLineError(`--commit-stall-lag-min: ${lagMin} exceeds --commit-stall-lag-max, which is ${lagMax}`);
  }
  if (values["commit-stall-multiple-max"] === 0) {
    throw new CommandLineError("--commit-stall-multiple-max: value must be greater than zero");
  }
}

function checkSupported(values: StartValues): void {
  for (const flag of UNSUPPORTED) {
    if (!given(values, flag)) continue;
    throw new CommandLineError(`--${flag}: this build of stagbeetle does not have it yet; start without it`);
  }
}

function checkMax(flag: StartFlag, size: Size, max: bigint): void {
  if (size.bytes > max) throw new CommandLineError(`--${flag}: size ${size.text} exceeds maximum: ${formatSize(max)}`);
}

function checkMin(flag: StartFlag, size: Size, min: bigint): void {
  if (size.bytes < min) throw new CommandLineError(`--${flag}: size ${size.text} is below minimum: ${formatSize(min)}`);
}

function checkMultiple(flag: StartFlag, size: Size, multiple: bigint): void {
  if (size.bytes % multiple === 0n) return;
  throw new CommandLineError(`--${flag}: size ${size.text} must be a multiple of ${formatSize(multiple)}`);
}
