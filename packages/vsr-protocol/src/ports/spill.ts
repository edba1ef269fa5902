/**
 * The port to room on a disk for what memory has no room for.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * Bytes that are written and read back by one process, and by no later one: nothing of it need be durable.
 *
 * Both calls end when the bytes are there. Where that fails, they throw what tells the operator why: there is nothing that the
 * caller could do about it.
 */
export interface SpillStorage {
  /** Writes all of `bytes` at `offset`, in bytes from the start. */
  write(offset: number, bytes: Uint8Array): void;
  /** Fills `bytes` with what was written from `offset` on. Whether it is the same is for the caller to find out. */
  read(offset: number, bytes: Uint8Array): void;
}

/** Keeps the bytes in memory: where there is no disk, and for tests. */
export class MemorySpill implements SpillStorage {
  #bytes: Uint8Array = new Uint8Array(0);

  /** All that was ever written, where it was written. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(bytes, offset);
  }

  read(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    assert(end <= this.#bytes.length, () => `bytes ${offset}..${end} of ${this.#bytes.length} that were written`);
    bytes.set(this.#bytes.subarray(offset, end));
  }

  #grow(sizeBytes: number): void {
    const grown = new Uint8Array(Math.max(sizeBytes, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
