/**
 * The port to the grid: what the replica needs of it for checkpoints and for repairing blocks (spec 04 §19.5, §20.2, §22).
 * The state machine's store, which lives in the grid, knows much more of it.
 *
 * Callbacks run once, never from inside the call.
 *
 * @module
 */
import type { BlockReference, TrailerReference } from "../block-reference.ts";

/** Bytes that a checkpoint consists of, in a chain of blocks of the grid (spec 04 §17): here the client sessions. */
export interface CheckpointTrailer {
  /** Where to put the bytes before {@link CheckpointTrailer.checkpoint}. */
  readonly buffer: Uint8Array;
  /** The bytes that were opened or written last. */
  readonly bytes: Uint8Array;
  /** The blocks that they are in, to be released once the superblock no longer needs them. */
  readonly addresses: readonly number[];
  /** What the superblock keeps of them. */
  readonly reference: TrailerReference;
  /** Reads what the superblock refers to. */
  open(reference: TrailerReference, callback: () => void): void;
  /** Writes the first `size` bytes of the buffer. Acquires the blocks before it returns. */
  checkpoint(size: number, callback: () => void): void;
  /** Forgets everything, before a state sync. */
  reset(): void;
}

/** A table of the state machine's store, as far as a state sync must know it. */
export interface StoredTable {
  /** The index block, which names all others. */
  readonly index: BlockReference;
  /** The first snapshot that sees the table: a table that was written by the commit of an op has one above it. */
  readonly snapshotMin: number;
}

/**
 * All tables of the state machine's store, one after the other: the upper levels first, so that a table that moves down on
 * the way is met again and none is missed. Its place stays good across compactions, and across a state sync, too, for tables
 * that are older.
 */
export interface StoredTables {
  /** Goes back to the first table. */
  rewind(): void;
  /** The next table, or null behind the last. */
  next(): StoredTable | null;
  /** Whether the store has the table with this index block now. Looks at all of them. */
  has(index: BlockReference): boolean;
}

/** Looks for blocks that the disk has lost, while other replicas still have them (spec 04 §20.3). */
export interface Scrubber {
  /** When to scrub next, in ticks. Only while the grid is open. */
  readonly intervalTicks: number;
  /** Takes the reads that are done, has damaged blocks repaired, and begins new reads. Only while the store is open. */
  scrub(): void;
  /** Forgets its tour and its reads. Only right after the grid has dropped all reads. */
  cancel(): void;
}

/** The blocks of the data file, and which of them are in use. */
export interface Grid {
  /** Whether the current checkpoint is known to be on a quorum, so that what was released before it is free. */
  readonly checkpointIsDurable: boolean;
  /** The size of the data file in bytes, as the superblock records it: up to the highest block in use. */
  readonly storageSize: number;
  /** The trailer of acquired blocks, as it was written last. */
  readonly freeSetBlocksAcquired: TrailerReference;
  /** The trailer of released blocks, as it was written last. */
  readonly freeSetBlocksReleased: TrailerReference;
  /** How many more `block` messages can be taken now. While none, the bus holds them back. */
  readonly repairWritesAvailable: number;

  /** Reads the free set that the superblock refers to. */
  open(callback: () => void): void;
  /** Writes the free set's trailers: the last step of a checkpoint before the superblock. */
  checkpoint(callback: () => void): void;
  /** The superblock of the new checkpoint is durable here: releases the trailers' blocks. */
  markCheckpointNotDurable(): void;
  /** The checkpoint is durable on a quorum: frees what was released before it. At a fixed op on every replica. */
  checkpointDurable(callback: () => void): void;
  /** Marks blocks as no longer needed by the next checkpoint. */
  release(addresses: readonly number[]): void;
  /** Drops all reads and writes and forgets the free set, before a state sync. `open` may follow. */
  cancel(callback: () => void): void;

  /** Whether all reads and writes are being dropped. Until that is done, blocks are neither asked for, nor taken, nor sent. */
  readonly cancelling: boolean;
  /** How many blocks are in use; 0 while the free set is not known. */
  readonly blocksAcquired: number;
  /** How often a read found its block in the cache, and how often not, since the start. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** How many blocks are to be fetched and written here. */
  readonly blocksMissing: number;
  /** Whether a read waits for a block that only another replica can supply. */
  readonly readWaitsForBlock: boolean;

  /**
   * Writes the body of a `get_blocks`: up to `grid_repair_request_max` wanted blocks for which `accept` returns true.
   *
   * @returns how many they are.
   */
  nextBatchOfBlockRequests(body: Uint8Array, accept: (address: number, checksum: bigint) => boolean): number;
  /** Takes a `block` message, header and body, that is valid by itself. Returns whether it was wanted. */
  receiveBlock(bytes: Uint8Array): boolean;
  /** Runs after each write of a block that another replica sent, when {@link repairWritesAvailable} has grown. */
  onRepairWritten(listener: () => void): void;

  /** How many more blocks can be read for other replicas now: at most `grid_repair_reads_max`. */
  readonly repairReadsAvailable: number;
  /**
   * Reads a block for another replica: what the disk or the memory has, whether it is in use here or not.
   *
   * @param callback gets header and body, good during the call, or null if exactly this block is not here. Never runs from
   * inside the call, and not at all if the grid is cancelled before.
   */
  readBlockForReplica(reference: BlockReference, callback: (bytes: Uint8Array | null) => void): void;

  /** How many more tables can be fetched now: at most `grid_missing_tables_max`; 0 until {@link resumeTables}. */
  readonly tablesAvailable: number;
  /** How many tables are being fetched, or wait to be reclaimed. */
  readonly tablesMissing: number;
  /**
   * Fetches all blocks of a table from other replicas. There must be room, and the index block must not be free.
   *
   * @returns false if the table is being fetched already: it has moved to another level since.
   */
  fetchTable(index: BlockReference): boolean;
  /** The index block of a table of which all blocks are written now, each once; or null. */
  reclaimTable(): BlockReference | null;
  /** After a cancel, when the store is open again: goes on with the tables that it still has. */
  resumeTables(exists: (index: BlockReference) => boolean): void;
}
