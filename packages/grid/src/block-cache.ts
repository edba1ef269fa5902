/**
 * The blocks kept in memory, by address.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { type Config, fatal, FatalReason } from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";
import type { Hash64 } from "./hash64.ts";
import {
  CACHE_ENTRIES_MULTIPLE,
  type CacheCounts,
  type CacheKeys,
  SetAssociativeCache,
} from "./set-associative-cache.ts";

const TWO_POW_32 = 0x1_0000_0000;

/**
 * How many blocks a cache of `sizeBytes` holds: whole blocks, rounded down to what the cache can have.
 *
 * @throws FatalError (status 1) if it is none.
 */
export function cacheBlocksFor(config: Config, sizeBytes: number): number {
  const { blockSize } = config.cluster;
  const blocks = Math.floor(sizeBytes / blockSize);
  const entries = blocks - (blocks % CACHE_ENTRIES_MULTIPLE);
  if (entries > 0) return entries;
  fatal(
    FatalReason.cli,
    `a grid cache of ${sizeBytes} bytes is too small: --cache-grid needs at least ${CACHE_ENTRIES_MULTIPLE * blockSize} bytes`,
  );
}

/** Keeps a reference of each of its blocks. At most one block an address: the newest that it was given. */
export class BlockCache {
  readonly #blocks: (Block | null)[];
  /** Of the blocks: read once when a block comes, because every look-up compares one. */
  readonly #checksums: bigint[];
  readonly #cache: SetAssociativeCache<number>;

  constructor({ memory, blocksMax }: { readonly memory: LinearMemory; readonly blocksMax: number }) {
    this.#blocks = Array.from({ length: blocksMax }, () => null);
    this.#checksums = Array.from({ length: blocksMax }, () => 0n);
    const keys: CacheKeys<number> = {
      hash: (address: number, hash: Hash64) => void hash.set(Math.floor(address / TWO_POW_32), address >>> 0),
      hasKey: (index, address) => this.#at(index).header.address === address,
    };
    this.#cache = new SetAssociativeCache({ memory, entries: blocksMax, keys, label: "grid cache" });
  }

  /** How much linear memory a cache of so many blocks takes in bytes, without the blocks. */
  static memorySize(blocksMax: number): number {
    return SetAssociativeCache.memorySize(blocksMax);
  }

  /** Hits, misses and evictions. */
  get counts(): Readonly<CacheCounts> {
    return this.#cache.counts;
  }

  /** The block, without a reference for the caller. Another version of the address's content is as good as none. */
  get(address: number, checksum: bigint): Block | null {
    const index = this.#cache.get(address);
    if (index === null) return null;
    return this.#checksums[index] === checksum ? this.#at(index) : null;
  }

  /** Takes a reference of the block, in the place of an older one of its address or of the least used one. */
  insert(block: Block): void {
    const index = this.#cache.upsert(block.header.address);
    const replaced = this.#blocks[index];
    this.#blocks[index] = block.retain();
    this.#checksums[index] = block.header.checksum;
    replaced?.release();
  }

  /** Makes the block, if it is here, the likeliest to be replaced. */
  demote(address: number): void {
    this.#cache.demote(address);
  }

  #at(index: number): Block {
    const block = this.#blocks[index];
    assert(block !== undefined && block !== null, () => `entry ${index} of the cache has no block`);
    return block;
  }
}
