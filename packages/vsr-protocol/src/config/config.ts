/**
 * The configuration of a cluster and of a process (spec 01 §7, spec 04 §2).
 *
 * There are no global constants that differ between production and tests: a `Config` is created once and passed in, so
 * that both run side by side in one process.
 *
 * @module
 */

/** What all replicas of a cluster share for ever; it enters the replica ids. Sizes in bytes. */
export interface ClusterConfig {
  readonly cacheLineSize: number;
  readonly clientsMax: number;
  readonly pipelinePrepareQueueMax: number;
  readonly viewChangeHeadersSuffixMax: number;
  readonly quorumReplicationMax: number;
  readonly journalSlotCount: number;
  readonly messageSizeMax: number;
  readonly superblockCopies: number;
  readonly blockSize: number;
  readonly lsmLevels: number;
  readonly lsmGrowthFactor: number;
  readonly lsmCompactionOps: number;
  readonly lsmSnapshotsMax: number;
  readonly lsmManifestCompactExtraBlocks: number;
  readonly lsmTableCoalescingThresholdPercent: number;
  readonly vsrReleasesMax: number;
  readonly lsmScansMax: number;
}

/** What may differ from process to process. Times in milliseconds unless the name says ticks. */
export interface ProcessConfig {
  readonly tickMs: number;
  readonly rttTicks: number;
  readonly rttMaxTicks: number;
  readonly rttMultiple: number;
  readonly backoffMinTicks: number;
  readonly backoffMaxTicks: number;
  readonly connectionDelayMinMs: number;
  readonly connectionDelayMaxMs: number;
  readonly journalIopsReadMax: number;
  readonly journalIopsWriteMax: number;
  readonly clientRepliesIopsReadMax: number;
  readonly clientRepliesIopsWriteMax: number;
  readonly gridIopsReadMax: number;
  readonly gridIopsWriteMax: number;
  readonly gridRepairRequestMax: number;
  readonly gridRepairReadsMax: number;
  readonly gridMissingBlocksMax: number;
  readonly gridMissingTablesMax: number;
  readonly gridScrubberReadsMax: number;
  readonly gridScrubberCycleTicks: number;
  readonly gridScrubberIntervalMinTicks: number;
  readonly gridScrubberIntervalMaxTicks: number;
  readonly gridCacheSizeDefault: number;
  readonly storageSizeLimitDefault: number;
  readonly storageSizeLimitMax: number;
  readonly cacheAccountsSizeDefault: number;
  readonly lsmManifestNodeSize: number;
  readonly clockOffsetToleranceMaxMs: number;
  readonly clockEpochMaxMs: number;
  readonly clockSynchronizationWindowMinMs: number;
  readonly clockSynchronizationWindowMaxMs: number;
  /** Whether the data file is opened past the page cache. */
  readonly directIo: boolean;
}

/** What follows from the two others (spec 01 §7.3). Sizes in bytes. */
export interface DerivedConfig {
  readonly messageBodySizeMax: number;
  readonly pipelineRequestQueueMax: number;
  readonly viewHeadersMax: number;
  readonly getHeadersMax: number;
  readonly vsrCheckpointOps: number;
  readonly connectionSendQueueMaxReplica: number;
  readonly connectionSendQueueMaxClient: number;
  readonly superblockCopySize: number;
  readonly clientRepliesSize: number;
  readonly journalSizeHeaders: number;
  readonly journalSizePrepares: number;
  readonly blockBodySizeMax: number;
  /** Where the grid begins: the smallest size of a data file. */
  readonly dataFileSizeMin: number;
}

/** Everything that is configured. `PRODUCTION` and `TEST_MIN` are the two that the reference knows. */
export interface Config {
  readonly name: string;
  readonly cluster: ClusterConfig;
  readonly process: ProcessConfig;
  readonly derived: DerivedConfig;
}
