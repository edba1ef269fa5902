/**
 * The free set: which blocks of the grid are in use (spec 04 §15). Part of the replicated state: the same ops acquire the
 * same addresses on every replica, and the encoding is part of the checkpoint.
 *
 * ```text
 *   free ──acquire──▶ acquired ──release──▶ released ──next checkpoint is durable──▶ free
 * ```
 *
 * A released block stays as it is until the next checkpoint is durable on a quorum: until then a replica, this one or
 * another, may go back to a checkpoint that needs it.
 *
 * Index = address − 1.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { type Config, fatal, FatalReason } from "@stagbeetle/vsr-protocol";
import { decodeEwah, encodeEwah, ewahEncodeSizeMax } from "../ewah.ts";
import { BitSet, lowestBit, populationCount, WORD_BITS } from "./bit-set.ts";
import type { Reservation } from "./reservation.ts";

/** Blocks that one bit of the index of full shards stands for. The bitsets have whole shards. */
export const SHARD_BITS = 4096;

const SHARD_WORDS: number = SHARD_BITS / WORD_BITS;
const ALL_ACQUIRED = 0xffff_ffff;

/** How many blocks a data file of at most `storageSizeLimit` bytes has room for. */
export function gridBlocksMax(config: Config, storageSizeLimit: number): number {
  const blocks = Math.floor((storageSizeLimit - config.derived.dataFileSizeMin) / config.cluster.blockSize);
  assert(blocks >= 0, () => `a storage limit of ${storageSizeLimit} bytes`);
  return blocks;
}

/** The size in bytes of an encoded bitset of `blocksMax` blocks, at most. */
export function freeSetEncodeSizeMax(blocksMax: number): number {
  return ewahEncodeSizeMax(bitsFor(blocksMax) / 64);
}

function bitsFor(blocksMax: number): number {
  return Math.max(1, Math.ceil(blocksMax / SHARD_BITS)) * SHARD_BITS;
}

function shardBitsFor(bits: number): number {
  return Math.ceil(bits / SHARD_BITS / 64) * 64;
}

/** What the trailers of a checkpoint say of the free set. Encodings as u32 halves, low half first. */
export interface FreeSetEncoded {
  readonly acquired: Uint32Array;
  readonly released: Uint32Array;
  /** The blocks of the two trailers, which the encodings cannot contain; ascending. */
  readonly acquiredTrailerAddresses: readonly number[];
  readonly releasedTrailerAddresses: readonly number[];
}

/**
 * The free set of one replica.
 *
 * `open` once, then any number of rounds of `reserve` … `acquire` … `forfeit`. Around a checkpoint: `encode`, then (the
 * superblock is durable here) `markCheckpointNotDurable`, then (it is durable on a quorum) `markCheckpointDurable`.
 */
export class FreeSet {
  /** How many blocks there can be. */
  readonly blocksMax: number;
  readonly #acquired: BitSet;
  /** Freed when the next checkpoint is durable. A subset of acquired. */
  readonly #released: BitSet;
  /** Released before the current checkpoint was durable: they wait one checkpoint longer. A subset of acquired. */
  readonly #releasedPrior: BitSet;
  /** One bit a shard: no block of it is free. Only for speed. */
  readonly #shardsFull: BitSet;
  #opened = false;
  #checkpointDurable = false;
  /** `reserving`: reservations may be added. `forfeiting`: some of this round are given back, none may be added. */
  #reservationState: "reserving" | "forfeiting" = "reserving";
  #reservationCount = 0;
  #reservationSession = 1;
  /** Behind the last reserved block. */
  #reservationBlocks = 0;

  /** Allocates three bits a block. */
  constructor({ memory, blocksMax }: { readonly memory: LinearMemory; readonly blocksMax: number }) {
    assert(Number.isSafeInteger(blocksMax) && blocksMax >= 0, () => `a grid of ${blocksMax} blocks`);
    const bits = bitsFor(blocksMax);
    this.blocksMax = blocksMax;
    this.#acquired = new BitSet(memory, bits, "free set acquired");
    this.#released = new BitSet(memory, bits, "free set released");
    this.#releasedPrior = new BitSet(memory, bits, "free set released prior");
    this.#shardsFull = new BitSet(memory, shardBitsFor(bits), "free set shards");
  }

  /** How much linear memory a set of `blocksMax` blocks takes in bytes. */
  static memorySize(blocksMax: number): number {
    const bits = bitsFor(blocksMax);
    return (3 * bits + shardBitsFor(bits)) / 8;
  }

  /** Whether the trailers were decoded. While not, every block counts as acquired. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Whether the current checkpoint is known to be on a quorum. */
  get checkpointDurable(): boolean {
    return this.#checkpointDurable;
  }

  /** Blocks in use, released ones among them. */
  get countAcquired(): number {
    return this.#acquired.count;
  }

  /** Blocks that are released but not free yet. */
  get countReleased(): number {
    return this.#released.count + this.#releasedPrior.count;
  }

  /** Blocks that can be acquired. */
  get countFree(): number {
    return this.blocksMax - this.#acquired.count;
  }

  /** Reservations that are not forfeited. */
  get countReservations(): number {
    return this.#reservationCount;
  }

  /** The highest address in use, or 0: what the size of the data file follows from. */
  get highestAddressAcquired(): number {
    const highest = this.#acquired.highest();
    return highest === null ? 0 : highest + 1;
  }

  /** Whether the block is not acquired. */
  isFree(address: number): boolean {
    return this.#opened && !this.#acquired.bit(this.#index(address));
  }

  /** Whether the block is released and not free yet. */
  isReleased(address: number): boolean {
    const index = this.#index(address);
    return this.#released.bit(index) || this.#releasedPrior.bit(index);
  }

  /** Whether the block becomes free when the current checkpoint is durable. */
  toBeFreed(address: number): boolean {
    return !this.#checkpointDurable && this.#released.bit(this.#index(address));
  }

  /** All acquired addresses, ascending: for tools and tests. */
  *addressesAcquired(): IterableIterator<number> {
    for (const index of this.#acquired) yield index + 1;
  }

  /**
   * Takes over a checkpoint. The blocks of the trailers become acquired and released, because the next checkpoint has
   * trailers of its own.
   *
   * @throws FatalError (status 4) if there are more blocks than the storage limit allows.
   */
  open(encoded: FreeSetEncoded): void {
    assert(!this.#opened && this.#acquired.count === 0, "the free set is opened once");
    assert(!this.#checkpointDurable && this.#reservationCount === 0, "nothing happens before open");
    this.#decode(encoded.acquired, this.#acquired);
    this.#decode(encoded.released, this.#released);
    assert(this.#acquired.contains(this.#released), "released blocks are acquired");
    this.#fillShards();
    this.#opened = true;
    this.#acquireTrailer(encoded.acquiredTrailerAddresses);
    this.#acquireTrailer(encoded.releasedTrailerAddresses);
    this.#assertWithinLimit();
  }

  /** Forgets everything, reservations too, before a state sync. */
  reset(): void {
    for (const set of [this.#acquired, this.#released, this.#releasedPrior, this.#shardsFull]) set.clearAll();
    this.#opened = false;
    this.#checkpointDurable = false;
    this.#reservationState = "reserving";
    this.#reservationCount = 0;
    this.#reservationBlocks = 0;
    this.#reservationSession += 1;
  }

  /**
   * Reserves the next `count` free blocks behind those already reserved. Null, and nothing has changed, if there are not
   * as many.
   */
  reserve(count: number): Reservation | null {
    assert(this.#opened, "the free set is not open");
    assert(Number.isSafeInteger(count) && count > 0, () => `a reservation of ${count} blocks`);
    assert(this.#reservationState === "reserving", "reservations are being forfeited");
    const base = this.#reservationBlocks;
    const end = this.#endOfFree(base, count);
    if (end === null || end > this.blocksMax) return null;
    this.#reservationBlocks = end;
    this.#reservationCount += 1;
    return { base, count: end - base, session: this.#reservationSession };
  }

  /** Acquires the lowest free block of a reservation and returns its address. Null if none is left. */
  acquire(reservation: Reservation): number | null {
    assert(this.#reservationCount > 0, "nothing is reserved");
    assert(
      reservation.session === this.#reservationSession,
      () => `a reservation of round ${reservation.session} is over`,
    );
    const index = this.#firstFree(reservation.base, reservation.base + reservation.count);
    if (index === null) return null;
    assert(
      !this.#released.bit(index) && !this.#releasedPrior.bit(index),
      () => `block ${index + 1} is free and released`,
    );
    this.#acquireIndex(index);
    return index + 1;
  }

  /** Ends a reservation. Blocks of it that were not acquired stay free. */
  forfeit(reservation: Reservation): void {
    assert(this.#reservationCount > 0, "nothing is reserved");
    assert(
      reservation.session === this.#reservationSession,
      () => `a reservation of round ${reservation.session} is over`,
    );
    this.#reservationCount -= 1;
    if (this.#reservationCount > 0) {
      this.#reservationState = "forfeiting";
      return;
    }
    this.#reservationState = "reserving";
    this.#reservationBlocks = 0;
    this.#reservationSession += 1;
  }

  /** Releases an acquired block. It becomes free when a later checkpoint is durable, even if it was acquired just now. */
  release(address: number): void {
    assert(this.#opened, "the free set is not open");
    assert(!this.isFree(address), () => `block ${address} is free`);
    assert(!this.isReleased(address), () => `block ${address} is released twice`);
    const set = this.#checkpointDurable ? this.#released : this.#releasedPrior;
    set.set(this.#index(address));
  }

  /** A new checkpoint is durable here, but not known to be on a quorum. To be called before its trailers are released. */
  markCheckpointNotDurable(): void {
    assert(this.#opened && this.#checkpointDurable, "a checkpoint follows a durable one");
    assert(this.#releasedPrior.count === 0, () => `${this.#releasedPrior.count} blocks were released too early`);
    this.#checkpointDurable = false;
  }

  /** The current checkpoint is on a quorum: frees what was released before it. At a fixed op, the same on every replica. */
  markCheckpointDurable(): void {
    assert(this.#opened && !this.#checkpointDurable, "the checkpoint is durable already");
    assert(this.#reservationCount === 0, () => `${this.#reservationCount} reservations while blocks are freed`);
    this.#checkpointDurable = true;
    for (let at = 0; at < this.#released.wordsEnd; at += 1) {
      if (this.#released.words[at] !== 0) this.#markShard(Math.floor(at / SHARD_WORDS), false);
    }
    this.#acquired.subtract(this.#released);
    this.#released.clearAll();
    this.#released.take(this.#releasedPrior);
  }

  /**
   * Encodes the acquired blocks. Only between rounds of reservations and while the last checkpoint is durable.
   *
   * @returns the size in bytes, at most {@link freeSetEncodeSizeMax}.
   */
  encodeAcquired(target: Uint32Array): number {
    return this.#encode(this.#acquired, target);
  }

  /** As {@link encodeAcquired}, of the released blocks. */
  encodeReleased(target: Uint32Array): number {
    return this.#encode(this.#released, target);
  }

  /** One line for people. */
  describe(): string {
    return (
      `${this.#opened ? "open" : "closed"} acquired=${this.countAcquired} released=${this.#released.count}+${this.#releasedPrior.count} ` +
      `free=${this.countFree} highest=${this.highestAddressAcquired} durable=${this.#checkpointDurable} ` +
      `reservations=${this.#reservationCount} (${this.#reservationState})`
    );
  }

  #index(address: number): number {
    assert(Number.isSafeInteger(address) && address > 0, () => `no block has address ${address}`);
    return address - 1;
  }

  #encode(set: BitSet, target: Uint32Array): number {
    assert(this.#opened && this.#checkpointDurable, "a checkpoint is written before the last one is durable");
    assert(this.#reservationCount === 0, () => `${this.#reservationCount} reservations at a checkpoint`);
    assert(this.#releasedPrior.count === 0, "a durable checkpoint has no blocks left to release");
    return encodeEwah(set.words.subarray(0, wholeWords(set.wordsEnd)), target);
  }

  #decode(encoded: Uint32Array, set: BitSet): void {
    const decoded = decodeEwah(encoded, set.words);
    if (decoded === "tooLarge") this.#failTooLarge();
    assert(typeof decoded === "number", () => `a checkpoint's free set does not decode: ${decoded}`);
    set.recount(Math.min(decoded * 2, set.words.length));
  }

  #assertWithinLimit(): void {
    if (this.highestAddressAcquired > this.blocksMax) this.#failTooLarge();
  }

  #failTooLarge(): never {
    fatal(
      FatalReason.storageSizeExceedsLimit,
      `the data file has more than the ${this.blocksMax} blocks that the storage limit allows: start with a larger --limit-storage`,
    );
  }

  #acquireTrailer(addresses: readonly number[]): void {
    let previous = 0;
    for (const address of addresses) {
      assert(address > previous, () => `block ${address} of a trailer follows block ${previous}`);
      if (address > this.#acquired.length) this.#failTooLarge();
      assert(this.isFree(address), () => `block ${address} of a trailer is in use`);
      this.#acquireIndex(address - 1);
      this.#releasedPrior.set(address - 1);
      previous = address;
    }
  }

  #acquireIndex(index: number): void {
    this.#acquired.set(index);
    const shard = Math.floor(index / SHARD_BITS);
    if (this.#shardIsFull(shard)) this.#markShard(shard, true);
  }

  #fillShards(): void {
    for (let shard = 0; shard * SHARD_BITS < this.#acquired.length; shard += 1) {
      if (this.#shardIsFull(shard)) this.#markShard(shard, true);
    }
  }

  /** Counted from the end, which is acquired last. */
  #shardIsFull(shard: number): boolean {
    const { words } = this.#acquired;
    for (let at = (shard + 1) * SHARD_WORDS - 1; at >= shard * SHARD_WORDS; at -= 1) {
      if (words[at] !== ALL_ACQUIRED) return false;
    }
    return true;
  }

  #markShard(shard: number, full: boolean): void {
    if (this.#shardsFull.bit(shard) === full) return;
    if (full) this.#shardsFull.set(shard);
    else this.#shardsFull.clear(shard);
  }

  /** Behind the `count`-th free block from `base` on, or null if there are fewer. */
  #endOfFree(base: number, count: number): number | null {
    let left = count;
    for (let index = base; index < this.#acquired.length;) {
      if (this.#atFullShard(index)) {
        index += SHARD_BITS;
        continue;
      }
      const wordStart = index - (index % WORD_BITS);
      let free = this.#freeBits(index);
      const freeCount = populationCount(free);
      if (freeCount >= left) {
        for (; left > 1; left -= 1) free &= free - 1;
        return wordStart + lowestBit(free) + 1;
      }
      left -= freeCount;
      index = wordStart + WORD_BITS;
    }
    return null;
  }

  /** The lowest free block from `start` on and before `end`, or null. */
  #firstFree(start: number, end: number): number | null {
    for (let index = start; index < end;) {
      if (this.#atFullShard(index)) {
        index += SHARD_BITS;
        continue;
      }
      const wordStart = index - (index % WORD_BITS);
      const free = this.#freeBits(index);
      if (free !== 0) {
        const found = wordStart + lowestBit(free);
        return found < end ? found : null;
      }
      index = wordStart + WORD_BITS;
    }
    return null;
  }

  #atFullShard(index: number): boolean {
    return index % SHARD_BITS === 0 && this.#shardsFull.bit(index / SHARD_BITS);
  }

  /** The free blocks of the word that holds `index`, from `index` on, as bits. */
  #freeBits(index: number): number {
    const word = this.#acquired.words[Math.floor(index / WORD_BITS)] ?? ALL_ACQUIRED;
    return ~word & (ALL_ACQUIRED << (index % WORD_BITS));
  }
}

/** Rounded up to whole u64 words. */
function wholeWords(halves: number): number {
  return halves + (halves % 2);
}
