/**
 * All the blocks that a replica ever has in memory.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";
import { Block } from "./block.ts";

/** What a pool is made of. */
export interface BlockPoolOptions {
  /** Where the buffers live. */
  readonly memory: LinearMemory;
  /** The size of every buffer in bytes: `block_size`. */
  readonly blockSize: number;
  /** How many blocks there are. Whoever sizes it adds up what every owner can hold at once. */
  readonly blocksMax: number;
}

/** A fixed number of blocks, lent out and taken back. Running out is a bug: every owner's share is known at start-up. */
export class BlockPool {
  /** How many blocks there are, lent out or not. */
  readonly blocksMax: number;
  readonly #free: Block[] = [];

  /** Allocates `blocksMax` × `blockSize` bytes. Those that are never lent out take no resident memory. */
  constructor({ memory, blockSize, blocksMax }: BlockPoolOptions) {
    assert(blockSize > 0 && blockSize % SECTOR_SIZE_BYTES === 0, () => `blocks of ${blockSize} bytes`);
    assert(Number.isInteger(blocksMax) && blocksMax > 0, () => `a pool of ${blocksMax} blocks`);
    this.blocksMax = blocksMax;
    const start = memory.allocate(blockSize * blocksMax, SECTOR_SIZE_BYTES, "blocks");
    const giveBack = (block: Block): void => this.#giveBack(block);
    // From the end, so that blocks are lent out in the order of their addresses.
    for (let index = blocksMax - 1; index >= 0; index -= 1) {
      const at = start + index * blockSize;
      this.#free.push(new Block(memory.bytes.subarray(at, at + blockSize), at, giveBack));
    }
  }

  /** How many blocks can be acquired now. */
  get available(): number {
    return this.#free.length;
  }

  /**
   * Lends out a block with one reference, to be given back by `block.release()`. Its bytes are those of an earlier use.
   *
   * @throws AssertionError if none is left.
   */
  acquire(): Block {
    const block = this.#free.pop();
    assert(block !== undefined, () => `all ${this.blocksMax} blocks are in use`);
    assert(block.references === 0, () => `a free block has ${block.references} references`);
    return block.retain();
  }

  #giveBack(block: Block): void {
    assert(block.references === 0, () => `a block comes back with ${block.references} references`);
    assert(this.#free.length < this.blocksMax, "a block comes back that was never lent out");
    this.#free.push(block);
  }
}
