/**
 * The configuration of production clusters (spec 01 §7.1, §7.2). Data files and clients depend on the cluster part.
 *
 * @module
 */
import type { ClusterConfig, Config, ProcessConfig } from "./config.ts";
import { createConfig } from "./derive.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

const TICK_MS = 10;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What production replicas share. */
export const PRODUCTION_CLUSTER: ClusterConfig = {
  cacheLineSize: 64,
  clientsMax: 64,
  pipelinePrepareQueueMax: 8,
  viewChangeHeadersSuffixMax: 8 + 1,
  quorumReplicationMax: 3,
  journalSlotCount: 1024,
  messageSizeMax: MIB,
  superblockCopies: 4,
  blockSize: 512 * KIB,
  lsmLevels: 7,
  lsmGrowthFactor: 8,
  lsmCompactionOps: 32,
  lsmSnapshotsMax: 32,
  lsmManifestCompactExtraBlocks: 1,
  lsmTableCoalescingThresholdPercent: 50,
  vsrReleasesMax: 64,
  lsmScansMax: 6,
};

/** What production processes use unless told otherwise. */
export const PRODUCTION_PROCESS: ProcessConfig = {
  tickMs: TICK_MS,
  rttTicks: 300 / TICK_MS,
  rttMaxTicks: 60_000 / TICK_MS,
  rttMultiple: 2,
  backoffMinTicks: 10 / TICK_MS,
  backoffMaxTicks: 10_000 / TICK_MS,
  connectionDelayMinMs: 50,
  connectionDelayMaxMs: 1000,
  journalIopsReadMax: 8,
  journalIopsWriteMax: 32,
  clientRepliesIopsReadMax: 1,
  clientRepliesIopsWriteMax: 2,
  gridIopsReadMax: 32,
  gridIopsWriteMax: 32,
  gridRepairRequestMax: 4,
  gridRepairReadsMax: 4,
  gridMissingBlocksMax: 30,
  gridMissingTablesMax: 6,
  gridScrubberReadsMax: 1,
  gridScrubberCycleTicks: (180 * DAY_MS) / TICK_MS,
  gridScrubberIntervalMinTicks: 50 / TICK_MS,
  gridScrubberIntervalMaxTicks: 10_000 / TICK_MS,
  gridCacheSizeDefault: GIB,
  storageSizeLimitDefault: 16 * TIB,
  storageSizeLimitMax: 64 * TIB,
  cacheAccountsSizeDefault: 128 * MIB,
  lsmManifestNodeSize: 16 * KIB,
  clockOffsetToleranceMaxMs: 10_000,
  clockEpochMaxMs: 60_000,
  clockSynchronizationWindowMinMs: 2000,
  clockSynchronizationWindowMaxMs: 20_000,
  directIo: true,
};

/** The configuration of every replica that keeps real data. */
export const PRODUCTION: Config = createConfig(PRODUCTION_CLUSTER, PRODUCTION_PROCESS, "production");
