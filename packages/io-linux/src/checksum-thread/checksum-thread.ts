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
import { scriptUrl } from "../script-url.ts";
import { ChecksumJobs } from "./checksum-jobs.ts";
import type { JobQueue } from "./job-queue.ts";
import type { ChecksumWorkerData } from "./worker.ts";

/** Room for each urgency: 16 blocks are some 5 ms of work. */
const JOBS_MAX = 16;

/** One that the thread works on, and one more so that it has work when that is done. */
const AWAITED_MAX = 2;

/** Below this, handing a body over takes longer than computing its checksum. */
const SIZE_MIN_BYTES = 16 * 1024;

/** How to make a checksum thread. */
export interface ChecksumThreadOptions {
  /** Shared; all bodies are in it. */
  readonly memory: LinearMemory;
  /** Computes on the calling thread what is not handed over. */
  readonly checksums: Checksums;
  /** How many deferred checksums may wait for the thread: a power of two. The caller computes what comes beyond. */
  readonly jobsMax?: number;
  /** How many awaited checksums may wait for the thread, at most as many. The caller computes what comes beyond. */
  readonly awaitedMax?: number;
  /** The smallest body that is handed over, in bytes. */
  readonly sizeMinBytes?: number;
}

/** `idle` → `running` → `closed`. */
type ChecksumThreadState = "idle" | "running" | "closed";

/**
 * Computes checksums of large bodies on another thread, those of small ones inside of the call.
 *
 * What somebody waits for comes first. If the thread falls behind, the caller computes as well: it would have to wait otherwise. Of
 * completions the event loop hears by one message for all that are done by the time it listens. The thread keeps no process
 * alive; if it dies, the process ends.
 */
export class ChecksumThread implements BodyChecksums {
  readonly deferredMax: number;
  readonly #memory: LinearMemory;
  readonly #inline: InlineBodyChecksums;
  readonly #sizeMinBytes: number;
  readonly #jobs: ChecksumJobs;
  readonly #workerData: ChecksumWorkerData;
  readonly #awaited: OwnedQueue;
  readonly #deferred: OwnedQueue;
  #state: ChecksumThreadState = "idle";
  #worker: Worker | null = null;

  /** Allocates the queues and the thread's scratch memory: about 2 KiB. The thread starts with {@link start}. */
  constructor(options: ChecksumThreadOptions) {
    const { memory, checksums, jobsMax = JOBS_MAX, sizeMinBytes = SIZE_MIN_BYTES } = options;
    const { awaitedMax = Math.min(jobsMax, AWAITED_MAX) } = options;
    assert(awaitedMax > 0 && awaitedMax <= jobsMax, () => `${awaitedMax} awaited checksums of ${jobsMax}`);
    const jobs: Pointer = memory.allocate(ChecksumJobs.sizeBytes(jobsMax), 64, "checksum thread");
    const scratch = memory.allocate(checksumStateSizeBytes, 64, "checksum thread");
    this.deferredMax = jobsMax;
    this.#memory = memory;
    this.#inline = new InlineBodyChecksums(checksums);
    this.#sizeMinBytes = sizeMinBytes;
    this.#jobs = new ChecksumJobs(memory, jobs, jobsMax);
    this.#awaited = new OwnedQueue(this.#jobs.awaited, awaitedMax);
    this.#deferred = new OwnedQueue(this.#jobs.deferred, jobsMax);
    this.#workerData = { memory: memory.memory, jobs, jobsMax, scratch };
  }

  /** How many requests wait for the thread. */
  get pendingCount(): number {
    return this.#awaited.pendingCount + this.#deferred.pendingCount;
  }

  /** Starts the thread. What was asked for before it runs is done then. */
  start(): void {
    assert(this.#state === "idle", () => `a checksum thread is started while ${this.#state}`);
    this.#state = "running";
    const worker = new Worker(scriptUrl("worker", import.meta.url), {
      name: "checksums",
      workerData: this.#workerData,
    });
    this.#worker = worker;
    worker.on("message", () => this.#onDone());
    worker.on("error", (error) => this.#onEnd(error instanceof Error ? error.message : String(error)));
    worker.on("exit", (status) => this.#onEnd(`status ${status}`));
    worker.unref();
  }

  compute(request: ChecksumRequest, bytes: Uint8Array): void {
    const queue = request.urgency === "awaited" ? this.#awaited : this.#deferred;
    if (queue.full || bytes.length < this.#sizeMinBytes) {
      this.#inline.compute(request, bytes);
      return;
    }
    assert(bytes.buffer === this.#memory.bytes.buffer, "a body is in the memory that the threads share");
    queue.put(request, bytes);
    this.#jobs.wake();
  }

  /** Ends the thread. What is pending, or comes later, never completes. */
  async close(): Promise<void> {
    this.#state = "closed";
    await this.#worker?.terminate();
  }

  #onDone(): void {
    if (this.#state === "closed") return;
    this.#jobs.listen();
    this.#awaited.complete();
    this.#deferred.complete();
  }

  #onEnd(reason: string): void {
    if (this.#state === "closed") return;
    fatal(FatalReason.cli, `the thread that computes checksums has ended (${reason}); nothing is lost: start again`);
  }
}

/** One of the queues with the requests of its jobs. */
class OwnedQueue {
  readonly #queue: JobQueue;
  /** Those under way, the oldest first. */
  readonly #requests: ChecksumRequest[] = [];
  readonly #requestsMax: number;
  /** How many jobs were put in, and how many of them were taken out, both modulo 2^32. */
  #putCount = 0;
  #takenCount = 0;

  constructor(queue: JobQueue, requestsMax: number) {
    this.#queue = queue;
    this.#requestsMax = requestsMax;
  }

  get pendingCount(): number {
    return this.#requests.length;
  }

  get full(): boolean {
    return this.#requests.length === this.#requestsMax;
  }

  put(request: ChecksumRequest, bytes: Uint8Array): void {
    request.begin(bytes);
    this.#requests.push(request);
    this.#queue.put(this.#putCount, bytes.byteOffset, bytes.length);
    this.#putCount = (this.#putCount + 1) | 0;
  }

  /** Completes the requests of all jobs that are done by now. */
  complete(): void {
    const { doneCount } = this.#queue;
    while (this.#takenCount !== doneCount) {
      const request = this.#requests.shift();
      assert(request !== undefined, () => `job ${this.#takenCount} is done and nobody asked for it`);
      const checksum = this.#queue.checksum(this.#takenCount);
      this.#takenCount = (this.#takenCount + 1) | 0;
      request.complete(checksum);
    }
  }
}
