/**
 * Checkpoint trailers: bytes of any size that a checkpoint consists of, in a chain of blocks (spec 04 §17). There are
 * three: the acquired and the released blocks of the free set, and the client sessions.
 *
 * ```text
 *   superblock ──▶ last block ──▶ … ──▶ block 1 ──▶ block 0
 * ```
 *
 * The bytes lie in one buffer of linear memory. Blocks are written in order, because each contains the checksum of the one
 * before it, and read backwards.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import {
  type BlockReference,
  type BlockType,
  blockTypeName,
  type Checksums,
  type Config,
  fatal,
  FatalReason,
  HEADER_SIZE_BYTES,
  TRAILER_EMPTY,
  type TrailerReference,
} from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";
import { metadataInvalid, TrailerMetadata } from "./block-metadata.ts";
import type { BlockPool } from "./block-pool.ts";
import { BlockRead, type BlockReadOptions } from "./block-reads.ts";
import { BlockWrite } from "./block-writes.ts";
import type { Reservation } from "./free-set/reservation.ts";

const ALIGNMENT_BYTES = 64;

/** What a trailer needs of the grid. */
export interface TrailerGrid {
  readonly blocks: BlockPool;
  /** The cluster of the data file. */
  readonly cluster: bigint;
  /** The release of the current checkpoint. */
  readonly checkpointRelease: number;
  reserve(count: number): Reservation;
  acquire(reservation: Reservation): number;
  forfeit(reservation: Reservation): void;
  createBlock(write: BlockWrite, block: Block): void;
  readBlock(read: BlockRead, options: BlockReadOptions): void;
  nextTick(callback: () => void): void;
}

/** What a trailer is made of. */
export interface CheckpointTrailerOptions {
  readonly config: Config;
  readonly memory: LinearMemory;
  readonly checksums: Checksums;
  readonly grid: TrailerGrid;
  readonly blockType: typeof BlockType.freeSet | typeof BlockType.clientSessions;
  /** The largest size of its bytes. */
  readonly sizeMax: number;
  /** Whose memory it is. */
  readonly label: string;
}

/** What a trailer is doing. */
type TrailerState = "idle" | "opening" | "writing";

/** How many blocks a trailer of `size` bytes has. */
export function trailerBlockCount(config: Config, size: number): number {
  return Math.ceil(size / config.derived.blockBodySizeMax);
}

/** One trailer. {@link bytes} is what it holds. */
export class CheckpointTrailer {
  readonly sizeMax: number;
  readonly #config: Config;
  readonly #checksums: Checksums;
  readonly #grid: TrailerGrid;
  readonly #blockType: CheckpointTrailerOptions["blockType"];
  readonly #buffer: Uint8Array;
  readonly #read: BlockRead = new BlockRead((_, result) => this.#onRead(result));
  readonly #write: BlockWrite = new BlockWrite((write) => this.#onWritten(write));
  #state: TrailerState = "idle";
  #size = 0;
  #checksum = TRAILER_EMPTY.checksum;
  /** Of block 0 and on. */
  #addresses: number[] = [];
  #blockChecksums: bigint[] = [];
  /** The block read or written last. */
  #block: BlockReference = TRAILER_EMPTY.lastBlock;
  /** The last block of the chain. */
  #lastBlock: BlockReference = TRAILER_EMPTY.lastBlock;
  /** Index of the block to be read or written next. */
  #index = 0;
  #callback: (() => void) | null = null;

  /** Allocates `sizeMax` bytes; those that are never used take no resident memory. */
  constructor({ config, memory, checksums, grid, blockType, sizeMax, label }: CheckpointTrailerOptions) {
    assert(sizeMax > 0 && sizeMax % 8 === 0, () => `a trailer of up to ${sizeMax} bytes`);
    this.sizeMax = sizeMax;
    this.#config = config;
    this.#checksums = checksums;
    this.#grid = grid;
    this.#blockType = blockType;
    const start = memory.allocate(sizeMax, ALIGNMENT_BYTES, label);
    this.#buffer = memory.bytes.subarray(start, start + sizeMax);
  }

  /** Whether it is being read or written. */
  get busy(): boolean {
    return this.#state !== "idle";
  }

  /** Where to put the bytes before a checkpoint: room for {@link sizeMax}. */
  get buffer(): Uint8Array {
    assert(this.#state === "idle", () => `a trailer is changed while ${this.#state}`);
    return this.#buffer;
  }

  /** The bytes that were opened or written last. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Where the blocks are, that of block 0 first. */
  get addresses(): readonly number[] {
    return this.#addresses;
  }

  /** The blocks, block 0 first, while nothing is read or written. */
  blocks(): readonly BlockReference[] {
    assert(this.#state === "idle", () => `a trailer's blocks are listed while ${this.#state}`);
    return this.#addresses.map((address, index) => ({ address, checksum: this.#blockChecksums[index] ?? 0n }));
  }

  /** What the superblock keeps of it. */
  get reference(): TrailerReference {
    assert(this.#state === "idle", () => `a trailer is referred to while ${this.#state}`);
    return { lastBlock: this.#lastBlock, size: this.#size, checksum: this.#checksum };
  }

  /** Forgets everything, before a state sync. Its reads and writes must have been dropped. */
  reset(): void {
    this.#state = "idle";
    this.#size = 0;
    this.#checksum = TRAILER_EMPTY.checksum;
    this.#addresses = [];
    this.#blockChecksums = [];
    this.#block = TRAILER_EMPTY.lastBlock;
    this.#lastBlock = TRAILER_EMPTY.lastBlock;
    this.#callback = null;
  }

  /**
   * Reads what the superblock refers to into {@link bytes}. The callback never runs from inside the call.
   *
   * @throws FatalError (status 4) if it is larger than this process has room for.
   */
  open(reference: TrailerReference, callback: () => void): void {
    assert(this.#state === "idle" && this.#size === 0, "a trailer is opened once");
    const { size, checksum, lastBlock } = reference;
    if (size > this.sizeMax) {
      fatal(
        FatalReason.storageSizeExceedsLimit,
        `a ${blockTypeName(this.#blockType)} trailer of ${size} bytes is larger than the storage limit allows: start with a larger --limit-storage`,
      );
    }
    assert(
      (size === 0) === (lastBlock.address === 0),
      () => `a trailer of ${size} bytes ends in block ${lastBlock.address}`,
    );
    const blockCount = trailerBlockCount(this.#config, size);
    this.#begin("opening", size, checksum, callback);
    this.#lastBlock = lastBlock;
    this.#block = lastBlock;
    this.#addresses = Array.from({ length: blockCount }, () => 0);
    this.#blockChecksums = Array.from({ length: blockCount }, () => 0n);
    this.#index = blockCount - 1;
    if (blockCount === 0) this.#endNextTick();
    else this.#readNext();
  }

  /**
   * Writes the first `size` bytes of {@link buffer}. The addresses are acquired before this returns; the callback runs when
   * all is durable, never from inside the call.
   */
  checkpoint(size: number, callback: () => void): void {
    assert(this.#state === "idle", () => `a trailer is written while ${this.#state}`);
    assert(size >= 0 && size <= this.sizeMax, () => `${size} bytes of ${this.sizeMax}`);
    this.#begin("writing", size, this.#checksums.of(this.#buffer.subarray(0, size)), callback);
    this.#block = TRAILER_EMPTY.lastBlock;
    this.#lastBlock = TRAILER_EMPTY.lastBlock;
    this.#addresses = this.#acquire(trailerBlockCount(this.#config, size));
    this.#blockChecksums = this.#addresses.map(() => 0n);
    this.#index = 0;
    if (size === 0) this.#endNextTick();
    else this.#writeNext();
  }

  #begin(state: TrailerState, size: number, checksum: bigint, callback: () => void): void {
    this.#state = state;
    this.#size = size;
    this.#checksum = checksum;
    this.#callback = callback;
  }

  #endNextTick(): void {
    assert(this.#size === 0, () => `a trailer of ${this.#size} bytes has no blocks`);
    this.#grid.nextTick(() => this.#end());
  }

  #end(): void {
    const callback = this.#callback;
    assert(this.#state !== "idle" && callback !== null, "someone waits for the trailer");
    this.#state = "idle";
    this.#callback = null;
    callback();
  }

  #acquire(blockCount: number): number[] {
    if (blockCount === 0) return [];
    const reservation = this.#grid.reserve(blockCount);
    const addresses = Array.from({ length: blockCount }, () => this.#grid.acquire(reservation));
    this.#grid.forfeit(reservation);
    return addresses;
  }

  /** The part of the bytes that block `index` holds. */
  #chunk(index: number): Uint8Array {
    const { blockBodySizeMax } = this.#config.derived;
    const start = index * blockBodySizeMax;
    assert(start < this.#size, () => `block ${index} of a trailer of ${this.#size} bytes`);
    return this.#buffer.subarray(start, Math.min(start + blockBodySizeMax, this.#size));
  }

  #readNext(): void {
    this.#grid.readBlock(this.#read, {
      ...this.#block,
      source: "localOrGlobalStorage",
      cacheRead: true,
      cacheWrite: false,
    });
  }

  #onRead(result: Block | string): void {
    assert(typeof result !== "string", "a coherent read does not fail");
    const invalid = metadataInvalid(result.header, this.#config);
    assert(
      result.header.blockType === this.#blockType && invalid === null,
      () =>
        `block ${result.header.address} of a trailer is a ${blockTypeName(result.header.blockType)}: ${invalid ?? "valid"}`,
    );
    const chunk = this.#chunk(this.#index);
    const body = result.body();
    assert(
      body.length === chunk.length,
      () => `block ${this.#index} of a trailer has ${body.length} bytes of ${chunk.length}`,
    );
    chunk.set(body);
    this.#addresses[this.#index] = this.#block.address;
    this.#blockChecksums[this.#index] = this.#block.checksum;
    const { previousTrailerBlockAddress: address, previousTrailerBlockChecksum: checksum } =
      result.metadata(TrailerMetadata);
    assert((address === 0) === (this.#index === 0), () => `block ${this.#index} of a trailer follows block ${address}`);
    this.#block = { address, checksum };
    this.#index -= 1;
    if (this.#index >= 0) return this.#readNext();
    const actual = this.#checksums.of(this.bytes);
    assert(actual === this.#checksum, "the blocks of a trailer are valid, and so is the trailer");
    this.#end();
  }

  #writeNext(): void {
    const { blocks, cluster, checkpointRelease: release } = this.#grid;
    const address = this.#addresses[this.#index];
    assert(address !== undefined, () => `block ${this.#index} of a trailer has no address`);
    const block = blocks.acquire();
    block.init({ cluster, release, address, snapshot: 0, blockType: this.#blockType });
    const metadata = block.metadata(TrailerMetadata);
    metadata.previousTrailerBlockAddress = this.#block.address;
    metadata.previousTrailerBlockChecksum = this.#block.checksum;
    const chunk = this.#chunk(this.#index);
    block.buffer.set(chunk, HEADER_SIZE_BYTES);
    block.seal(HEADER_SIZE_BYTES + chunk.length, this.#checksums);
    assert(
      metadataInvalid(block.header, this.#config) === null,
      () => `${metadataInvalid(block.header, this.#config)}`,
    );
    this.#block = block.reference();
    this.#blockChecksums[this.#index] = this.#block.checksum;
    this.#index += 1;
    this.#grid.createBlock(this.#write, block);
    block.release();
  }

  #onWritten(_write: BlockWrite): void {
    assert(this.#state === "writing", () => `a block of a trailer is written while ${this.#state}`);
    if (this.#index < this.#addresses.length) return this.#writeNext();
    this.#lastBlock = this.#block;
    this.#end();
  }
}
