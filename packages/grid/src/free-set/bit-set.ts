/**
 * A set of block indexes in linear memory: one bit each. Sixteen tebibytes of blocks are four mebibytes of bits, most of
 * which nobody ever touches, so every pass goes only as far as bits have ever been set.
 *
 * @module
 */
import { assert, fail, type LinearMemory } from "@stagbeetle/kernels";

/** Bits in one element of {@link BitSet.words}. */
export const WORD_BITS = 32;

const WORD_SIZE_BYTES = 4;
const ALIGNMENT_BYTES = 64;

/** A fixed-size set of the integers 0 to `length` − 1. Empty when made. */
export class BitSet {
  /** How many bits there are: a multiple of 64. */
  readonly length: number;
  /** The bits, lowest first. Whoever writes here calls {@link recount} afterwards. */
  readonly words: Uint32Array;
  #count = 0;
  /** No word from here on was ever other than zero. */
  #wordsEnd = 0;

  /** Allocates `length` bits. */
  constructor(memory: LinearMemory, length: number, label: string) {
    assert(Number.isSafeInteger(length) && length > 0 && length % 64 === 0, () => `a bit set of ${length} bits`);
    const words = length / WORD_BITS;
    const start = memory.allocate(words * WORD_SIZE_BYTES, ALIGNMENT_BYTES, label);
    this.length = length;
    this.words = new Uint32Array(memory.bytes.buffer, memory.bytes.byteOffset + start, words);
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  /** Behind the last word that may not be zero. */
  get wordsEnd(): number {
    return this.#wordsEnd;
  }

  /** Whether the bit is set. */
  bit(index: number): boolean {
    return (this.#word(index) & (1 << (index % WORD_BITS))) !== 0;
  }

  /** Sets a bit that is not set. */
  set(index: number): void {
    const word = this.#word(index);
    const mask = 1 << (index % WORD_BITS);
    if ((word & mask) !== 0) fail(`bit ${index} is set twice`);
    const at = Math.floor(index / WORD_BITS);
    this.words[at] = word | mask;
    this.#count += 1;
    if (at >= this.#wordsEnd) this.#wordsEnd = at + 1;
  }

  /** Clears a bit that is set. */
  clear(index: number): void {
    const word = this.#word(index);
    const mask = 1 << (index % WORD_BITS);
    if ((word & mask) === 0) fail(`bit ${index} is cleared twice`);
    this.words[Math.floor(index / WORD_BITS)] = word & ~mask;
    this.#count -= 1;
  }

  /** The highest bit that is set, or null. */
  highest(): number | null {
    while (this.#wordsEnd > 0 && this.words[this.#wordsEnd - 1] === 0) this.#wordsEnd -= 1;
    if (this.#wordsEnd === 0) return null;
    const word = this.words[this.#wordsEnd - 1] ?? 0;
    return this.#wordsEnd * WORD_BITS - 1 - Math.clz32(word);
  }

  /** All set bits, ascending. For tests, tools and rare passes. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let at = 0; at < this.#wordsEnd; at += 1) {
      for (let word = this.words[at] ?? 0; word !== 0; word &= word - 1) yield at * WORD_BITS + lowestBit(word);
    }
  }

  /** Moves all members of `other`, which has the same length, here. None of them may be here already. */
  take(other: BitSet): void {
    assert(other.length === this.length, () => `${other.length} bits into ${this.length}`);
    for (let at = 0; at < other.#wordsEnd; at += 1) {
      const word = other.words[at] ?? 0;
      if (word === 0) continue;
      const mine = this.words[at] ?? 0;
      if ((mine & word) !== 0) fail(`bits ${at * WORD_BITS} and on are in both sets`);
      this.words[at] = mine | word;
    }
    this.#count += other.#count;
    this.#wordsEnd = Math.max(this.#wordsEnd, other.#wordsEnd);
    other.clearAll();
  }

  /** Removes all members of `other`, which has the same length. All of them must be here. */
  subtract(other: BitSet): void {
    assert(other.length === this.length, () => `${other.length} bits from ${this.length}`);
    for (let at = 0; at < other.#wordsEnd; at += 1) {
      const word = other.words[at] ?? 0;
      const mine = this.words[at] ?? 0;
      if ((word & ~mine) !== 0) fail(`bits ${at * WORD_BITS} and on are not all in the set`);
      this.words[at] = mine & ~word;
    }
    this.#count -= other.#count;
    assert(this.#count >= 0, () => `${this.#count} bits are set`);
  }

  /** Whether every member of `other` is a member here. */
  contains(other: BitSet): boolean {
    for (let at = 0; at < other.#wordsEnd; at += 1) {
      if (((other.words[at] ?? 0) & ~(this.words[at] ?? 0)) !== 0) return false;
    }
    return true;
  }

  /** Empties the set. */
  clearAll(): void {
    this.words.fill(0, 0, this.#wordsEnd);
    this.#wordsEnd = 0;
    this.#count = 0;
  }

  /** Takes over what was written to the first `wordsEnd` of {@link words}. */
  recount(wordsEnd: number): void {
    assert(wordsEnd >= 0 && wordsEnd <= this.words.length, () => `${wordsEnd} words of ${this.words.length}`);
    this.#wordsEnd = wordsEnd;
    this.#count = 0;
    for (let at = 0; at < wordsEnd; at += 1) this.#count += populationCount(this.words[at] ?? 0);
  }

  #word(index: number): number {
    const word = this.words[Math.floor(index / WORD_BITS)];
    if (word === undefined || !Number.isInteger(index)) fail(`bit ${index} of ${this.length}`);
    return word;
  }
}

/** How many of the 32 bits are set. */
export function populationCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const nibbles = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** The position of the lowest of the 32 bits that is set; there must be one. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
