/**
 * A set of small integers, here of slots: one bit each, and a count that is always at hand.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";

const WORD_BITS = 32;
const WORD_SIZE_BYTES = 4;

/** A fixed-size set of the integers 0 to `length` − 1. Empty when made. */
export class BitSet {
  /** How many bits there are. */
  readonly length: number;
  readonly #words: Uint32Array;
  #count = 0;

  /** Allocates `length` bits, rounded up to whole words of 32. */
  constructor(memory: LinearMemory, length: number, label: string) {
    assert(Number.isInteger(length) && length > 0, () => `a bit set of ${length} bits`);
    const words = Math.ceil(length / WORD_BITS);
    const start = memory.allocate(words * WORD_SIZE_BYTES, WORD_SIZE_BYTES, label);
    this.length = length;
    this.#words = new Uint32Array(memory.bytes.buffer, memory.bytes.byteOffset + start, words);
    this.#words.fill(0);
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  /** Whether the bit is set. */
  bit(index: number): boolean {
    return (this.#word(index) & (1 << (index % WORD_BITS))) !== 0;
  }

  /** Sets the bit, whatever it was. */
  set(index: number): void {
    if (this.bit(index)) return;
    this.#words[Math.floor(index / WORD_BITS)] = this.#word(index) | (1 << (index % WORD_BITS));
    this.#count += 1;
    assert(this.#count <= this.length, () => `${this.#count} of ${this.length} bits are set`);
  }

  /** Clears the bit, whatever it was. */
  clear(index: number): void {
    if (!this.bit(index)) return;
    this.#words[Math.floor(index / WORD_BITS)] = this.#word(index) & ~(1 << (index % WORD_BITS));
    this.#count -= 1;
    assert(this.#count >= 0, () => `${this.#count} bits are set`);
  }

  /** Makes the bit what `value` says. */
  assign(index: number, value: boolean): void {
    if (value) this.set(index);
    else this.clear(index);
  }

  /** Sets all bits. */
  fill(): void {
    for (let index = 0; index < this.length; index += 1) this.set(index);
  }

  /** The lowest set bit at or above `from`, or null. */
  next(from: number): number | null {
    assert(Number.isInteger(from) && from >= 0, () => `no bit ${from}`);
    for (let index = from; index < this.length; index += 1) {
      if (this.bit(index)) return index;
    }
    return null;
  }

  #word(index: number): number {
    assert(Number.isInteger(index) && index >= 0 && index < this.length, () => `bit ${index} of ${this.length}`);
    return this.#words[Math.floor(index / WORD_BITS)] ?? 0;
  }
}
