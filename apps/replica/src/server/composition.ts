/**
 * One replica, put together from its parts.
 */
import { createLogger, formatSize } from "@stagbeetle/command-line";
import { randomBytes } from "node:crypto";

import { AOF } from "@stagbeetle/aof";
import type { AppendFile } from "@stagbeetle/aof";
import { ChecksumThread, FileStorage, MessageBus, SystemTime } from "@stagbeetle/io-linux";
import type { DataFile, RequestObserver, SpillFile } from "@stagbeetle/io-linux";
import { Journal } from "@stagbeetle/journal";
import {
  assert,
  createKernels,
  LinearMemory,
  linearMemorySizeMaxBytes,
  MemoryExhaustedError,
} from "@stagbeetle/kernels";
import { TABLE_INFO_SIZE_BYTES } from "@stagbeetle/lsm";
import { ACCOUNT_SIZE_BYTES, accountingStore, TRANSFER_SIZE_BYTES, TransferPending } from "@stagbeetle/state-machine";
import type { CacheSizes } from "@stagbeetle/state-machine";
import {
  Checksums,
  fatal,
  FatalReason,
  HEADER_SIZE_BYTES,
  MessagePool,
  messagesMax,
  Random,
  readU128,
  Replica,
  SuperBlock,
} from "@stagbeetle/vsr-protocol";
import type {
  Address,
  Config,
  MessageBuffer,
  MessageBusReceiver,
  Release,
  ReplicaPorts,
  StallLimits,
} from "@stagbeetle/vsr-protocol";

import { ServerTimings } from "../metrics/server-timings.ts";
import type { StatsD } from "../metrics/statsd.ts";

const NS_PER_MS = 1_000_000;

/** What a replica is composed for. Sizes in bytes. */
export interface CompositionOptions {
  readonly config: Config;
  readonly file: DataFile;
  /** The append-only file; null to write none. */
  readonly aofFile: AppendFile | null;
  readonly addresses: readonly Address[];
  /** The own index among the addresses. */
  readonly member: number;
  readonly release: Release;
  readonly releaseClientMin: Release;
  readonly storageSizeLimit: number;
  readonly pipelineRequestQueueLimit: number;
  readonly requestSizeLimit: number;
  readonly cacheGridSizeBytes: number;
  /** The caches of objects, in objects. */
  readonly cacheObjects: CacheSizes;
  readonly manifestTablesMax: number;
  /** How many blocks compaction may hold. */
  readonly compactionBlocksMax: number;
  readonly aofRecovery: boolean;
  readonly timeoutTicks: { readonly prepare: number; readonly gridRepair: number };
  /** Takes the metrics; null to let nobody have them. */
  readonly statsd: StatsD | null;
  readonly stall: StallLimits;
  /** Whether checksums of blocks are computed on a thread of their own. */
  readonly checksumThread: boolean;
  /** Where values wait to be flushed; null to let them wait in memory. */
  readonly spillFile: SpillFile | null;
}

/** A replica and what drives it. */
export interface Composition {
  readonly replica: Replica;
  readonly superblock: SuperBlock;
  readonly bus: MessageBus;
  readonly storage: FileStorage;
  /** To be started; null if checksums are computed on the calling thread. */
  readonly checksumThread: ChecksumThread | null;
  /** Null if nobody has the metrics. */
  readonly timings: ServerTimings | null;
  readonly memory: LinearMemory;
}

/** Allocates everything that a replica ever takes. Nothing is read or written yet. */
export function compose(options: CompositionOptions, memory: LinearMemory): Composition {
  const { config, file, aofFile, addresses, member, storageSizeLimit, pipelineRequestQueueLimit } = options;
  const { pipelinePrepareQueueMax, messageSizeMax } = config.cluster;
  const nonce = randomNonce();
  const kernels = createKernels({ memory });
  const checksums = new Checksums(kernels);
  const checksumThread = options.checksumThread ? new ChecksumThread({ memory, checksums }) : null;
  const timings = options.statsd === null ? null : new ServerTimings();
  const onRequest: RequestObserver | null =
    timings === null ? null : (kind, zone, durationNs) => timings.storageEnded(kind, zone, durationNs);
  const storage = new FileStorage({ config, file, logger: createLogger("storage"), onRequest });
  const superblock = new SuperBlock({ config, storage, memory, storageSizeLimit, logger: createLogger("superblock") });
  const pool = new MessagePool({
    memory,
    messageSizeMax,
    messagesMax: messagesMax(config, addresses.length, pipelineRequestQueueLimit),
  });
  const journal = new Journal({
    config,
    memory,
    storage,
    messagePool: pool,
    checksums,
    logger: createLogger("journal"),
  });
  const receiver = new Receiver();
  const bus = new MessageBus({
    role: {
      kind: "replica",
      replica: member,
      clientsLimit: pipelinePrepareQueueMax + pipelineRequestQueueLimit,
    },
    config,
    addresses,
    pool,
    checksums,
    receiver,
    random: new Random(BigInt.asUintN(64, nonce)),
    logger: createLogger("message_bus"),
  });
  const { stateMachine, checkpointStore } = accountingStore({
    ...options,
    kernels,
    checksums,
    ...(checksumThread === null ? {} : { bodyChecksums: checksumThread }),
    ...(options.spillFile === null ? {} : { spill: { storage: options.spillFile } }),
    storage,
    superblock,
    random: new Random(BigInt.asUintN(64, nonce >> 64n)),
    logger: createLogger("store"),
    batchSizeLimit: options.requestSizeLimit - HEADER_SIZE_BYTES,
  });
  const replica = new Replica(
    { ...options, cluster: null, addressCount: addresses.length, nonce },
    {
      memory,
      storage,
      superblock,
      journal,
      stateMachine,
      checkpointStore,
      bus,
      time: new SystemTime(),
      logger: createLogger("replica"),
      pool,
      checksums,
      aof: aofFile === null ? null : new AOF({ config, file: aofFile, logger: createLogger("aof") }),
      onMetrics:
        timings === null || options.statsd === null ? null : onMetrics(options.statsd, timings, superblock, bus),
    },
  );
  receiver.replica = replica;
  return { replica, superblock, bus, storage, checksumThread, timings, memory };
}

/** Sends the metrics of the replica with those of its bus and of the work around it. */
function onMetrics(
  statsd: StatsD,
  timings: ServerTimings,
  superblock: SuperBlock,
  bus: MessageBus,
): ReplicaPorts["onMetrics"] {
  return (metrics) => {
    const beganMs = performance.now();
    const taken = statsd.emit({
      cluster: superblock.working.header.cluster,
      replica: superblock.replica,
      metrics,
      serverTimings: timings.summaries(),
      connections: {
        unknown: bus.connectedCount("unknown"),
        replica: bus.connectedCount("replica"),
        client: bus.connectedCount("client"),
        client_likely: bus.connectedCount("clientLikely"),
      },
      connectionsMax: bus.connectionsMax,
    });
    if (taken) timings.reset();
    timings.ended("metrics_emit", Math.round((performance.now() - beganMs) * NS_PER_MS));
    return taken;
  };
}

/** Bus and replica need each other; this is made before both. */
class Receiver implements MessageBusReceiver {
  replica: Replica | null = null;

  onMessages(buffer: MessageBuffer): void {
    assert(this.replica !== null, "nothing is received before there is a replica");
    this.replica.onMessages(buffer);
  }
}

/**
 * How much linear memory {@link compose} allocates, in bytes: found by composing once in address space that is given back
 * untouched, so that it cannot differ from what the parts really take.
 *
 * @throws FatalError (status 1) if the sizes that were asked for do not fit in 4 GiB together.
 */
export function memorySizeBytes(options: CompositionOptions): number {
  try {
    const { memory } = compose(options, new LinearMemory({ sizeBytes: linearMemorySizeMaxBytes }));
    return memory.sizeBytes - memory.freeSizeBytes;
  } catch (error) {
    if (!(error instanceof MemoryExhaustedError)) throw error;
    const [firstLine = ""] = error.message.split("\n");
    return fatal(
      FatalReason.cli,
      `the sizes asked for do not fit in 4 GiB of memory: ${sizesText(options)}; lower one of them, --limit-pipeline-requests or --limit-request (${firstLine})`,
    );
  }
}

/** The parts of memory that flags size, in the order of how much they usually take. */
function sizesText(options: CompositionOptions): string {
  const { config, cacheGridSizeBytes, cacheObjects, manifestTablesMax, compactionBlocksMax } = options;
  const sizes = {
    "cache-grid": cacheGridSizeBytes,
    "cache-accounts": cacheObjects.accounts * ACCOUNT_SIZE_BYTES,
    "cache-transfers": cacheObjects.transfers * TRANSFER_SIZE_BYTES,
    "cache-transfers-pending": cacheObjects.transfersPending * TransferPending.sizeBytes,
    "memory-lsm-manifest": manifestTablesMax * TABLE_INFO_SIZE_BYTES,
    "memory-lsm-compaction": compactionBlocksMax * config.cluster.blockSize,
  };
  return Object.entries(sizes)
    .map(([flag, sizeBytes]) => `--${flag} is ${formatSize(BigInt(sizeBytes))}`)
    .join(", ");
}

/** A random u128 that is not 0: what makes this start of the replica different from all others. */
function randomNonce(): bigint {
  const bytes = randomBytes(16);
  const nonce = readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return nonce === 0n ? 1n : nonce;
}
