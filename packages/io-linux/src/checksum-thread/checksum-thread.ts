/**
 * The port to body checksums on a thread of its own, which reads the replica's memory where it is.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { assert, checksumStateSizeBytes, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import {
  type BodyChecksums,
  type ChecksumRequest,
  type Checksums,
  fatal,
  FatalReason,
  InlineBodyChecksums,
} from "@stagbeetle/vsr-protocol";
import { JobRing } from "./job-ring.ts";
import type { ChecksumWorkerData } from "./worker.ts";

/** The extension is that of this file: a build has no TypeScript. */
const WORKER: URL = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** More than a compaction and all reads of a grid have under way at once. */
const JOBS_MAX = 128;

/** Below this, handing a body over takes longer than computing its checksum. */
const SIZE_MIN_BYTES = 16 * 1024;

/** How to make a checksum thread. */
export interface ChecksumThreadOptions {
  /** Shared; all bodies are in it. */
  readonly memory: LinearMemory;
  /** Computes on the calling thread what is not worth handing over. */
  readonly checksums: Checksums;
  /** How many checksums may wait for the thread, a power of two; the caller computes what comes beyond. */
  readonly jobsMax?: number;
  /** The smallest body that is handed over, in bytes. */
  readonly sizeMinBytes?: number;
}

/** `idle` → `running` → `closed`. */
type ChecksumThreadState = "idle" | "running" | "closed";

/**
 * Computes checksums of large bodies on another thread, those of small ones inside of the call.
 *
 * Jobs go through a ring in shared memory. Of completions the event loop hears by one message for all that have been done by the
 * time it listens. The thread keeps no process alive; if it dies, the process ends.
 */
export class ChecksumThread implements BodyChecksums {
  readonly #memory: LinearMemory;
  readonly #inline: InlineBodyChecksums;
  readonly #sizeMinBytes: number;
  readonly #ring: JobRing;
  readonly #workerData: ChecksumWorkerData;
  /** Of the jobs in the ring, by number modulo the ring's capacity. */
  readonly #requests: (ChecksumRequest | null)[];
  #state: ChecksumThreadState = "idle";
  #worker: Worker | null = null;
  /** Jobs that were put in and taken out, modulo 2^32. */
  #putCount = 0;
  #takenCount = 0;

  /** Allocates the ring and the thread's scratch memory: about 4 KiB. The thread starts with {@link start}. */
  constructor({ memory, checksums, jobsMax = JOBS_MAX, sizeMinBytes = SIZE_MIN_BYTES }: ChecksumThreadOptions) {
    const ring: Pointer = memory.allocate(JobRing.sizeBytes(jobsMax), 64, "checksum thread");
    const scratch = memory.allocate(checksumStateSizeBytes, 64, "checksum thread");
    this.#memory = memory;
    this.#inline = new InlineBodyChecksums(checksums);
    this.#sizeMinBytes = sizeMinBytes;
    this.#ring = new JobRing(memory, ring, jobsMax);
    this.#workerData = { memory: memory.memory, ring, jobsMax, scratch };
    this.#requests = Array.from({ length: jobsMax }, () => null);
  }

  /** How many requests wait for the thread. */
  get pendingCount(): number {
    return (this.#putCount - this.#takenCount) | 0;
  }

  /** Starts the thread. What was asked for before it runs is done then. */
  start(): void {
    assert(this.#state === "idle", () => `a checksum thread is started while ${this.#state}`);
    this.#state = "running";
    const worker = new Worker(WORKER, { workerData: this.#workerData });
    this.#worker = worker;
    worker.on("message", () => this.#onDone());
    worker.on("error", (error) => this.#onEnd(error instanceof Error ? error.message : String(error)));
    worker.on("exit", (status) => this.#onEnd(`status ${status}`));
    worker.unref();
  }

  compute(request: ChecksumRequest, bytes: Uint8Array): void {
    const full = this.pendingCount === this.#ring.capacity;
    if (full || bytes.length < this.#sizeMinBytes) {
      this.#inline.compute(request, bytes);
      return;
    }
    assert(bytes.buffer === this.#memory.bytes.buffer, "a body is in the memory that the threads share");
    request.begin(bytes);
    const number = this.#putCount;
    this.#requests[this.#slot(number)] = request;
    this.#putCount = (number + 1) | 0;
    this.#ring.put(number, bytes.byteOffset, bytes.length);
  }

  /** Ends the thread. What is pending, or comes later, never completes. */
  async close(): Promise<void> {
    this.#state = "closed";
    await this.#worker?.terminate();
  }

  #onDone(): void {
    if (this.#state === "closed") return;
    const doneCount = this.#ring.takeDone();
    while (this.#takenCount !== doneCount) {
      const number = this.#takenCount;
      const slot = this.#slot(number);
      const request = this.#requests[slot] ?? null;
      assert(request !== null, () => `job ${number} is done and nobody asked for it`);
      const checksum = this.#ring.checksum(number);
      this.#requests[slot] = null;
      this.#takenCount = (number + 1) | 0;
      request.complete(checksum);
    }
  }

  #onEnd(reason: string): void {
    if (this.#state === "closed") return;
    fatal(FatalReason.cli, `the thread that computes checksums has ended (${reason}); nothing is lost: start again`);
  }

  #slot(number: number): number {
    return number & (this.#ring.capacity - 1);
  }
}
