/**
 * Which ids a tree's memory tables cannot have.
 *
 * An op asks for thousands of ids that do not exist yet, and the immutable table is as many sorted runs as a bar has ops: a
 * search in each of them would be most of a prefetch. So ids are noted as they are put, in a Bloom filter for each of the two
 * tables, and the tables' fate is followed bar by bar. The filters only ever save searches (spec 05 §19: caches are free).
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import type { TreeMemory } from "../memory-table/tree-memory.ts";

/** Bits a key, rounded up to a power of two for all: about one in a hundred absent keys is searched for. */
const BITS_PER_KEY = 12;

/** All bits of one key are in one cache line: 16 lanes of 32 bits. */
const BLOCK_LANES = 16;
const BLOCK_BITS = 512;
const BITS_SET = 5;
const BIT_SHIFT = 9;

/** A set of ids (four lanes each) that may say yes to one that it does not have, but never no to one that it has. */
export class KeyFilter {
  readonly #bits: Uint32Array;
  readonly #blockMask: number;
  #low = 0;
  #high = 0;

  constructor(memory: LinearMemory, keysMax: number, label: string) {
    assert(keysMax > 0, () => `${label}: a filter for ${keysMax} keys`);
    const blockCount = 2 ** Math.ceil(Math.log2((keysMax * BITS_PER_KEY) / BLOCK_BITS + 1));
    const pointer = memory.allocate(4 * BLOCK_LANES * blockCount, 64, label);
    this.#bits = memory.u32.subarray(pointer / 4, pointer / 4 + BLOCK_LANES * blockCount);
    this.#blockMask = blockCount - 1;
  }

  /** Notes the key at `keys[at…]`. */
  add(keys: Uint32Array, at: number): void {
    const block = this.#hash(keys, at);
    let bits = this.#low;
    for (let count = 0; count < BITS_SET; count += 1) {
      const bit = bits & (BLOCK_BITS - 1);
      const lane = block + (bit >>> 5);
      this.#bits[lane] = (this.#bits[lane] as number) | (1 << (bit & 31));
      bits = (bits >>> BIT_SHIFT) ^ Math.imul(this.#high, count + 1);
    }
  }

  /** Whether the key may have been noted. */
  mayHave(keys: Uint32Array, at: number): boolean {
    const block = this.#hash(keys, at);
    let bits = this.#low;
    for (let count = 0; count < BITS_SET; count += 1) {
      const bit = bits & (BLOCK_BITS - 1);
      if ((((this.#bits[block + (bit >>> 5)] as number) >>> (bit & 31)) & 1) === 0) return false;
      bits = (bits >>> BIT_SHIFT) ^ Math.imul(this.#high, count + 1);
    }
    return true;
  }

  /** Notes all keys that another filter of the same size has. */
  addAll(other: KeyFilter): void {
    assert(other.#bits.length === this.#bits.length, "filters of two sizes");
    for (let lane = 0; lane < this.#bits.length; lane += 1) {
      this.#bits[lane] = (this.#bits[lane] as number) | (other.#bits[lane] as number);
    }
  }

  clear(): void {
    this.#bits.fill(0);
  }

  /** Sets the two words that bits are taken from. Returns the first lane of the key's block. */
  #hash(keys: Uint32Array, at: number): number {
    let low = Math.imul(keys[at] as number, 0x9e37_79b1);
    low = Math.imul(low ^ (low >>> 15) ^ (keys[at + 1] as number), 0x85eb_ca77);
    low = Math.imul(low ^ (low >>> 13) ^ (keys[at + 2] as number), 0xc2b2_ae3d);
    low = Math.imul(low ^ (low >>> 16) ^ (keys[at + 3] as number), 0x27d4_eb2f);
    const high = Math.imul(low ^ (low >>> 15), 0x1656_67b1);
    this.#low = (high ^ (high >>> 13)) >>> 0;
    this.#high = Math.imul(this.#low, 0x9e37_79b1) | 1;
    return ((Math.imul(low ^ (low >>> 14), 0x2c1b_3c6d) >>> 8) & this.#blockMask) * BLOCK_LANES;
  }
}

/** The filters of the mutable and the immutable table of one tree with u128 keys. */
export class MemoryFilter {
  readonly #memory: TreeMemory;
  #mutable: KeyFilter;
  #immutable: KeyFilter;
  #snapshotMin: number;

  /** @param keysMax how many keys a table has at most. */
  constructor(memory: LinearMemory, tables: TreeMemory, keysMax: number, label: string) {
    this.#memory = tables;
    this.#mutable = new KeyFilter(memory, keysMax, label);
    this.#immutable = new KeyFilter(memory, keysMax, label);
    this.#snapshotMin = tables.snapshotMin;
  }

  /** A value with this key was put. If it is taken back, no harm is done. */
  put(keys: Uint32Array, at: number): void {
    this.#mutable.add(keys, at);
  }

  /** Whether the immutable table may have the key. */
  immutableMayHave(keys: Uint32Array, at: number): boolean {
    return this.#immutable.mayHave(keys, at);
  }

  /** The tables were swapped, or the immutable one has absorbed the mutable one (spec 05 §7.6). */
  barEnded(): void {
    const { snapshotMin, barsAbsorbed } = this.#memory;
    const exchanged = snapshotMin !== this.#snapshotMin && barsAbsorbed === 0;
    this.#snapshotMin = snapshotMin;
    if (exchanged) [this.#mutable, this.#immutable] = [this.#immutable, this.#mutable];
    else this.#immutable.addAll(this.#mutable);
    this.#mutable.clear();
  }

  /** Both tables are empty. */
  reset(): void {
    this.#mutable.clear();
    this.#immutable.clear();
    this.#snapshotMin = this.#memory.snapshotMin;
  }
}
