/**
 * A cache of fixed size with 16 ways a set, whose entries survive by being used (CLOCK, with counts of two bits; spec 04
 * §21).
 *
 * A key belongs to one set. A hit counts its entry up, to three. A new key that finds no free way lets the set's clock hand
 * go around and count entries down until one reaches zero: that one is replaced. A *demoted* entry goes next.
 *
 * The cache knows which entry holds which key; what the entries hold, keys included, belongs to its owner, who keeps one
 * value for each index. What is in a cache never changes a result, an address or a reply.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import { Hash64 } from "./hash64.ts";

/** Entries in a set. */
export const CACHE_WAYS = 16;

/** Entries come in multiples of this: the counts of so many fill whole words. */
export const CACHE_ENTRIES_MULTIPLE = 64;

const COUNT_MAX = 3;
const TAG_MASK = 0xff;
const HALF_BITS = 2;

/** What the cache must know of its owner's keys and values. */
export interface CacheKeys<Key> {
  /** Hashes the key. */
  hash(key: Key, hash: Hash64): void;
  /** Whether the value at `index`, an occupied entry, has this key. */
  hasKey(index: number, key: Key): boolean;
}

/** How often something happened, since the start. */
export interface CacheCounts {
  hits: number;
  misses: number;
  evictions: number;
}

/** What a cache is made of. */
export interface SetAssociativeCacheOptions<Key> {
  readonly memory: LinearMemory;
  /** How many entries there are: a multiple of {@link CACHE_ENTRIES_MULTIPLE}. */
  readonly entries: number;
  readonly keys: CacheKeys<Key>;
  /** Whose memory it is. */
  readonly label: string;
}

/** Maps keys to indexes of entries, 0 to `entries` − 1. */
export class SetAssociativeCache<Key> {
  readonly entries: number;
  readonly counts: CacheCounts = { hits: 0, misses: 0, evictions: 0 };
  readonly #sets: number;
  readonly #keys: CacheKeys<Key>;
  readonly #hash = new Hash64();
  /** The low 8 bits of the hash of each entry's key. */
  readonly #tags: Uint8Array;
  /** Two bits for each entry: 0 if it is free. */
  readonly #uses: Uint8Array;
  /** For each set, where the hand stands: two of them in a byte. */
  readonly #hands: Uint8Array;

  /** Allocates 10.25 bits an entry. */
  constructor({ memory, entries, keys, label }: SetAssociativeCacheOptions<Key>) {
    assert(
      Number.isSafeInteger(entries) && entries > 0 && entries % CACHE_ENTRIES_MULTIPLE === 0,
      () => `${label}: ${entries} entries are not a multiple of ${CACHE_ENTRIES_MULTIPLE}`,
    );
    this.entries = entries;
    this.#sets = entries / CACHE_WAYS;
    this.#keys = keys;
    const allocate = (sizeBytes: number): Uint8Array => {
      const start = memory.allocate(sizeBytes, CACHE_ENTRIES_MULTIPLE, label);
      return memory.bytes.subarray(start, start + sizeBytes);
    };
    this.#tags = allocate(entries);
    this.#uses = allocate(entries / 4);
    this.#hands = allocate(this.#sets / 2);
  }

  /** How much linear memory a cache of so many entries takes in bytes, without what its owner keeps. */
  static memorySize(entries: number): number {
    return entries + entries / 4 + entries / CACHE_WAYS / 2;
  }

  /** The index of the key's entry, which counts as used, or null. */
  get(key: Key): number | null {
    const index = this.#find(key);
    if (index === null) {
      this.counts.misses += 1;
      return null;
    }
    this.counts.hits += 1;
    this.#setUse(index, Math.min(this.#use(index) + 1, COUNT_MAX));
    return index;
  }

  /** Whether the key has an entry. Does not count as a use. */
  has(key: Key): boolean {
    return this.#find(key) !== null;
  }

  /**
   * Gives the key an entry and returns its index: the one that it has, a free one, or another key's. Whatever the owner
   * keeps there is to be replaced now.
   */
  upsert(key: Key): number {
    const present = this.#find(key);
    if (present !== null) {
      this.#setUse(present, 1);
      return present;
    }
    // The look-up has left the hash of the key.
    const set = this.#hash.scaledTo(this.#sets);
    const way = this.#freeWay(set);
    const index = set * CACHE_WAYS + way;
    assert(this.#use(index) === 0, () => `entry ${index} is in use`);
    this.#tags[index] = this.#hash.low & TAG_MASK;
    this.#setUse(index, 1);
    this.#setHand(set, (way + 1) % CACHE_WAYS);
    return index;
  }

  /** Takes the key out. Returns the index that it had, which is free now, or null. */
  remove(key: Key): number | null {
    const index = this.#find(key);
    if (index !== null) this.#setUse(index, 0);
    return index;
  }

  /** Makes the key's entry, if it has one, the likeliest to be replaced. */
  demote(key: Key): void {
    const index = this.#find(key);
    if (index !== null) this.#setUse(index, 1);
  }

  /** Frees all entries. */
  reset(): void {
    this.#tags.fill(0);
    this.#uses.fill(0);
    this.#hands.fill(0);
  }

  #find(key: Key): number | null {
    this.#keys.hash(key, this.#hash);
    const first = this.#hash.scaledTo(this.#sets) * CACHE_WAYS;
    const tag = this.#hash.low & TAG_MASK;
    for (let index = first; index < first + CACHE_WAYS; index += 1) {
      if (this.#tags[index] === tag && this.#use(index) > 0 && this.#keys.hasKey(index, key)) return index;
    }
    return null;
  }

  /** Lets the hand go around until it finds a way that is free or becomes so: at most three rounds. */
  #freeWay(set: number): number {
    let way = this.#hand(set);
    for (let steps = 0; steps < CACHE_WAYS * COUNT_MAX; steps += 1) {
      const index = set * CACHE_WAYS + way;
      const use = this.#use(index);
      if (use === 0) return way;
      this.#setUse(index, use - 1);
      if (use === 1) {
        this.counts.evictions += 1;
        return way;
      }
      way = (way + 1) % CACHE_WAYS;
    }
    assert(false, () => `no entry of set ${set} is replaced in ${COUNT_MAX} rounds`);
  }

  #use(index: number): number {
    return ((this.#uses[index >>> HALF_BITS] ?? 0) >>> ((index & 3) * HALF_BITS)) & COUNT_MAX;
  }

  #setUse(index: number, use: number): void {
    const shift = (index & 3) * HALF_BITS;
    const at = index >>> HALF_BITS;
    this.#uses[at] = ((this.#uses[at] ?? 0) & ~(COUNT_MAX << shift)) | (use << shift);
  }

  #hand(set: number): number {
    return ((this.#hands[set >>> 1] ?? 0) >>> ((set & 1) * 4)) & 0xf;
  }

  #setHand(set: number, way: number): void {
    const shift = (set & 1) * 4;
    this.#hands[set >>> 1] = ((this.#hands[set >>> 1] ?? 0) & ~(0xf << shift)) | (way << shift);
  }
}
