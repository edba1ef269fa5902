/**
 * The grid: the part of the data file that consists of blocks (spec 04 §19, §22).
 *
 * Blocks are copy-on-write. One that belongs to the durable checkpoint is never overwritten until a later checkpoint is
 * durable on a quorum; so whatever a crash leaves behind, the last checkpoint is whole, and replaying the log writes the
 * same blocks to the same addresses again.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type BlockReference,
  BlockType,
  blockTypeName,
  type BodyChecksums,
  type Checksums,
  Command,
  type Config,
  fatal,
  FatalReason,
  freeSetBlocksAcquiredTrailer,
  freeSetBlocksReleasedTrailer,
  type GridPort,
  InlineBodyChecksums,
  type Logger,
  type Storage,
  type TrailerReference,
} from "@stagbeetle/vsr-protocol";
import { type Block, blockFault, type BlockFault } from "./block.ts";
import { BlockCache, cacheBlocksFor } from "./block-cache.ts";
import { BlockPool } from "./block-pool.ts";
import { type BlockRead, type BlockReadOptions, BlockReads } from "./block-reads.ts";
import { BlockRepairs } from "./block-repairs.ts";
import { type BlockSeal, BlockSeals } from "./block-seals.ts";
import { BlockServing } from "./block-serving.ts";
import { type BlockWrite, type BlockWritePurpose, BlockWrites } from "./block-writes.ts";
import { CheckpointTrailer, type TrailerGrid } from "./checkpoint-trailer.ts";
import { FreeSet, freeSetEncodeSizeMax, gridBlocksMax } from "./free-set/free-set.ts";
import type { Reservation } from "./free-set/reservation.ts";
import { gridBlocksInMemory, type GridObserver, type GridOptions, type GridSuperBlock } from "./grid-options.ts";
import { GridBlocksMissing, MissingTable } from "./missing-blocks.ts";

/** What the grid is doing as a whole. */
export type GridState = "closed" | "opening" | "open" | "checkpointing" | "cancelling";

const TRANSITIONS: Readonly<Record<GridState, readonly GridState[]>> = {
  closed: ["opening", "cancelling"],
  opening: ["open", "cancelling"],
  open: ["checkpointing", "cancelling"],
  checkpointing: ["open"],
  cancelling: ["closed"],
};

/** The grid of one replica. */
export class Grid implements GridPort, TrailerGrid {
  /** Lends out the memory of new blocks. */
  readonly blocks: BlockPool;
  readonly freeSet: FreeSet;
  readonly missing: GridBlocksMissing;
  /** How many blocks more its users may hold while they are being sealed. */
  readonly sealsDeferredMax: number;
  readonly #config: Config;
  readonly #storage: Storage;
  readonly #superblock: GridSuperBlock;
  readonly #checksums: Checksums;
  readonly #logger: Logger;
  readonly #verify: boolean;
  readonly #observer: GridObserver | null;
  readonly #cache: BlockCache;
  readonly #reads: BlockReads;
  readonly #seals: BlockSeals;
  readonly #writes: BlockWrites;
  readonly #acquiredTrailer: CheckpointTrailer;
  readonly #releasedTrailer: CheckpointTrailer;
  readonly #acquiredHalves: Uint32Array;
  readonly #releasedHalves: Uint32Array;
  readonly #repairs: BlockRepairs;
  readonly #serving: BlockServing;
  #state: GridState = "closed";
  /** Whoever waits for `open`, `checkpoint` or `cancel`. */
  #callback: (() => void) | null = null;
  /** Of the two trailers, how many are being read or written. */
  #trailersPending = 0;
  #checkpointBecomesDurable = false;
  readonly #freeingListeners: (() => void)[] = [];
  readonly #repairListeners: (() => void)[] = [];
  #cancelCount = 0;

  /** Allocates the cache, the free set, its two trailers, and {@link gridBlocksInMemory} blocks. */
  constructor(options: GridOptions) {
    const { config, memory, storage, superblock, checksums, random, logger, storageSizeLimit } = options;
    const { bodyChecksums = new InlineBodyChecksums(checksums) } = options;
    this.sealsDeferredMax = bodyChecksums.deferredMax;
    this.#config = config;
    this.#storage = storage;
    this.#superblock = superblock;
    this.#checksums = checksums;
    this.#logger = logger;
    this.#verify = options.verify ?? false;
    this.#observer = options.observer ?? null;
    this.freeSet = new FreeSet({ memory, blocksMax: gridBlocksMax(config, storageSizeLimit) });
    this.missing = new GridBlocksMissing({ config });
    this.#cache = new BlockCache({ memory, blocksMax: cacheBlocksFor(config, options.cacheSizeBytes) });
    this.blocks = new BlockPool({
      memory,
      blockSize: config.cluster.blockSize,
      blocksMax: gridBlocksInMemory(options),
    });
    this.#acquiredTrailer = this.#createTrailer(options, "free set acquired trailer");
    this.#releasedTrailer = this.#createTrailer(options, "free set released trailer");
    this.#acquiredHalves = halvesOf(this.#acquiredTrailer.buffer);
    this.#releasedHalves = halvesOf(this.#releasedTrailer.buffer);
    this.#reads = this.#createReads(options, bodyChecksums);
    this.#seals = new BlockSeals({ checksums, bodyChecksums, onCancelled: () => this.#onCancelled() });
    this.#writes = new BlockWrites({
      config,
      storage,
      onDurable: (write) => this.#cache.insert(write.block),
      onComplete: (write) => this.#onWritten(write),
      onCancelled: () => this.#onCancelled(),
    });
    this.#repairs = new BlockRepairs({
      config,
      pool: this.blocks,
      reads: this.#reads,
      missing: this.missing,
      random,
      repairBlock: (write, block) => this.repairBlock(write, block),
      onWritten: () => this.#onRepairWritten(),
    });
    this.#serving = new BlockServing({ config, readBlock: (read, wanted) => this.readBlock(read, wanted) });
  }

  get state(): GridState {
    return this.#state;
  }

  /** The cluster of the data file. */
  get cluster(): bigint {
    return this.#superblock.working.header.cluster;
  }

  /** The release of the current checkpoint, which new blocks carry. */
  get checkpointRelease(): number {
    return this.#superblock.working.checkpoint.release;
  }

  get checkpointIsDurable(): boolean {
    return this.freeSet.checkpointDurable;
  }

  get storageSize(): number {
    const { derived, cluster } = this.#config;
    return derived.dataFileSizeMin + this.freeSet.highestAddressAcquired * cluster.blockSize;
  }

  get freeSetBlocksAcquired(): TrailerReference {
    return this.#acquiredTrailer.reference;
  }

  get freeSetBlocksReleased(): TrailerReference {
    return this.#releasedTrailer.reference;
  }

  /** The blocks of the free set's trailers, as they were read or written last. */
  get freeSetTrailerAddresses(): readonly number[] {
    return [...this.#acquiredTrailer.addresses, ...this.#releasedTrailer.addresses];
  }

  /** The same, with their checksums, that of acquired blocks first. Not during a checkpoint. */
  freeSetTrailerBlocks(): readonly BlockReference[] {
    return [...this.#acquiredTrailer.blocks(), ...this.#releasedTrailer.blocks()];
  }

  get repairWritesAvailable(): number {
    return this.#repairs.writesAvailable;
  }

  get repairReadsAvailable(): number {
    return this.#serving.available;
  }

  get cancelling(): boolean {
    return this.#state === "cancelling";
  }

  get blocksAcquired(): number {
    return this.#state === "open" || this.#state === "checkpointing" ? this.freeSet.countAcquired : 0;
  }

  get cacheHits(): number {
    return this.#cache.counts.hits;
  }

  get cacheMisses(): number {
    return this.#cache.counts.misses;
  }

  get blocksMissing(): number {
    return this.missing.count;
  }

  get readWaitsForBlock(): boolean {
    return this.#reads.readGlobalQueue.length > 0;
  }

  get tablesAvailable(): number {
    return this.missing.tablesAvailable;
  }

  get tablesMissing(): number {
    return this.missing.tablesMissing;
  }

  /** Has `listener` called right before blocks become free, while `freeSet.toBeFreed` still tells which. */
  onFreeing(listener: () => void): void {
    this.#freeingListeners.push(listener);
  }

  onRepairWritten(listener: () => void): void {
    this.#repairListeners.push(listener);
  }

  /** Runs the callback with the next tick, unless the grid is cancelled before: for its users' own deferred work. */
  nextTick(callback: () => void): void {
    const cancelCount = this.#cancelCount;
    this.#storage.nextTick(() => {
      if (cancelCount === this.#cancelCount) callback();
    });
  }

  /**
   * Reads the free set that the superblock refers to.
   *
   * @throws FatalError later, from a completion: a single replica's block is damaged (status 1), or the storage limit is
   * smaller than the file (status 4).
   */
  open(callback: () => void): void {
    const { checkpoint } = this.#superblock.working;
    this.#begin("opening", callback);
    this.#trailersPending = 2;
    this.#acquiredTrailer.open(freeSetBlocksAcquiredTrailer(checkpoint), () => this.#onTrailerOpen());
    this.#releasedTrailer.open(freeSetBlocksReleasedTrailer(checkpoint), () => this.#onTrailerOpen());
  }

  /**
   * Writes the free set as it is now. Its blocks are acquired before this returns. No coherent read may be waiting, no
   * reservation may be held, and until the callback nothing may be acquired or released.
   */
  checkpoint(callback: () => void): void {
    assert(
      this.#reads.readGlobalQueue.length === 0,
      () => `${this.#reads.readGlobalQueue.length} reads wait for other replicas at a checkpoint`,
    );
    assert(this.#seals.runningCount === 0, () => `${this.#seals.runningCount} blocks are sealed at a checkpoint`);
    this.#begin("checkpointing", callback);
    // Both before either: the encodings do not contain the trailers' own blocks.
    const acquiredSize = this.freeSet.encodeAcquired(this.#acquiredHalves);
    const releasedSize = this.freeSet.encodeReleased(this.#releasedHalves);
    this.#trailersPending = 2;
    this.#acquiredTrailer.checkpoint(acquiredSize, () => this.#onTrailerWritten());
    this.#releasedTrailer.checkpoint(releasedSize, () => this.#onTrailerWritten());
  }

  /** The new checkpoint's superblock is durable here. The blocks of its trailers are released, because the next has its own. */
  markCheckpointNotDurable(): void {
    assert(this.#state === "open", () => `a checkpoint is installed while ${this.#state}`);
    assert(!this.#writes.pending("create"), "a checkpoint consists of blocks that are durable");
    // In this order: released before, the trailers would be freed one checkpoint too early.
    this.freeSet.markCheckpointNotDurable();
    this.release(this.#acquiredTrailer.addresses);
    this.release(this.#releasedTrailer.addresses);
  }

  /** Frees what the current checkpoint no longer needs, once no late repair can overwrite it. */
  checkpointDurable(callback: () => void): void {
    assert(this.#state === "open", () => `a checkpoint becomes durable while ${this.#state}`);
    assert(!this.freeSet.checkpointDurable && !this.#checkpointBecomesDurable, "a checkpoint becomes durable once");
    this.#checkpointBecomesDurable = true;
    this.missing.checkpointDurable(this.freeSet, () => {
      this.nextTick(() => {
        this.#checkpointBecomesDurable = false;
        for (const listener of this.#freeingListeners) listener();
        this.freeSet.markCheckpointDurable();
        callback();
      });
    });
  }

  /**
   * Drops all reads, seals and writes, forgets the free set and sets aside the tables that were being synced: a state sync
   * begins. Their owners never hear of them, and may use them again after the callback. Not during a checkpoint.
   */
  cancel(callback: () => void): void {
    this.#begin("cancelling", callback);
    this.#cancelCount += 1;
    this.#checkpointBecomesDurable = false;
    this.missing.suspend();
    const reads = this.#reads.cancel();
    const seals = this.#seals.cancel();
    const writes = this.#writes.cancel();
    if (reads && seals && writes) this.nextTick(() => this.#onCancelled());
  }

  /**
   * Reserves free blocks.
   *
   * @throws FatalError (status 5) if there are not as many within the storage limit.
   */
  reserve(count: number): Reservation {
    assert(this.#state === "open" || this.#state === "checkpointing", () => `blocks are reserved while ${this.#state}`);
    const reservation = this.freeSet.reserve(count);
    if (reservation !== null) return reservation;
    fatal(
      FatalReason.storageSizeWouldExceedLimit,
      `the data file would become too large: ${count} more blocks of ${this.#config.cluster.blockSize} bytes do not fit in the storage limit; ` +
        "nothing is lost: start with a larger --limit-storage",
    );
  }

  /** Acquires the lowest free block of a reservation, which must have one left. Returns its address. */
  acquire(reservation: Reservation): number {
    const address = this.freeSet.acquire(reservation);
    assert(address !== null, () => `a reservation of ${reservation.count} blocks is used up`);
    assert(this.#writes.find(address) === null, () => `block ${address} is acquired while it is being written`);
    return address;
  }

  /** Ends a reservation. */
  forfeit(reservation: Reservation): void {
    this.freeSet.forfeit(reservation);
  }

  /** Marks blocks as not needed by the next checkpoint. They stay readable, and may even still be being written. */
  release(addresses: readonly number[]): void {
    for (const address of addresses) {
      this.#cache.demote(address);
      this.freeSet.release(address);
    }
  }

  /**
   * Ends a new block in a buffer that only the caller holds: its size in bytes, header included, and its checksums. The callback
   * may run from inside the call. Until then the block must not change, and nobody can read it.
   */
  sealBlock(seal: BlockSeal, block: Block, sizeBytes: number): void {
    const { address } = block.header;
    assert(this.#state === "open", () => `block ${address} is sealed while ${this.#state}`);
    assert(!this.freeSet.isFree(address), () => `block ${address} is sealed and free`);
    this.#seals.sealBlock(seal, block, sizeBytes);
  }

  /** Writes a new block to the address in its header. The block must not change any more; the caller keeps its reference. */
  createBlock(write: BlockWrite, block: Block): void {
    const { address, blockType } = block.header;
    assert(
      this.#state === (blockType === BlockType.freeSet ? "checkpointing" : "open"),
      () => `a ${blockTypeName(blockType)} block is created while ${this.#state}`,
    );
    assert(!this.#reads.readingCoherently(address), () => `block ${address} is created while it is read`);
    assert(!this.#seals.sealing(address), () => `block ${address} is created while it is sealed`);
    assert(this.missing.stateOf(address) === null, () => `block ${address} is created while it is missing`);
    this.#writeBlock(write, block, "create");
  }

  /** Writes a block that another replica sent and the missing blocks wait for. */
  repairBlock(write: BlockWrite, block: Block): void {
    this.missing.writeBegin(block.header);
    this.#writeBlock(write, block, "repair");
  }

  /**
   * Reads a block. The callback never runs from inside the call.
   *
   * @param options must not change before the read ends.
   */
  readBlock(read: BlockRead, options: BlockReadOptions): void {
    assert(this.#state !== "cancelling", "a block is read while reads are dropped");
    if (options.source === "localOrGlobalStorage") {
      assert(this.#state !== "closed", "the free set is not known yet");
      assert(!this.freeSet.isFree(options.address), () => `block ${options.address} is read and free`);
      assert(!this.#seals.sealing(options.address), () => `block ${options.address} is read while it is sealed`);
    }
    this.#reads.readBlock(read, options, this.#superblock.checkpointIds.id);
  }

  /**
   * The block, if it is in memory: in the cache, or on its way to the disk. Without a reference for the caller, who uses it
   * at once or retains it.
   */
  readBlockFromCache(address: number, checksum: bigint): Block | null {
    assert(address > 0, "no block has address 0");
    assert(!this.#seals.sealing(address), () => `block ${address} is read while it is sealed`);
    const write = this.#writes.find(address);
    const writing = write !== null && write.block.header.checksum === checksum;
    const block = writing ? write.block : this.#cache.get(address, checksum);
    if (block !== null) this.#observer?.blockTouched(block);
    return block;
  }

  /** The block that is being written to an address, or waits to be: for tools and tests. */
  blockBeingWritten(address: number): Block | null {
    return this.#writes.find(address)?.block ?? null;
  }

  receiveBlock(bytes: Uint8Array): boolean {
    return this.#state !== "cancelling" && this.#repairs.receiveBlock(bytes);
  }

  nextBatchOfBlockRequests(body: Uint8Array, accept: (address: number, checksum: bigint) => boolean): number {
    return this.#state === "cancelling" ? 0 : this.#repairs.nextBatchOfBlockRequests(body, accept);
  }

  readBlockForReplica(reference: BlockReference, callback: (bytes: Uint8Array | null) => void): void {
    // Others may have a larger storage limit, or be wrong.
    if (reference.address > this.freeSet.blocksMax) this.nextTick(() => callback(null));
    else this.#serving.read(reference, callback);
  }

  fetchTable(index: BlockReference): boolean {
    assert(this.#state === "open" || this.#state === "checkpointing", () => `a table is fetched while ${this.#state}`);
    assert(!this.freeSet.isFree(index.address), () => `table ${index.address} is fetched and free`);
    if (this.missing.tableMissing(index.address)) return false;
    this.missing.syncTable(new MissingTable(index));
    return true;
  }

  reclaimTable(): BlockReference | null {
    return this.missing.reclaimTable()?.index ?? null;
  }

  resumeTables(exists: (index: BlockReference) => boolean): void {
    assert(this.#state === "open", () => `tables go on while ${this.#state}`);
    this.missing.resume(({ index }) => exists(index));
  }

  /**
   * A block of the current checkpoint is not on disk: says so once, and queues it to be asked for, if there is room.
   *
   * @returns whether it is queued. A single replica has nobody to ask.
   */
  reportDamaged({ address, checksum }: BlockReference, fault: BlockFault): boolean {
    if (this.missing.stateOf(address) !== null) return true;
    this.#logger.log("error", "grid: a block is damaged", { address, checksum: checksum.toString(16), fault });
    if (this.#solo) return false;
    this.missing.repairBlock({ address, checksum });
    return this.missing.stateOf(address) !== null;
  }

  /** One line for people. */
  describe(): string {
    const { hits, misses } = this.#cache.counts;
    return (
      `${this.#state} reads=${this.#reads.runningCount}+${this.#reads.queuedCount} parked=${this.#reads.readGlobalQueue.length} ` +
      `seals=${this.#seals.runningCount} writes=${this.#writes.runningCount}+${this.#writes.queuedCount} cache hits=${hits} misses=${misses} ` +
      `missing: ${this.missing.describe()}; free set: ${this.freeSet.describe()}`
    );
  }

  #createTrailer({ config, memory, checksums }: GridOptions, label: string): CheckpointTrailer {
    const sizeMax = freeSetEncodeSizeMax(this.freeSet.blocksMax);
    const blockType = BlockType.freeSet;
    return new CheckpointTrailer({ config, memory, checksums, grid: this, blockType, sizeMax, label });
  }

  #createReads({ config, storage, checksums }: GridOptions, bodyChecksums: BodyChecksums): BlockReads {
    return new BlockReads({
      config,
      storage,
      checksums,
      bodyChecksums,
      pool: this.blocks,
      lookup: (wanted) => this.#lookup(wanted),
      onValid: (block) => this.#cache.insert(block),
      onParked: (wanted, fault) => this.#onParked(wanted, fault),
      onResolve: (read, result) => this.#assertReadEnds(read, result),
      onCancelled: () => this.#onCancelled(),
    });
  }

  /** Whether there is no other replica to ask: the only standby of a single replica has one. */
  get #solo(): boolean {
    return this.#superblock.working.vsrState.replicaCount === 1 && this.#superblock.replica === 0;
  }

  #transition(next: GridState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `the grid cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }

  #begin(state: GridState, callback: () => void): void {
    this.#transition(state);
    assert(this.#callback === null || state === "cancelling", "two callers wait for the grid");
    this.#callback = callback;
  }

  #end(state: GridState): void {
    const callback = this.#callback;
    assert(callback !== null, "someone waits for the grid");
    this.#callback = null;
    this.#transition(state);
    callback();
  }

  #onTrailerOpen(): void {
    this.#trailersPending -= 1;
    if (this.#trailersPending > 0) return;
    this.freeSet.open({
      acquired: halvesOf(this.#acquiredTrailer.bytes),
      released: halvesOf(this.#releasedTrailer.bytes),
      acquiredTrailerAddresses: this.#acquiredTrailer.addresses,
      releasedTrailerAddresses: this.#releasedTrailer.addresses,
    });
    this.#assertOpened();
    this.#end("open");
  }

  #assertOpened(): void {
    const { freeSet } = this;
    const { storageSize } = this.#superblock.working.checkpoint;
    const trailerBlocks = this.#acquiredTrailer.addresses.length + this.#releasedTrailer.addresses.length;
    assert(
      freeSet.countAcquired > 0 === this.#acquiredTrailer.reference.size > 0,
      () =>
        `${freeSet.countAcquired} blocks are acquired, the trailer has ${this.#acquiredTrailer.reference.size} bytes`,
    );
    assert(
      this.storageSize === storageSize,
      () => `the blocks end at ${this.storageSize}, the superblock says ${storageSize}`,
    );
    assert(
      freeSet.countReleased >= trailerBlocks,
      () => `${freeSet.countReleased} blocks are released, ${trailerBlocks} of trailers among them`,
    );
  }

  #onTrailerWritten(): void {
    this.#trailersPending -= 1;
    if (this.#trailersPending > 0) return;
    // The state machine's last blocks, which were begun before, may still be on their way.
    this.#end("open");
  }

  #writeBlock(write: BlockWrite, block: Block, purpose: BlockWritePurpose): void {
    const { header } = block;
    this.#assertOurs(block);
    assert(!this.freeSet.isFree(header.address), () => `block ${header.address} is written and free`);
    if (this.#verify) {
      const fault = blockFault(block, header, this.#checksums);
      assert(fault === null || fault === "invalid_padding", () => `block ${header.address} is written: ${fault}`);
    }
    this.#observer?.blockTouched(block);
    this.#writes.writeBlock(write, block, purpose, this.#superblock.checkpointIds.id);
  }

  #onWritten(write: BlockWrite): void {
    const { block, purpose, checkpointId } = write;
    if (purpose === "repair") {
      this.missing.writeComplete(block);
    } else {
      assert(
        checkpointId === this.#superblock.checkpointIds.id,
        () => `the write of block ${block.header.address} spans a checkpoint`,
      );
    }
    this.#observer?.blockTouched(block);
    write.end();
    write.onWritten(write);
  }

  #lookup({ address, checksum, cacheRead }: BlockReadOptions): Block | null {
    const write = this.#writes.find(address);
    if (write !== null && write.block.header.checksum === checksum) return write.block;
    return cacheRead ? this.#cache.get(address, checksum) : null;
  }

  /** What must hold of a block before it is used. */
  #assertReadEnds(read: BlockRead, result: Block | BlockFault): void {
    if (!read.coherent) return;
    const { address } = read.options;
    assert(typeof result !== "string", () => `the read of block ${address} fails`);
    assert(
      read.checkpointId === this.#superblock.checkpointIds.id,
      () => `the read of block ${address} spans a checkpoint`,
    );
    this.#assertOurs(result);
    this.#observer?.blockTouched(result);
  }

  #assertOurs({ header }: Block): void {
    assert(header.command === Command.block && header.cluster === this.cluster, "a block is one of this cluster");
    assert(
      header.release <= this.checkpointRelease,
      () => `block ${header.address} of release ${header.release} at a checkpoint of release ${this.checkpointRelease}`,
    );
  }

  /** A read waits for a block that the disk does not have. A single replica has nobody to ask. */
  #onParked(wanted: BlockReference, fault: BlockFault): void {
    this.reportDamaged(wanted, fault);
    if (!this.#solo) return;
    fatal(
      FatalReason.cli,
      `block ${wanted.address} of the grid is damaged (${fault}), and a single replica has no one to repair it from: ` +
        "restore the data file from a copy, or replay an AOF",
    );
  }

  /** Reads, seals or writes that were under way when they were dropped have completed. */
  #onCancelled(): void {
    if (this.#reads.runningCount > 0 || this.#seals.runningCount > 0 || this.#writes.runningCount > 0) return;
    assert(this.#state === "cancelling", () => `a cancellation ends while ${this.#state}`);
    this.freeSet.reset();
    this.#acquiredTrailer.reset();
    this.#releasedTrailer.reset();
    this.#repairs.reset();
    this.#serving.reset();
    this.#end("closed");
  }

  #onRepairWritten(): void {
    for (const listener of this.#repairListeners) listener();
  }
}

/** The bytes, which are whole u64 words, as u32. */
function halvesOf(bytes: Uint8Array): Uint32Array {
  assert(bytes.length % 8 === 0, () => `${bytes.length} bytes are not whole words`);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}
