/**
 * Jobs of a checksum thread, in memory that both threads share: one puts jobs in and takes results out, the other one works
 * on them in order.
 *
 * ```text
 *   bytes     0 …   63   how many jobs were ever put in
 *            64 …  127   how many of them are done
 *           128 …        jobs of 32 bytes: pointer and size of the bytes (u32 each), 8 bytes unused, the checksum (16)
 * ```
 *
 * Counts are 32 bits wide and wrap around: what matters is their difference.
 *
 * @module
 */
import { assert, type Kernels, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { readU128 } from "@stagbeetle/vsr-protocol";

/** A line of the processor's cache: what one thread writes often is not in one with what the other one writes. */
export const LINE_SIZE_BYTES = 64;

const JOBS_OFFSET = 2 * LINE_SIZE_BYTES;
const JOB_SIZE_BYTES = 32;
const SIZE_OFFSET = 4;
const CHECKSUM_OFFSET = 16;

/** One queue, seen by one of its threads. */
export class JobQueue {
  readonly #memory: LinearMemory;
  readonly #words: Int32Array;
  readonly #begin: Pointer;
  readonly #capacity: number;
  readonly #putWord: number;
  readonly #doneWord: number;

  /** @param begin where the queue is: {@link JobQueue.sizeBytes} bytes, zero at first, at a multiple of 64. */
  constructor(memory: LinearMemory, begin: Pointer, capacity: number) {
    assert(Number.isInteger(Math.log2(capacity)), () => `a queue of ${capacity} jobs: expected a power of two`);
    memory.assertRange(begin, JobQueue.sizeBytes(capacity));
    this.#memory = memory;
    this.#words = new Int32Array(memory.memory.buffer);
    this.#begin = begin;
    this.#capacity = capacity;
    this.#putWord = begin / 4;
    this.#doneWord = (begin + LINE_SIZE_BYTES) / 4;
  }

  /** How many bytes a queue takes. */
  static sizeBytes(capacity: number): number {
    return JOBS_OFFSET + capacity * JOB_SIZE_BYTES;
  }

  /** The owner's: puts job `number` in, counted from 0 on. There must be room. */
  put(number: number, pointer: Pointer, sizeBytes: number): void {
    const job = this.#job(number);
    this.#memory.view.setUint32(job, pointer, true);
    this.#memory.view.setUint32(job + SIZE_OFFSET, sizeBytes, true);
    Atomics.store(this.#words, this.#putWord, (number + 1) | 0);
  }

  /** How many jobs are done. */
  get doneCount(): number {
    return Atomics.load(this.#words, this.#doneWord);
  }

  /** The owner's: the checksum of a job that is done, a u128. */
  checksum(number: number): bigint {
    return readU128(this.#memory.view, this.#job(number) + CHECKSUM_OFFSET);
  }

  /** The other thread's: does the next job. False if there is none. */
  work(kernels: Kernels): boolean {
    const number = this.doneCount;
    if (number === Atomics.load(this.#words, this.#putWord)) return false;
    const job = this.#job(number);
    const pointer = this.#memory.view.getUint32(job, true);
    kernels.checksum(pointer, this.#memory.view.getUint32(job + SIZE_OFFSET, true), job + CHECKSUM_OFFSET);
    Atomics.store(this.#words, this.#doneWord, (number + 1) | 0);
    return true;
  }

  #job(number: number): Pointer {
    return this.#begin + JOBS_OFFSET + (number & (this.#capacity - 1)) * JOB_SIZE_BYTES;
  }
}
