/**
 * A grid for tests of the replica: blocks of a memory storage, a free set as plain sets, and trailers of one block. It keeps
 * the rules of the real one (which blocks may be acquired and written when) and asserts that its callers do.
 *
 * @module
 */
import { assert, checksumOf } from "@stagbeetle/kernels";
import {
  type BlockReference,
  type CheckpointTrailerPort,
  type Config,
  freeSetBlocksAcquiredTrailer,
  freeSetBlocksReleasedTrailer,
  type GridPort,
  type ScrubberPort,
  StorageRequest,
  type StoredTables,
  type SuperBlock,
  TRAILER_EMPTY,
  type TrailerReference,
} from "@stagbeetle/vsr-protocol";
import type { MemoryStorage } from "./memory-storage.ts";

/** What the grid is made of. */
export interface MemoryGridOptions {
  readonly config: Config;
  readonly storage: MemoryStorage;
  readonly superblock: Pick<SuperBlock, "working">;
  /** Notes what is begun, in order. */
  readonly note: (call: string) => void;
}

type State = "closed" | "open" | "checkpointing";

export class MemoryGrid implements GridPort {
  readonly repairWritesAvailable = 1;
  readonly repairReadsAvailable = 0;
  readonly cancelling = false;
  readonly blocksMissing = 0;
  readonly cacheHits = 0;
  readonly cacheMisses = 0;
  readonly readWaitsForBlock = false;
  readonly tablesAvailable = 0;
  readonly tablesMissing = 0;
  readonly #options: MemoryGridOptions;
  readonly #acquired = new Set<number>();
  readonly #released = new Set<number>();
  readonly #releasedPrior = new Set<number>();
  readonly #acquiredTrailer: MemoryTrailer;
  readonly #releasedTrailer: MemoryTrailer;
  #state: State = "closed";
  #durable = false;

  constructor(options: MemoryGridOptions) {
    this.#options = options;
    this.#acquiredTrailer = new MemoryTrailer(this, options.config.cluster.blockSize);
    this.#releasedTrailer = new MemoryTrailer(this, options.config.cluster.blockSize);
  }

  get checkpointIsDurable(): boolean {
    return this.#durable;
  }

  get storageSize(): number {
    const { derived, cluster } = this.#options.config;
    return derived.dataFileSizeMin + Math.max(0, ...this.#acquired) * cluster.blockSize;
  }

  get freeSetBlocksAcquired(): TrailerReference {
    return this.#acquiredTrailer.reference;
  }

  get freeSetBlocksReleased(): TrailerReference {
    return this.#releasedTrailer.reference;
  }

  /** Blocks in use, released ones among them. */
  get acquiredCount(): number {
    return this.#acquired.size;
  }

  get blocksAcquired(): number {
    return this.acquiredCount;
  }

  open(callback: () => void): void {
    const { checkpoint } = this.#options.superblock.working;
    this.#options.note("grid open");
    this.#acquiredTrailer.open(freeSetBlocksAcquiredTrailer(checkpoint), () => {
      this.#releasedTrailer.open(freeSetBlocksReleasedTrailer(checkpoint), () => {
        for (const address of decodeAddresses(this.#acquiredTrailer.bytes)) this.#acquired.add(address);
        for (const address of decodeAddresses(this.#releasedTrailer.bytes)) this.#released.add(address);
        for (const address of [...this.#acquiredTrailer.addresses, ...this.#releasedTrailer.addresses]) {
          assert(!this.#acquired.has(address), () => `block ${address} of a trailer is in use`);
          this.#acquired.add(address);
          this.#releasedPrior.add(address);
        }
        assert(this.storageSize === checkpoint.storageSize, "the blocks end where the superblock says");
        this.#state = "open";
        callback();
      });
    });
  }

  checkpoint(callback: () => void): void {
    assert(this.#state === "open" && this.#durable && this.#releasedPrior.size === 0, "the last checkpoint is durable");
    this.#options.note("grid checkpoint");
    const acquired = encodeAddresses(this.#acquired, this.#acquiredTrailer.buffer);
    const released = encodeAddresses(this.#released, this.#releasedTrailer.buffer);
    let pending = 2;
    const onWritten = (): void => {
      pending -= 1;
      if (pending > 0) return;
      this.#state = "open";
      callback();
    };
    this.#acquiredTrailer.checkpoint(acquired, onWritten);
    this.#releasedTrailer.checkpoint(released, onWritten);
    this.#state = "checkpointing";
  }

  markCheckpointNotDurable(): void {
    assert(this.#state === "open" && this.#durable, "a checkpoint follows a durable one");
    this.#options.note("grid not durable");
    this.#durable = false;
    this.release(this.#acquiredTrailer.addresses);
    this.release(this.#releasedTrailer.addresses);
  }

  checkpointDurable(callback: () => void): void {
    assert(this.#state === "open" && !this.#durable, "a checkpoint becomes durable once");
    this.#options.note("grid durable");
    this.nextTick(() => {
      this.#durable = true;
      for (const address of this.#released) this.#acquired.delete(address);
      this.#released.clear();
      for (const address of this.#releasedPrior) this.#released.add(address);
      this.#releasedPrior.clear();
      callback();
    });
  }

  release(addresses: readonly number[]): void {
    assert(this.#state === "open", () => `blocks are released while ${this.#state}`);
    for (const address of addresses) {
      assert(this.#acquired.has(address), () => `block ${address} is free`);
      assert(!this.#released.has(address) && !this.#releasedPrior.has(address), () => `block ${address} again`);
      (this.#durable ? this.#released : this.#releasedPrior).add(address);
    }
    if (addresses.length > 0) this.#options.note(`release ${addresses.join(" ")}`);
  }

  /** Takes the lowest free block. */
  acquire(): number {
    assert(this.#state === "open", () => `a block is acquired while ${this.#state}`);
    let address = 1;
    while (this.#acquired.has(address)) address += 1;
    this.#acquired.add(address);
    this.#options.note(`acquire ${address}`);
    return address;
  }

  /** Writes a block of these bytes, padded with zeros. Its checksum is that of all of them. */
  write(address: number, bytes: Uint8Array, callback: () => void): BlockReference {
    const { config, storage } = this.#options;
    const { blockSize } = config.cluster;
    assert(this.#acquired.has(address) && bytes.length <= blockSize, () => `block ${address} of ${bytes.length} bytes`);
    const buffer = new Uint8Array(blockSize);
    buffer.set(bytes);
    storage.writeSectors(new StorageRequest(callback), "grid", (address - 1) * blockSize, buffer);
    return { address, checksum: checksumOf(buffer) };
  }

  /** Reads a block, which must be what was written. */
  read({ address, checksum }: BlockReference, callback: (bytes: Uint8Array) => void): void {
    const { config, storage } = this.#options;
    const { blockSize } = config.cluster;
    const buffer = new Uint8Array(blockSize);
    const request = new StorageRequest(() => {
      assert(checksumOf(buffer) === checksum, () => `block ${address} is not what was written`);
      callback(buffer);
    });
    storage.readSectors(request, "grid", (address - 1) * blockSize, buffer);
  }

  nextTick(callback: () => void): void {
    this.#options.storage.nextTick(callback);
  }

  cancel(): void {
    assert(false, "a replica that is alone does not sync");
  }

  /** Nothing is ever missing. */
  nextBatchOfBlockRequests(): number {
    return 0;
  }

  receiveBlock(): boolean {
    return false;
  }

  onRepairWritten(): void {
    // No block is ever repaired.
  }

  readBlockForReplica(_: BlockReference, callback: (bytes: Uint8Array | null) => void): void {
    this.nextTick(() => callback(null));
  }

  fetchTable(): boolean {
    assert(false, "a replica that is alone fetches no tables");
  }

  reclaimTable(): BlockReference | null {
    return null;
  }

  resumeTables(): void {
    assert(false, "a replica that is alone does not sync");
  }
}

/** A store that has no tables, and so nothing to scrub. */
export const NO_TABLES: StoredTables = { rewind: () => undefined, next: () => null, has: () => false };

/** A scrubber that finds nothing. */
export const NO_SCRUBBER: ScrubberPort = { intervalTicks: 50, scrub: () => undefined, cancel: () => undefined };

/** A trailer of at most one block. */
export class MemoryTrailer implements CheckpointTrailerPort {
  readonly buffer: Uint8Array;
  readonly #grid: MemoryGrid;
  #reference: TrailerReference = TRAILER_EMPTY;

  constructor(grid: MemoryGrid, sizeMax: number) {
    this.#grid = grid;
    this.buffer = new Uint8Array(sizeMax);
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.#reference.size);
  }

  get addresses(): readonly number[] {
    return this.#reference.size === 0 ? [] : [this.#reference.lastBlock.address];
  }

  get reference(): TrailerReference {
    return this.#reference;
  }

  open(reference: TrailerReference, callback: () => void): void {
    this.#reference = reference;
    if (reference.size === 0) return this.#grid.nextTick(callback);
    this.#grid.read(reference.lastBlock, (block) => {
      this.buffer.set(block.subarray(0, reference.size));
      assert(checksumOf(this.bytes) === reference.checksum, "the trailer is what was written");
      callback();
    });
  }

  checkpoint(size: number, callback: () => void): void {
    if (size === 0) {
      this.#reference = TRAILER_EMPTY;
      return this.#grid.nextTick(callback);
    }
    const bytes = this.buffer.subarray(0, size);
    const lastBlock = this.#grid.write(this.#grid.acquire(), bytes, callback);
    this.#reference = { lastBlock, size, checksum: checksumOf(bytes) };
  }

  reset(): void {
    this.#reference = TRAILER_EMPTY;
  }
}

function encodeAddresses(addresses: ReadonlySet<number>, target: Uint8Array): number {
  const ascending = [...addresses].toSorted((left, right) => left - right);
  assert(ascending.length * 4 <= target.length, () => `${ascending.length} addresses in one block`);
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  for (const [index, address] of ascending.entries()) view.setUint32(index * 4, address, true);
  return ascending.length * 4;
}

function decodeAddresses(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}
