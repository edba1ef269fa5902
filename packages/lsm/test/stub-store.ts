/** A block store without a grid: addresses in order, blocks in a map, completions when the test says so. */
import { type Block, BlockPool, type BlockRead, type BlockWrite, type Reservation } from "@stagbeetle/grid";
import { assert, type Kernels } from "@stagbeetle/kernels";
import type { BlockStore } from "@stagbeetle/lsm";
import { type BlockReference, type BlockType, Checksums, type Config } from "@stagbeetle/vsr-protocol";

const BLOCKS_MAX = 400;

export class StubStore implements BlockStore {
  readonly #pool: BlockPool;
  readonly #checksums: Checksums;
  /** What is on disk. Released blocks stay readable, as in a grid until a checkpoint is durable. */
  readonly blocks: Map<number, Uint8Array>;
  readonly released: Set<number> = new Set();
  readonly #queue: (() => void)[] = [];
  #addressNext: number;
  reservedCount: number = 0;
  reservedMax: number = 0;

  constructor(config: Config, kernels: Kernels, blocks: Map<number, Uint8Array> = new Map()) {
    this.#pool = new BlockPool({
      memory: kernels.memory,
      blockSize: config.cluster.blockSize,
      blocksMax: BLOCKS_MAX,
    });
    this.#checksums = new Checksums(kernels);
    this.blocks = blocks;
    this.#addressNext = 1 + Math.max(0, ...blocks.keys());
  }

  lendBlock(): Block {
    return this.#pool.acquire();
  }

  beginBlock(block: Block, address: number, blockType: BlockType, snapshot: number): void {
    block.init({ cluster: 0n, release: 1, address, snapshot, blockType });
  }

  sealBlock(block: Block, sizeBytes: number): void {
    block.seal(sizeBytes, this.#checksums);
  }

  reserve(count: number): Reservation {
    this.reservedMax = count;
    this.reservedCount = 0;
    return { base: 0, count, session: 1 };
  }

  acquire(): number {
    this.reservedCount += 1;
    assert(this.reservedCount <= this.reservedMax, () => `more than ${this.reservedMax} blocks are acquired`);
    this.#addressNext += 1;
    return this.#addressNext - 1;
  }

  forfeit(): void {
    this.reservedMax = 0;
  }

  release(address: number): void {
    assert(!this.released.has(address), () => `block ${address} is released twice`);
    this.released.add(address);
  }

  createBlock(write: BlockWrite, block: Block): void {
    this.blocks.set(block.header.address, block.bytes().slice());
    this.#queue.push(() => write.onWritten(write));
  }

  readBlock(read: BlockRead, reference: BlockReference): void {
    this.#queue.push(() => {
      const bytes = this.blocks.get(reference.address);
      assert(bytes !== undefined, () => `there is no block ${reference.address}`);
      const block = this.#pool.acquire();
      block.buffer.set(bytes);
      assert(block.header.checksum === reference.checksum, () => `block ${reference.address} is another`);
      read.onRead(read, block);
      block.release();
    });
  }

  readBlockFromMemory(): Block | null {
    return null;
  }

  nextTick(callback: () => void): void {
    this.#queue.push(callback);
  }

  /** Runs completions until none waits. */
  run(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
  }

  /** Blocks that are lent out. */
  get lentCount(): number {
    return BLOCKS_MAX - this.#pool.available;
  }
}
