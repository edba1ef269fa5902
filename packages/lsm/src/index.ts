/**
 * The LSM forest: trees in memory and in grid blocks, compaction by beats and bars, the manifest and its log.
 *
 * @packageDocumentation
 */
export type { BlockStore } from "./block-store.ts";
export type { CompactionObserver, FlushSkipped, Quotas } from "./compaction/compaction.ts";
export { COMPACTION_BLOCKS_DEFAULT, COMPACTION_BLOCKS_MIN } from "./compaction/compaction-blocks.ts";
export { Forest, forestBlocksMax } from "./forest.ts";
export type { ForestOptions, ForestState } from "./forest.ts";
export { ForestTables, ForestTour } from "./forest-tour.ts";
export { GridStore } from "./grid-store.ts";
export { treesOf } from "./groove/declaration.ts";
export type {
  GrooveDeclaration,
  IndexCondition,
  IndexDeclaration,
  IndexKind,
  IndexSource,
} from "./groove/declaration.ts";
export { Groove, NOT_FOUND, ORPHANED } from "./groove/groove.ts";
export type { GrooveLimits, GrooveOptions } from "./groove/groove.ts";
export { keyInteger } from "./key.ts";
export {
  ManifestEvent,
  TABLE_INFO_LAYOUT,
  TABLE_INFO_SIZE_BYTES,
  TableInfo,
  TableInfoView,
} from "./manifest/table-info.ts";
export { ManifestLog } from "./manifest-log/manifest-log.ts";
export type { ManifestLogObserver, ManifestLogOptions } from "./manifest-log/manifest-log.ts";
export { ManifestPace } from "./manifest-log/pace.ts";
export type { ScanEnd, ScanInspector } from "./scan/scan-reader.ts";
export { scanBlocksMax, Scans } from "./scan/scans.ts";
export type { ScanInto, ScansOptions, TimestampRange } from "./scan/scans.ts";
export type { Direction, ScanState, TimestampScan } from "./scan/timestamp-scan.ts";
export type { SpillOptions } from "./spill/spill.ts";
export { Tree } from "./tree.ts";
export type { TreeDeclaration } from "./tree-schema.ts";
export { TreeSchema } from "./tree-schema.ts";
