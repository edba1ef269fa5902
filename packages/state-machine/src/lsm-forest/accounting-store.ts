/**
 * The accounting state machine on a data file: grid, forest and machine put together.
 *
 * @module
 */
import { CheckpointTrailer, Grid, GridScrubber } from "@stagbeetle/grid";
import type { Kernels } from "@stagbeetle/kernels";
import { ForestTables, ForestTour, GridStore } from "@stagbeetle/lsm";
import {
  BlockType,
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
import { AccountingStateMachine } from "../accounting/accounting.ts";
import { accountingGrooves } from "../accounting/grooves.ts";
import { Limits } from "../accounting/limits.ts";
import { accountingGrooveLimits, type CacheSizes } from "./accounting-limits.ts";
import { LsmForest, lsmForestBlocksMax } from "./lsm-forest.ts";

/** What the machine and its store are made of. */
export interface AccountingStoreOptions {
  readonly config: Config;
  /** Of the replica's memory, which everything is allocated in. */
  readonly kernels: Kernels;
  readonly checksums: Checksums;
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
  /** The caches of objects, in objects (`--cache-accounts` and the like). */
  readonly cacheObjects: CacheSizes;
  /** How many tables the manifest has room for (`--memory-lsm-manifest`); as many as a forest can have unless said. */
  readonly manifestTablesMax?: number;
  /** The most bytes of a request's body. */
  readonly batchSizeLimit: number;
  readonly aofRecovery: boolean;
}

/** A machine whose state is in the data file, and where its checkpoints are kept. None of it is open. */
export interface AccountingStore {
  readonly stateMachine: AccountingStateMachine;
  readonly checkpointStore: CheckpointStore;
  readonly grid: Grid;
  readonly forest: LsmForest;
}

/** Allocates the machine and all that it stands on. Nothing is read or written yet. */
export function accountingStore(options: AccountingStoreOptions): AccountingStore {
  const { config, kernels, checksums, storage, superblock, batchSizeLimit, aofRecovery, logger } = options;
  const { memory } = kernels;
  const sizes = { messageBodySizeMax: config.derived.messageBodySizeMax, batchSizeLimit };
  const limits = new Limits(sizes);
  const grooves = accountingGrooves(limits);
  const grid = new Grid({
    config,
    memory,
    storage,
    superblock,
    checksums,
    random: options.random,
    logger,
    storageSizeLimit: options.storageSizeLimit,
    cacheSizeBytes: options.cacheGridSizeBytes,
    blocksOfUsers: lsmForestBlocksMax(config, grooves),
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
  const { manifestTablesMax } = options;
  const forest = new LsmForest({
    config,
    kernels,
    store: new GridStore(grid, checksums),
    superblock: new WorkingCheckpoint(superblock),
    grooves,
    limitsOf: accountingGrooveLimits(limits, options.cacheObjects),
    ...(manifestTablesMax === undefined ? {} : { manifestTablesMax }),
  });
  const stateMachine = new AccountingStateMachine({ forest, ...sizes, aofRecovery, logger });
  const tables = new ForestTables(forest.trees, memory);
  const tour = new ForestTour(forest.trees, memory);
  const scrubber = new GridScrubber({ config, grid, forest: tour, clientSessions, random: options.random });
  return { stateMachine, checkpointStore: { grid, clientSessions, tables, scrubber }, grid, forest };
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
