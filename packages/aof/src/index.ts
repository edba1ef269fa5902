/**
 * The append-only file: its entries, a writer for replicas, an iterator over what is damaged, merge and replay.
 *
 * @packageDocumentation
 */

// The format, and going through it.
export {
  AOF_ENTRY_SIZE_MIN_BYTES,
  AOF_MAGIC_NUMBER,
  AOF_MAGIC_SIZE_BYTES,
  AOFEntry,
  aofEntrySizeMaxBytes,
} from "./entry.ts";
export type { EntryFault } from "./entry-reader.ts";
export { Iterator } from "./iterator.ts";
export type { AOFFault, IteratorOptions, IteratorStep } from "./iterator.ts";
export { Survey } from "./survey.ts";
export type { SurveyFault, SurveyOptions, SurveyReport } from "./survey.ts";

// A replica's writer.
export { AOF } from "./aof.ts";
export type { AOFOptions, AOFState } from "./aof.ts";

// One chain out of many files.
export { aofMerge, Merge } from "./merge.ts";
export type { MergeEvent, MergeOptions, MergeProblem, MergeProgress, MergeResult } from "./merge.ts";
export type { EntryInfo } from "./op-index.ts";
export type { OpRange } from "./op-ranges.ts";

// A new cluster out of a chain.
export { AOFReplayClient } from "./replay.ts";
export type { AOFReplayClientOptions, ReplayMessage, ReplayResult, ReplaySession, ReplayState } from "./replay.ts";
export { replayable } from "./replayable.ts";

// The ports to files, and a file in memory.
export type { AppendFile, PathTarget, ReadableFile } from "./file.ts";
export { MemoryFile } from "./memory-file.ts";
export type { MemoryFileOptions } from "./memory-file.ts";
