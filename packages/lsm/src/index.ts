/**
 * The LSM forest: trees in memory and in grid blocks, compaction by beats and bars, the manifest and its log.
 *
 * @packageDocumentation
 */
export { Beats } from "./beats.ts";
export type { BlockReader, LevelTables, ReadableTree, ReadContext } from "./block-reader.ts";
export type { BlockStore } from "./block-store.ts";
export type { Compaction, CompactionObserver, CompactionState, FlushSkipped, Quotas } from "./compaction/compaction.ts";
export { Forest, forestBlocksMax } from "./forest.ts";
export type { ForestOptions, ForestState } from "./forest.ts";
export { ForestTables, ForestTour } from "./forest-tour.ts";
export { GridStore } from "./grid-store.ts";
export { indexNumber, treesOf } from "./groove/declaration.ts";
export type {
  GrooveDeclaration,
  IndexCondition,
  IndexDeclaration,
  IndexKind,
  IndexSource,
} from "./groove/declaration.ts";
export { Groove, NOT_FOUND, ORPHANED } from "./groove/groove.ts";
export type { GrooveLimits, GrooveOptions } from "./groove/groove.ts";
export { GrooveTrees } from "./groove/groove-trees.ts";
export type { IndexEntries } from "./groove/index-entries.ts";
export { compareKeys, keyInteger, KeyRange } from "./key.ts";
export type { KeyPointer } from "./key.ts";
export { tablesPerForestMax, tablesPerLevelMax } from "./manifest/level-limits.ts";
export { Manifest } from "./manifest/manifest.ts";
export type { ManifestOptions } from "./manifest/manifest.ts";
export { ManifestLevel } from "./manifest/manifest-level.ts";
export type { ManifestMemory } from "./manifest/manifest-level.ts";
export { NodePool, SegmentedArray } from "./manifest/segmented-array.ts";
export {
  ManifestEvent,
  TABLE_INFO_LAYOUT,
  TABLE_INFO_SIZE_BYTES,
  TableInfo,
  TableInfoPool,
  TableInfoView,
} from "./manifest/table-info.ts";
export type { TableInfoValues } from "./manifest/table-info.ts";
export { TableIterator } from "./manifest/table-iterator.ts";
export type { IteratedForest, LevelOfTree } from "./manifest/table-iterator.ts";
export { TableRange } from "./manifest/table-range.ts";
export { manifestBlockInvalid } from "./manifest-log/manifest-block.ts";
export { ManifestLog } from "./manifest-log/manifest-log.ts";
export type { ManifestLogObserver, ManifestLogOptions, ManifestLogState } from "./manifest-log/manifest-log.ts";
export { ManifestPace } from "./manifest-log/pace.ts";
export { MemoryTable } from "./memory-table/memory-table.ts";
export { TreeMemory } from "./memory-table/tree-memory.ts";
export { ABSENT, NEEDS_READ, TreeLookup } from "./lookup/tree-lookup.ts";
export { ObjectCache } from "./object-cache/object-cache.ts";
export type { ObjectCacheOptions } from "./object-cache/object-cache.ts";
export { IntersectionScan, UnionScan } from "./scan/merge-scan.ts";
export type { ScanEnd, ScanInspector } from "./scan/scan-reader.ts";
export { scanBlocksMax, Scans } from "./scan/scans.ts";
export type { ScanInto, ScansOptions, TimestampRange } from "./scan/scans.ts";
export type { Direction, ScanState, TimestampScan } from "./scan/timestamp-scan.ts";
export { TreeScan, treeScanBlocksMax } from "./scan/tree-scan.ts";
export type { TreeRange } from "./scan/tree-scan.ts";
export { Tree } from "./tree.ts";
export type { TreeDeclaration } from "./tree-schema.ts";
export { TreeSchema } from "./tree-schema.ts";
