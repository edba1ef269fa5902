/**
 * What a state machine in a data file stands on: grid, forest, and where checkpoints are kept.
 *
 * @module
 */
import { CheckpointTrailer, Grid, type GridObserver, GridScrubber } from "@stagbeetle/grid";
import type { Kernels } from "@stagbeetle/kernels";
import {
  ForestTables,
  ForestTour,
  GridStore,
  type GrooveLimits,
  type GrooveDeclaration,
  type SpillOptions,
} from "@stagbeetle/lsm";
import {
  BlockType,
  type BodyChecksums,
  type CheckpointStore,
  type Checksums,
  clientSessionsEncodeSize,
  type Config,
  type Logger,
  type ManifestReferences,
  type Random,
  type Storage,
  type SuperBlock,
} from "@stagbeetle/vsr-protocol";
import { LsmForest, lsmForestBlocksMax } from "./lsm-forest.ts";

/** What the store of any state machine is made of. */
export interface DataFileStoreOptions {
  readonly config: Config;
  /** Of the replica's memory, which everything is allocated in. */
  readonly kernels: Kernels;
  readonly checksums: Checksums;
  /** Computes the checksums of blocks; inside of the call unless given. */
  readonly bodyChecksums?: BodyChecksums;
  readonly storage: Storage;
  /** Not open yet. */
  readonly superblock: SuperBlock;
  /** The store's own generator. */
  readonly random: Random;
  readonly logger: Logger;
  /** The largest size of the data file in bytes (`--limit-storage`). */
  readonly storageSizeLimit: number;
  /** The cache of blocks, in bytes (`--cache-grid`). */
  readonly cacheGridSizeBytes: number;
  /** How many tables the manifest has room for (`--memory-lsm-manifest`); as many as a forest can have unless said. */
  readonly manifestTablesMax?: number;
  /** How many blocks compaction may hold (`--memory-lsm-compaction`); as many as it has by default unless said. */
  readonly compactionBlocksMax?: number;
  /** Where values wait to be flushed; in memory unless said. */
  readonly spill?: SpillOptions;
  /** Sees the blocks of the grid: for simulation. */
  readonly gridObserver?: GridObserver;
}

/** What is stored, and how much one op touches of it. */
export interface DataFileStoreContent {
  readonly grooves: readonly GrooveDeclaration[];
  readonly limitsOf: (groove: GrooveDeclaration) => GrooveLimits;
}

/** A forest in the data file. None of it is open. */
export interface DataFileStore {
  readonly checkpointStore: CheckpointStore;
  readonly grid: Grid;
  readonly forest: LsmForest;
}

/** Allocates all of it. Nothing is read or written yet. */
export function dataFileStore(
  options: DataFileStoreOptions,
  { grooves, limitsOf }: DataFileStoreContent,
): DataFileStore {
  const { config, kernels, checksums, bodyChecksums, storage, superblock, logger, gridObserver } = options;
  const { manifestTablesMax, compactionBlocksMax, spill } = options;
  const { memory } = kernels;
  const grid = new Grid({
    config,
    memory,
    storage,
    superblock,
    checksums,
    ...(bodyChecksums === undefined ? {} : { bodyChecksums }),
    random: options.random,
    logger,
    storageSizeLimit: options.storageSizeLimit,
    cacheSizeBytes: options.cacheGridSizeBytes,
    blocksOfUsers: lsmForestBlocksMax(config, grooves, compactionBlocksMax),
    ...(gridObserver === undefined ? {} : { observer: gridObserver }),
  });
  const clientSessions = new CheckpointTrailer({
    config,
    memory,
    checksums,
    grid,
    blockType: BlockType.clientSessions,
    sizeMax: clientSessionsEncodeSize(config),
    label: "client sessions trailer",
  });
  const forest = new LsmForest({
    config,
    kernels,
    store: new GridStore(grid, checksums),
    superblock: new WorkingCheckpoint(superblock),
    grooves,
    limitsOf,
    ...(manifestTablesMax === undefined ? {} : { manifestTablesMax }),
    ...(compactionBlocksMax === undefined ? {} : { compactionBlocksMax }),
    ...(spill === undefined ? {} : { spill }),
  });
  const tables = new ForestTables(forest.trees, memory);
  const tour = new ForestTour(forest.trees, memory);
  const scrubber = new GridScrubber({ config, grid, forest: tour, clientSessions, random: options.random });
  return { checkpointStore: { grid, clientSessions, tables, scrubber }, grid, forest };
}

/** The checkpoint of the working superblock, as the forest asks for it. */
class WorkingCheckpoint {
  readonly #superblock: SuperBlock;

  constructor(superblock: SuperBlock) {
    this.#superblock = superblock;
  }

  get checkpointOp(): number {
    return this.#superblock.working.checkpointHeader.op;
  }

  get manifestReferences(): ManifestReferences {
    const { checkpoint } = this.#superblock.working;
    return {
      oldest: { checksum: checkpoint.manifestOldestChecksum, address: checkpoint.manifestOldestAddress },
      newest: { checksum: checkpoint.manifestNewestChecksum, address: checkpoint.manifestNewestAddress },
      blockCount: checkpoint.manifestBlockCount,
    };
  }
}
