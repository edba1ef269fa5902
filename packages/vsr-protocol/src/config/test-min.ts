/**
 * The smallest configuration that the protocol allows (spec 01 §7.1, §7.2): every ring wraps and every queue fills soon.
 *
 * @module
 */
import type { ClusterConfig, Config, ProcessConfig } from "./config.ts";
import { createConfig } from "./derive.ts";
import { PRODUCTION_CLUSTER, PRODUCTION_PROCESS } from "./production.ts";

const KIB = 1024;
const GIB = 1024 * 1024 * KIB;

/** What the replicas of a test cluster share. */
export const TEST_MIN_CLUSTER: ClusterConfig = {
  ...PRODUCTION_CLUSTER,
  clientsMax: 4 + 3,
  pipelinePrepareQueueMax: 4,
  viewChangeHeadersSuffixMax: 4 + 1,
  journalSlotCount: 32,
  messageSizeMax: 4 * KIB,
  blockSize: 4 * KIB,
  lsmGrowthFactor: 4,
  lsmCompactionOps: 4,
  lsmManifestCompactExtraBlocks: 5,
  lsmScansMax: 12,
};

/** What the processes of a test cluster use. */
export const TEST_MIN_PROCESS: ProcessConfig = {
  ...PRODUCTION_PROCESS,
  journalIopsReadMax: 3,
  journalIopsWriteMax: 2,
  gridIopsReadMax: 8,
  gridIopsWriteMax: 8,
  gridMissingBlocksMax: 3,
  gridMissingTablesMax: 2,
  gridScrubberReadsMax: 2,
  gridScrubberCycleTicks: (60 * 60 * 1000) / PRODUCTION_PROCESS.tickMs,
  storageSizeLimitDefault: GIB,
  storageSizeLimitMax: GIB,
  cacheAccountsSizeDefault: 32 * KIB,
  directIo: false,
};

/** The configuration of simulations and tests. */
export const TEST_MIN: Config = createConfig(TEST_MIN_CLUSTER, TEST_MIN_PROCESS, "test_min");
