/**
 * The block grid: copy-on-write blocks with a cache, a free set, checkpoint trailers, repair queues and a scrubber.
 *
 * @packageDocumentation
 */
export { Grid } from "./grid.ts";
export type { GridState } from "./grid.ts";
export { gridBlocksInMemory, gridMemorySize } from "./grid-options.ts";
export type { GridObserver, GridOptions, GridSuperBlock } from "./grid-options.ts";
export { Block, blockFault } from "./block.ts";
export type { BlockFault, BlockValues } from "./block.ts";
export {
  indexBlockSize,
  IndexMetadata,
  indexValueBlock,
  ManifestMetadata,
  manifestEntryCountMax,
  METADATA_OFFSET,
  METADATA_SIZE_BYTES,
  metadataInvalid,
  TABLE_INFO_SIZE_BYTES,
  tableValueBlocksMax,
  TrailerMetadata,
  ValueMetadata,
} from "./block-metadata.ts";
export { BlockPool } from "./block-pool.ts";
export type { BlockPoolOptions } from "./block-pool.ts";
export { BlockRead } from "./block-reads.ts";
export type { BlockReadOptions, BlockReadSource, BlockReadState } from "./block-reads.ts";
export { BlockSeal } from "./block-seals.ts";
export { BlockWrite } from "./block-writes.ts";
export type { BlockWritePurpose, BlockWriteState } from "./block-writes.ts";
export { cacheBlocksFor } from "./block-cache.ts";
export { CheckpointTrailer, trailerBlockCount } from "./checkpoint-trailer.ts";
export type { CheckpointTrailerOptions, TrailerGrid } from "./checkpoint-trailer.ts";
export { decodeEwah, encodeEwah, ewahEncodeSizeMax } from "./ewah.ts";
export type { EwahFault } from "./ewah.ts";
export { FreeSet, freeSetEncodeSizeMax, gridBlocksMax, SHARD_BITS } from "./free-set/free-set.ts";
export type { FreeSetEncoded } from "./free-set/free-set.ts";
export type { Reservation } from "./free-set/reservation.ts";
export { Hash64 } from "./hash64.ts";
export { GridBlocksMissing, MissingTable } from "./missing-blocks.ts";
export type { MissingBlockState } from "./missing-blocks.ts";
export { GridScrubber } from "./scrubber.ts";
export type { GridScrubberOptions, ScrubbedForest, ScrubberCounts } from "./scrubber.ts";
export { CACHE_ENTRIES_MULTIPLE, CACHE_WAYS, SetAssociativeCache } from "./set-associative-cache.ts";
export type { CacheCounts, CacheKeys, SetAssociativeCacheOptions } from "./set-associative-cache.ts";
