/**
 * The port to the grid: what the replica needs of it for checkpoints and for repairing blocks (spec 04 §19.5, §20.2, §22).
 * The state machine's store, which lives in the grid, knows much more of it.
 *
 * Callbacks run once, never from inside the call.
 *
 * @module
 */
import type { TrailerReference } from "../block-reference.ts";

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

  /**
   * Writes the body of a `get_blocks`: up to `grid_repair_request_max` wanted blocks for which `accept` returns true.
   *
   * @returns how many they are.
   */
  nextBatchOfBlockRequests(body: Uint8Array, accept: (address: number, checksum: bigint) => boolean): number;
  /** Takes a `block` message, header and body, that is valid by itself. Returns whether it was wanted. */
  receiveBlock(bytes: Uint8Array): boolean;
}
