/**
 * The jobs of a checksum thread, in memory that both threads share: one puts jobs in and takes results out, the other one
 * works on them in order.
 *
 * ```text
 *   bytes     0 …   63   how many jobs were ever put in
 *            64 …  127   how many of them are done
 *           128 …  191   whether the owner has been told that some are done
 *           192 …        jobs of 32 bytes: pointer and size of the bytes (u32 each), 8 bytes unused, the checksum (16)
 * ```
 *
 * @module
 */
import { assert, type Kernels, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { readU128 } from "@stagbeetle/vsr-protocol";

/** A line of the processor's cache: what one thread writes often is not in that of the other. */
const LINE_SIZE_BYTES = 64;
const JOBS_OFFSET = 3 * LINE_SIZE_BYTES;
const JOB_SIZE_BYTES = 32;
const SIZE_OFFSET = 4;
const CHECKSUM_OFFSET = 16;

/** Counts are 32 bits wide and wrap around; what counts is their difference. */
export class JobRing {
  readonly capacity: number;
  readonly #memory: LinearMemory;
  readonly #begin: Pointer;
  readonly #words: Int32Array;
  readonly #putWord: number;
  readonly #doneWord: number;
  readonly #toldWord: number;

  /** @param begin where the ring is: {@link JobRing.sizeBytes} bytes, zero at first, at a multiple of 64. */
  constructor(memory: LinearMemory, begin: Pointer, capacity: number) {
    assert(memory.shared, "two threads share a memory that can be shared");
    assert(Number.isInteger(Math.log2(capacity)), () => `a ring of ${capacity} jobs: expected a power of two`);
    memory.assertRange(begin, JobRing.sizeBytes(capacity));
    this.capacity = capacity;
    this.#memory = memory;
    this.#begin = begin;
    this.#words = new Int32Array(memory.memory.buffer);
    this.#putWord = begin / 4;
    this.#doneWord = (begin + LINE_SIZE_BYTES) / 4;
    this.#toldWord = (begin + 2 * LINE_SIZE_BYTES) / 4;
  }

  /** How many bytes a ring takes. */
  static sizeBytes(capacity: number): number {
    return JOBS_OFFSET + capacity * JOB_SIZE_BYTES;
  }

  /** The owner's: puts a job in and wakes the other thread. `number` counts all jobs from 0 on. */
  put(number: number, pointer: Pointer, sizeBytes: number): void {
    const job = this.#job(number);
    this.#memory.view.setUint32(job, pointer, true);
    this.#memory.view.setUint32(job + SIZE_OFFSET, sizeBytes, true);
    Atomics.store(this.#words, this.#putWord, (number + 1) | 0);
    Atomics.notify(this.#words, this.#putWord);
  }

  /** The owner's, when it was told: how many jobs are done, modulo 2^32. It is told again of those that come later. */
  takeDone(): number {
    Atomics.store(this.#words, this.#toldWord, 0);
    return Atomics.load(this.#words, this.#doneWord);
  }

  /** The checksum of a job that is done: a u128. */
  checksum(number: number): bigint {
    return readU128(this.#memory.view, this.#job(number) + CHECKSUM_OFFSET);
  }

  /**
   * The other thread's: works on jobs as they come, and sleeps in between. Never returns.
   *
   * @param tell tells the owner that jobs are done. Not called again until it has taken them.
   */
  work(kernels: Kernels, tell: () => void): never {
    for (let done = 0; ;) {
      Atomics.wait(this.#words, this.#putWord, done);
      while (done !== Atomics.load(this.#words, this.#putWord)) {
        this.#compute(kernels, done);
        done = (done + 1) | 0;
        Atomics.store(this.#words, this.#doneWord, done);
        if (Atomics.exchange(this.#words, this.#toldWord, 1) === 0) tell();
      }
    }
  }

  #compute(kernels: Kernels, number: number): void {
    const job = this.#job(number);
    const pointer = this.#memory.view.getUint32(job, true);
    const sizeBytes = this.#memory.view.getUint32(job + SIZE_OFFSET, true);
    kernels.checksum(pointer, sizeBytes, job + CHECKSUM_OFFSET);
  }

  #job(number: number): Pointer {
    return this.#begin + JOBS_OFFSET + (number & (this.capacity - 1)) * JOB_SIZE_BYTES;
  }
}
