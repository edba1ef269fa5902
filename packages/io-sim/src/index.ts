/**
 * The ports of vsr-protocol without a machine: storage, network and time in memory, driven by one seed, with faults on
 * request; and clusters on them, held against models.
 *
 * @packageDocumentation
 */
export { flipBit, SimulatedDisk } from "./disk.ts";
export { exponential } from "./exponential.ts";
export { chunkSizeBytes, type FaultAtlas, NO_FAULTS_ATLAS, ZonesFaultAtlas } from "./faults/atlas.ts";
export { ClusterFaultAtlas, type ClusterFaultAtlasOptions, gridBlockCount } from "./faults/cluster-atlas.ts";
export { formatDisk } from "./format-disk.ts";
export { LogOnDisk } from "./log-on-disk.ts";
export {
  ALWAYS,
  type CrashOutcomes,
  type Latency,
  NEVER,
  NO_STORAGE_FAULTS,
  type Ratio,
  type StorageFaults,
} from "./faults/storage-faults.ts";
export {
  type CrashOutcome,
  SimulatedStorage,
  type SimulatedStorageOptions,
  type StorageFaultCounts,
  type StorageIncident,
} from "./storage.ts";
export {
  type ClockOffset,
  linearOffset,
  NO_OFFSET,
  SimulatedTime,
  type SimulatedTimeOptions,
  stepOffset,
  TICK_NS,
} from "./time.ts";

// Checksums, as another thread computes them.
export { SimulatedBodyChecksums, type SimulatedBodyChecksumsOptions } from "./body-checksums.ts";

// The network.
export type { Address, Packet } from "./network/endpoint.ts";
export type { SimulatedMessageBus } from "./network/message-bus.ts";
export {
  type Joining,
  type NetworkCounts,
  type NetworkFaults,
  type NetworkObserver,
  NO_NETWORK_FAULTS,
  SimulatedNetwork,
  type SimulatedNetworkOptions,
} from "./network/network.ts";

export { NO_PARTITIONS, type PartitionFaults, type PartitionMode, Partitions } from "./network/partitions.ts";
export { commandOf, type Link, Rules, type Traffic } from "./network/rules.ts";

// Clusters in one process.
export {
  ACCOUNTING,
  type Application,
  ECHO,
  type Foundation,
  type Incarnation,
  LEDGER,
  STORED_ECHO,
  type Trial,
} from "./cluster/application.ts";
export { SimulatedClient, type SimulatedClientState } from "./cluster/client.ts";
export { Cluster, type ClusterOptions, SIMULATED_RELEASE } from "./cluster/cluster.ts";
export { CONFIGURATIONS, opMaxWithoutCheckpoint } from "./cluster/configurations.ts";
export {
  Machine,
  type MachineInspector,
  type MachineObserver,
  type MachineOptions,
  type MachineState,
} from "./cluster/machine.ts";
export { Recovery, type RecoveryStage } from "./cluster/recovery.ts";

// What they are held against.
export {
  AccountingModel,
  type AccountingModelOptions,
  encodeAccount,
  encodeTransfer,
  type ModelAccount,
  type ModelTransfer,
  type PendingStatus,
} from "./checkers/accounting-model.ts";
export { assertBytes, type Executed, History, type HistoryCounts, type HistoryOptions } from "./checkers/history.ts";
export { type AOFExpectation, checkAof } from "./checkers/aof-checker.ts";
export { GridChecker } from "./checkers/grid-checker.ts";
export { checkFreeSet, ManifestChecker } from "./checkers/manifest-checker.ts";
export { CheckpointDigest } from "./checkers/checkpoint-digest.ts";
export { checkJournal } from "./checkers/journal-checker.ts";
export { StateChecker } from "./checkers/state-checker.ts";
export { StorageChecker } from "./checkers/storage-checker.ts";
export { EchoModel, type Model, type ModelOperation } from "./checkers/model.ts";

// What they are asked.
export { AccountingWorkload, type AccountingWorkloadOptions } from "./workload/accounting-workload.ts";
export type { Workload, WorkloadRequest } from "./workload/workload.ts";

// Scenarios from text.
export { runScenario, type ScenarioResult } from "./scenario/run-scenario.ts";

// Runs from one seed.
export { type ClusterRunOptions, drawClusterRun, type MachineFaults } from "./runs/cluster-options.ts";
export {
  type ClusterRunOutcome,
  type ClusterRunResult,
  type ClusterRunSetup,
  runCluster,
  shrinkCluster,
} from "./runs/cluster-run.ts";
export { Coverage, COVERAGE_MARKS, type CoverageMark } from "./runs/coverage.ts";
export { type CrashRunLength, type CrashRunResult, type CrashRunSetup, runCrashes } from "./runs/crash-run.ts";
export {
  type DetectionKind,
  type DetectionRunResult,
  type DetectionRunSetup,
  runDetection,
} from "./runs/detection-run.ts";
export {
  type Hostility,
  type HostileRunOptions,
  type HostileRunOutcome,
  type HostileRunResult,
  runHostile,
} from "./runs/hostile-run.ts";
export { runStoreDamage, type StoreDamage, type StoreRunResult, type StoreRunSetup } from "./runs/store-run.ts";
