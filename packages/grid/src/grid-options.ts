/**
 * What a grid is made of, and how much memory that takes.
 *
 * @module
 */
import type { LinearMemory } from "@stagbeetle/kernels";
import type {
  BodyChecksums,
  CheckpointState,
  Checksums,
  Config,
  Logger,
  Random,
  Storage,
} from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";
import { BlockCache, cacheBlocksFor } from "./block-cache.ts";
import { BlockReads } from "./block-reads.ts";
import { BlockRepairs } from "./block-repairs.ts";
import { FreeSet, freeSetEncodeSizeMax, gridBlocksMax } from "./free-set/free-set.ts";

/** Trailers that are written at a checkpoint; each holds one block at a time. */
const TRAILERS_MAX = 3;

/** The scrubber holds the index block of the table that it is at. */
const SCRUBBER_BLOCKS = 1;

/** What the grid must know of the superblock, which is open before the grid is. */
export interface GridSuperBlock {
  readonly working: {
    readonly header: { readonly cluster: bigint };
    readonly vsrState: { readonly replicaCount: number };
    readonly checkpoint: CheckpointState;
  };
  readonly checkpointIds: { readonly id: bigint };
  /** The replica's own index. */
  readonly replica: number;
}

/** Sees the contents that the grid takes addresses to have: for checks that all replicas agree on them (spec 07 §12.2). */
export interface GridObserver {
  /**
   * A block is written, is durable, or was found for a reader who knows that it belongs to the checkpoint or was created since. It
   * is good during the call, and so is all that its header says.
   */
  blockTouched(block: Block): void;
}

/** What a grid is made of. */
export interface GridOptions {
  readonly config: Config;
  readonly memory: LinearMemory;
  readonly storage: Storage;
  readonly superblock: GridSuperBlock;
  readonly checksums: Checksums;
  /** Computes the checksums of bodies that are read, and of those that {@link Grid.sealBlock} gets; inside of the call unless given. */
  readonly bodyChecksums?: BodyChecksums;
  /** Its own generator, so that its draws disturb nobody else's. */
  readonly random: Random;
  readonly logger: Logger;
  /** The largest size of the data file in bytes (`--limit-storage`). */
  readonly storageSizeLimit: number;
  /** The size of the cache in bytes (`--cache-grid`). */
  readonly cacheSizeBytes: number;
  /**
   * How many blocks the grid's users hold at once, those that they have handed over to be written included. Trailers and
   * repairs are not theirs, nor are as many that are being sealed as {@link Grid.sealsDeferredMax}.
   */
  readonly blocksOfUsers: number;
  readonly observer?: GridObserver;
  /** Whether to compute the checksums of each block once more before it is written. For tests. */
  readonly verify?: boolean;
}

/** How many blocks a grid of these options has in memory, `block_size` bytes each. */
export function gridBlocksInMemory(
  options: Pick<GridOptions, "config" | "cacheSizeBytes" | "blocksOfUsers" | "bodyChecksums">,
): number {
  const { config, cacheSizeBytes, blocksOfUsers, bodyChecksums } = options;
  return (
    cacheBlocksFor(config, cacheSizeBytes) +
    BlockReads.blocksMax(config) +
    BlockRepairs.blocksMax(config) +
    TRAILERS_MAX +
    SCRUBBER_BLOCKS +
    blocksOfUsers +
    (bodyChecksums?.deferredMax ?? 0)
  );
}

/** How much linear memory a grid of these options takes in bytes, give or take the alignment of a few kilobytes. */
export function gridMemorySize(
  options: Pick<GridOptions, "config" | "cacheSizeBytes" | "blocksOfUsers" | "bodyChecksums" | "storageSizeLimit">,
): number {
  const { config, cacheSizeBytes, storageSizeLimit } = options;
  const blocksMax = gridBlocksMax(config, storageSizeLimit);
  return (
    FreeSet.memorySize(blocksMax) +
    2 * freeSetEncodeSizeMax(blocksMax) +
    BlockCache.memorySize(cacheBlocksFor(config, cacheSizeBytes)) +
    gridBlocksInMemory(options) * config.cluster.blockSize
  );
}
