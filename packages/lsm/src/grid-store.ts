/**
 * The grid as the forest sees it.
 *
 * @module
 */
import type { Block, BlockRead, BlockReadOptions, BlockSeal, BlockWrite, Grid, Reservation } from "@stagbeetle/grid";
import type { BlockReference, BlockType, Checksums } from "@stagbeetle/vsr-protocol";
import type { BlockStore } from "./block-store.ts";

/** A {@link BlockStore} on a grid. */
export class GridStore implements BlockStore {
  readonly #grid: Grid;
  readonly #checksums: Checksums;

  constructor(grid: Grid, checksums: Checksums) {
    this.#grid = grid;
    this.#checksums = checksums;
  }

  get sealsDeferredMax(): number {
    return this.#grid.sealsDeferredMax;
  }

  lendBlock(): Block {
    return this.#grid.blocks.acquire();
  }

  beginBlock(block: Block, address: number, blockType: BlockType, snapshot: number): void {
    const { cluster, checkpointRelease: release } = this.#grid;
    block.init({ cluster, release, address, snapshot, blockType });
  }

  sealBlock(seal: BlockSeal, block: Block, sizeBytes: number): void {
    this.#grid.sealBlock(seal, block, sizeBytes);
  }

  sealBlockNow(block: Block, sizeBytes: number): void {
    block.seal(sizeBytes, this.#checksums);
  }

  reserve(count: number): Reservation {
    return this.#grid.reserve(count);
  }

  acquire(reservation: Reservation): number {
    return this.#grid.acquire(reservation);
  }

  forfeit(reservation: Reservation): void {
    this.#grid.forfeit(reservation);
  }

  release(address: number): void {
    this.#grid.release([address]);
  }

  createBlock(write: BlockWrite, block: Block): void {
    this.#grid.createBlock(write, block);
  }

  readBlock(read: BlockRead, { address, checksum }: BlockReference): void {
    const options: BlockReadOptions = {
      address,
      checksum,
      source: "localOrGlobalStorage",
      cacheRead: true,
      cacheWrite: true,
    };
    this.#grid.readBlock(read, options);
  }

  readBlockFromMemory({ address, checksum }: BlockReference): Block | null {
    return this.#grid.readBlockFromCache(address, checksum);
  }

  nextTick(callback: () => void): void {
    this.#grid.nextTick(callback);
  }
}
