/**
 * What follows from the chosen constants, and the relations that must hold between them (spec 01 §7.3; 03 §2.1; 04 §2, §3).
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import { CHECKPOINT_STATE_SIZE_BYTES } from "../message/view.ts";
import { sectorCeil, SECTOR_SIZE_BYTES } from "../sector.ts";
import type { ClusterConfig, Config, DerivedConfig, ProcessConfig } from "./config.ts";

/** Replicas that vote, at most (spec 04 §2). */
export const REPLICAS_MAX = 6;
/** Replicas that only follow, at most. */
export const STANDBYS_MAX = 6;
/** Ids of a cluster: replicas and standbys. */
export const MEMBERS_MAX: number = REPLICAS_MAX + STANDBYS_MAX;

/** The bytes of a superblock copy that are read and written, whatever the configuration (spec 04 §6.1). */
export const SUPERBLOCK_HEADER_SIZE_BYTES = 8192;

const GET_HEADERS_LIMIT = 64;
const PREPARES_TRACKED_MAX = 128;
const SEND_BUFFER_SIZE_MAX_BYTES = 16 * 1024 * 1024;
const TEST_MIN_JOURNAL_SLOT_COUNT = 32;

/**
 * Makes a configuration and asserts every relation between its values.
 *
 * @param name for people only; it enters no checksum and no decision.
 * @throws AssertionError if the constants contradict each other.
 */
export function createConfig(cluster: ClusterConfig, process: ProcessConfig, name = "custom"): Config {
  const derived = deriveConfig(cluster);
  assertClusterConfig(cluster, derived);
  assertProcessConfig(cluster, process, derived);
  return { name, cluster, process, derived };
}

/** Whether this configuration is meant for real data: anything with more than the smallest log (spec 01 §7.1). */
export function isProduction(cluster: ClusterConfig): boolean {
  return cluster.journalSlotCount > TEST_MIN_JOURNAL_SLOT_COUNT;
}

/**
 * The checksum over the 17 cluster constants as u64 in the order of {@link ClusterConfig} (spec 04 §2).
 *
 * It enters the replica ids, so data files made with other constants have other ids.
 */
export function clusterConfigChecksum(cluster: ClusterConfig): bigint {
  const values = [
    cluster.cacheLineSize,
    cluster.clientsMax,
    cluster.pipelinePrepareQueueMax,
    cluster.viewChangeHeadersSuffixMax,
    cluster.quorumReplicationMax,
    cluster.journalSlotCount,
    cluster.messageSizeMax,
    cluster.superblockCopies,
    cluster.blockSize,
    cluster.lsmLevels,
    cluster.lsmGrowthFactor,
    cluster.lsmCompactionOps,
    cluster.lsmSnapshotsMax,
    cluster.lsmManifestCompactExtraBlocks,
    cluster.lsmTableCoalescingThresholdPercent,
    cluster.vsrReleasesMax,
    cluster.lsmScansMax,
  ];
  assert(values.length === Object.keys(cluster).length, "every cluster constant enters the checksum");
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setBigUint64(index * 8, BigInt(value), true);
  return checksumOf(bytes);
}

function deriveConfig(cluster: ClusterConfig): DerivedConfig {
  const messageBodySizeMax = cluster.messageSizeMax - HEADER_SIZE_BYTES;
  const viewHeadersMax = cluster.viewChangeHeadersSuffixMax + 2;
  // Room for the view headers to grow with the number of clients, without moving the zones behind.
  const superblockPadding = sectorCeil((cluster.clientsMax - cluster.pipelinePrepareQueueMax) * HEADER_SIZE_BYTES);
  const superblockCopySize = SUPERBLOCK_HEADER_SIZE_BYTES + superblockPadding;
  const clientRepliesSize = cluster.clientsMax * cluster.messageSizeMax;
  const journalSizeHeaders = cluster.journalSlotCount * HEADER_SIZE_BYTES;
  const journalSizePrepares = cluster.journalSlotCount * cluster.messageSizeMax;
  const beforeGrid =
    cluster.superblockCopies * superblockCopySize + journalSizeHeaders + journalSizePrepares + clientRepliesSize;
  return {
    messageBodySizeMax,
    pipelineRequestQueueMax: Math.max(0, cluster.clientsMax + 1 - cluster.pipelinePrepareQueueMax),
    viewHeadersMax,
    getHeadersMax: Math.min(Math.floor(messageBodySizeMax / HEADER_SIZE_BYTES), GET_HEADERS_LIMIT),
    vsrCheckpointOps: checkpointOps(cluster),
    connectionSendQueueMaxReplica: Math.max(Math.min(cluster.clientsMax, 4), 2),
    connectionSendQueueMaxClient: 2,
    superblockCopySize,
    clientRepliesSize,
    journalSizeHeaders,
    journalSizePrepares,
    blockBodySizeMax: cluster.blockSize - HEADER_SIZE_BYTES,
    dataFileSizeMin: Math.ceil(beforeGrid / cluster.blockSize) * cluster.blockSize,
  };
}

/**
 * How many ops lie between two checkpoints.
 *
 * The log must also hold the last bar before a trigger (in memory only when the checkpoint is written), and two
 * pipelines: one prepared while the checkpoint is written, one that proves that a quorum has it (spec 03 §2.1).
 */
function checkpointOps(cluster: ClusterConfig): number {
  const bar = cluster.lsmCompactionOps;
  const barsForPipelines = Math.ceil((2 * cluster.pipelinePrepareQueueMax) / bar);
  return cluster.journalSlotCount - bar - bar * barsForPipelines;
}

function assertClusterConfig(cluster: ClusterConfig, derived: DerivedConfig): void {
  for (const [name, value] of Object.entries(cluster)) {
    assert(Number.isSafeInteger(value) && value > 0, () => `${name} is not a positive integer: ${String(value)}`);
  }
  assertSizes(cluster, derived);
  assertLog(cluster, derived);
  assertPipeline(cluster, derived);
  assert(
    cluster.superblockCopies % 2 === 0 && cluster.superblockCopies >= 4 && cluster.superblockCopies <= 8,
    () => `superblockCopies ${cluster.superblockCopies}`,
  );
  assert(
    cluster.vsrReleasesMax >= 2 && cluster.vsrReleasesMax * 4 <= derived.messageBodySizeMax,
    () => `vsrReleasesMax ${cluster.vsrReleasesMax}`,
  );
}

function assertSizes(cluster: ClusterConfig, derived: DerivedConfig): void {
  assert(
    cluster.messageSizeMax >= SECTOR_SIZE_BYTES && cluster.messageSizeMax % SECTOR_SIZE_BYTES === 0,
    () => `messageSizeMax ${cluster.messageSizeMax}`,
  );
  assert(
    cluster.blockSize % SECTOR_SIZE_BYTES === 0,
    () => `blockSize ${cluster.blockSize} is not a multiple of a sector`,
  );
  assert(cluster.blockSize <= cluster.messageSizeMax, "a block travels as a message");
  assert(
    derived.messageBodySizeMax >= CHECKPOINT_STATE_SIZE_BYTES + derived.viewHeadersMax * HEADER_SIZE_BYTES,
    "a view message fits in a message",
  );
  assert(
    SECTOR_SIZE_BYTES + derived.viewHeadersMax * HEADER_SIZE_BYTES < SUPERBLOCK_HEADER_SIZE_BYTES,
    "the view headers fit in a superblock copy",
  );
  assert(
    cluster.clientsMax * (HEADER_SIZE_BYTES + 8) <= derived.blockBodySizeMax,
    "the client sessions fit in one block",
  );
  assert(
    derived.connectionSendQueueMaxReplica * cluster.messageSizeMax <= SEND_BUFFER_SIZE_MAX_BYTES,
    "a socket can hold the send queue",
  );
  assert(derived.dataFileSizeMin % cluster.blockSize === 0, "the grid starts at a multiple of the block size");
}

function assertLog(cluster: ClusterConfig, derived: DerivedConfig): void {
  const { journalSlotCount, lsmCompactionOps, pipelinePrepareQueueMax } = cluster;
  const { vsrCheckpointOps } = derived;
  assert(
    vsrCheckpointOps + lsmCompactionOps + 2 * pipelinePrepareQueueMax <= journalSlotCount,
    () => `vsrCheckpointOps ${vsrCheckpointOps} does not fit the log`,
  );
  assert(
    vsrCheckpointOps >= pipelinePrepareQueueMax && vsrCheckpointOps >= lsmCompactionOps,
    () => `vsrCheckpointOps ${vsrCheckpointOps} is too small`,
  );
  assert(vsrCheckpointOps % lsmCompactionOps === 0, () => `vsrCheckpointOps ${vsrCheckpointOps} is not whole bars`);
  assert(
    journalSlotCount >= 2 * lsmCompactionOps && journalSlotCount % lsmCompactionOps === 0,
    () => `journalSlotCount ${journalSlotCount} is not whole bars`,
  );
  assert(
    journalSlotCount >= 2 * pipelinePrepareQueueMax,
    () => `journalSlotCount ${journalSlotCount} is smaller than two pipelines`,
  );
  assert(
    journalSlotCount % (SECTOR_SIZE_BYTES / HEADER_SIZE_BYTES) === 0,
    () => `journalSlotCount ${journalSlotCount} is not whole header sectors`,
  );
}

function assertPipeline(cluster: ClusterConfig, derived: DerivedConfig): void {
  const { clientsMax, pipelinePrepareQueueMax, viewChangeHeadersSuffixMax } = cluster;
  assert(
    pipelinePrepareQueueMax <= clientsMax + 1,
    () => `pipelinePrepareQueueMax ${pipelinePrepareQueueMax} of ${clientsMax} clients`,
  );
  assert(pipelinePrepareQueueMax + 1 <= PREPARES_TRACKED_MAX, "a bit set of join_view holds the pipeline");
  assert(
    viewChangeHeadersSuffixMax >= pipelinePrepareQueueMax + 1,
    () => `viewChangeHeadersSuffixMax ${viewChangeHeadersSuffixMax}`,
  );
  assert(
    derived.viewHeadersMax >= pipelinePrepareQueueMax + 3 && derived.viewHeadersMax <= cluster.journalSlotCount,
    () => `viewHeadersMax ${derived.viewHeadersMax}`,
  );
  assert(
    pipelinePrepareQueueMax + derived.pipelineRequestQueueMax <= clientsMax + 1,
    "every client has at most one request in the pipeline",
  );
}

function assertProcessConfig(cluster: ClusterConfig, process: ProcessConfig, derived: DerivedConfig): void {
  const headerSectors = derived.journalSizeHeaders / SECTOR_SIZE_BYTES;
  assert(
    !isProduction(cluster) || process.journalIopsWriteMax < headerSectors,
    "a crash must not be able to tear every header sector at once",
  );
  assert(process.journalIopsReadMax > 2, "two reads of the journal are kept for commits");
  assert(
    process.clientRepliesIopsReadMax > 0 && process.clientRepliesIopsWriteMax > 0,
    "client replies need reads and writes",
  );
  assert(process.gridRepairReadsMax <= process.gridIopsReadMax, "reads for repair are grid reads");
  assert(
    process.storageSizeLimitDefault <= process.storageSizeLimitMax,
    "the default storage limit is at most the maximum",
  );
  assert(
    derived.dataFileSizeMin <= process.storageSizeLimitDefault,
    () => `a data file has at least ${derived.dataFileSizeMin} bytes`,
  );
  assert(process.backoffMinTicks > 0 && process.backoffMinTicks <= process.backoffMaxTicks, "backoff is a range");
  assert(
    process.rttTicks > 0 && process.rttTicks <= process.rttMaxTicks && process.rttMultiple > 0,
    "the round trip time is a range",
  );
  assert(
    process.clockSynchronizationWindowMinMs < process.clockSynchronizationWindowMaxMs,
    "the clock's window is a range",
  );
  assert(process.clockSynchronizationWindowMaxMs < process.clockEpochMaxMs, "a window closes before the epoch ends");
  assert(process.tickMs > 0, "time advances");
}
