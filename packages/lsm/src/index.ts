export { compareKeys, copyKey, keyInteger, KeyRange } from "./key.ts";
export type { KeyPointer } from "./key.ts";
export type { BlockStore } from "./block-store.ts";
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
export { TableRange } from "./manifest/table-range.ts";
export { manifestBlockInvalid } from "./manifest-log/manifest-block.ts";
export { ManifestLog } from "./manifest-log/manifest-log.ts";
export type { ManifestLogObserver, ManifestLogOptions, ManifestLogState } from "./manifest-log/manifest-log.ts";
export { ManifestPace } from "./manifest-log/pace.ts";
export { TableExtents } from "./manifest-log/table-extents.ts";
