/**
 * What the forest needs of the grid: addresses, reads and writes of blocks (spec 05 §14).
 *
 * @module
 */
import type { Block, BlockRead, BlockSeal, BlockWrite, Reservation } from "@stagbeetle/grid";
import type { BlockReference, BlockType } from "@stagbeetle/vsr-protocol";

/** The grid as the forest sees it. */
export interface BlockStore {
  /** How many blocks more may be lent while they are being sealed. */
  readonly sealsDeferredMax: number;
  /** Lends a buffer to build a block in; given back by `block.release()`. */
  lendBlock(): Block;
  /** Begins a new block in a lent buffer: the header, of the cluster and the current checkpoint's release. */
  beginBlock(block: Block, address: number, blockType: BlockType, snapshot: number): void;
  /**
   * Ends a new block of `sizeBytes`, header included: its checksums. They may come later, and the block must not change before;
   * the callback may also run from inside the call.
   */
  sealBlock(seal: BlockSeal, block: Block, sizeBytes: number): void;
  /** The same at once, for blocks that are small, or whose checksum the next one contains. */
  sealBlockNow(block: Block, sizeBytes: number): void;
  /** Reserves free blocks; ends the process if the file would become too large. */
  reserve(count: number): Reservation;
  /** The lowest free address of the reservation, acquired. */
  acquire(reservation: Reservation): number;
  forfeit(reservation: Reservation): void;
  /** The block is not needed any more once the next checkpoint is durable. */
  release(address: number): void;
  /** Writes a new block. It must not change any more, and reads see it from now on. */
  createBlock(write: BlockWrite, block: Block): void;
  /** Reads a block of the current checkpoint or a newer one. Never fails. */
  readBlock(read: BlockRead, reference: BlockReference): void;
  /** The block if memory has it, good until control returns to the grid; else null. */
  readBlockFromMemory(reference: BlockReference): Block | null;
  /** Runs later, never from inside the call. */
  nextTick(callback: () => void): void;
}
