/**
 * The ports of vsr-protocol without a machine: storage and time in memory, driven by one seed, with faults on request.
 *
 * @packageDocumentation
 */
export { flipBit, SimulatedDisk } from "./disk.ts";
export { exponential } from "./exponential.ts";
export { chunkSizeBytes, type FaultAtlas, NO_FAULTS_ATLAS, ZonesFaultAtlas } from "./faults/atlas.ts";
export {
  ALWAYS,
  type CrashOutcomes,
  type Latency,
  NEVER,
  NO_STORAGE_FAULTS,
  type Ratio,
  type StorageFaults,
} from "./faults/storage-faults.ts";
export { SimulatedStorage, type SimulatedStorageOptions, type StorageFaultCounts } from "./storage.ts";
export {
  type ClockOffset,
  linearOffset,
  NO_OFFSET,
  SimulatedTime,
  type SimulatedTimeOptions,
  stepOffset,
  TICK_NS,
} from "./time.ts";
