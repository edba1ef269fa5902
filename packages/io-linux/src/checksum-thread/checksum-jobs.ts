/**
 * All that a checksum thread shares with its owner: two queues, and how each wakes the other.
 *
 * ```text
 *   bytes   0 …  63   how often a job was put in: what the thread sleeps on
 *          64 … 127   whether the owner has been told that jobs are done
 *         128 …       the queue of what is awaited, then that of what can wait
 * ```
 *
 * @module
 */
import { assert, type Kernels, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { JobQueue, LINE_SIZE_BYTES } from "./job-queue.ts";

const QUEUES_OFFSET = 2 * LINE_SIZE_BYTES;

/** The two queues, seen by one of their threads. */
export class ChecksumJobs {
  /** What somebody waits for: done first. */
  readonly awaited: JobQueue;
  readonly deferred: JobQueue;
  readonly #words: Int32Array;
  readonly #wakeWord: number;
  readonly #toldWord: number;

  /**
   * @param begin where it is: {@link ChecksumJobs.sizeBytes} bytes, zero at first, at a multiple of 64.
   * @param jobsMax how many jobs each queue has room for: a power of two.
   */
  constructor(memory: LinearMemory, begin: Pointer, jobsMax: number) {
    assert(memory.shared, "two threads need a memory that can be shared");
    this.awaited = new JobQueue(memory, begin + QUEUES_OFFSET, jobsMax);
    this.deferred = new JobQueue(memory, begin + QUEUES_OFFSET + JobQueue.sizeBytes(jobsMax), jobsMax);
    this.#words = new Int32Array(memory.memory.buffer);
    this.#wakeWord = begin / 4;
    this.#toldWord = (begin + LINE_SIZE_BYTES) / 4;
  }

  /** How many bytes it takes. */
  static sizeBytes(jobsMax: number): number {
    return QUEUES_OFFSET + 2 * JobQueue.sizeBytes(jobsMax);
  }

  /** The owner's, after it has put a job in. */
  wake(): void {
    Atomics.add(this.#words, this.#wakeWord, 1);
    Atomics.notify(this.#words, this.#wakeWord);
  }

  /** The owner's, before it takes what is done: it is told again of what is done later. */
  listen(): void {
    Atomics.store(this.#words, this.#toldWord, 0);
  }

  /**
   * The other thread's: works on jobs as they come, and sleeps in between. Never returns.
   *
   * @param tell tells the owner that jobs are done. Not called again until it listens.
   */
  work(kernels: Kernels, tell: () => void): never {
    for (let woken = 0; ;) {
      Atomics.wait(this.#words, this.#wakeWord, woken);
      woken = Atomics.load(this.#words, this.#wakeWord);
      while (this.awaited.work(kernels) || this.deferred.work(kernels)) {
        if (Atomics.exchange(this.#words, this.#toldWord, 1) === 0) tell();
      }
    }
  }
}
