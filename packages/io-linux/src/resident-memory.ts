/**
 * Makes a memory resident before it is needed: what the operating system promised it then has given.
 *
 * A page that was never used costs a fault when it is, up to 12 µs for 4 KiB on a virtual machine, and a machine that turns out
 * to be too small kills the process hours after its start. So every page is touched early, by a thread of its own, which
 * ends when it is done. The reference locks its memory for the same reasons.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Worker } from "node:worker_threads";

import { scriptUrl } from "./script-url.ts";

/** A memory that is being touched. */
export interface Touching {
  /** Resolves when every page is resident, or after {@link Touching.stop}. Rejects if the thread fails. */
  readonly done: Promise<void>;
  /** Leaves the rest of the pages as they are. */
  stop(): void;
}

/**
 * Touches every page of a shared memory on another thread. The memory may be used meanwhile: no byte changes. The process
 * may end before it is done.
 */
export function makeResident(memory: WebAssembly.Memory): Touching {
  assert(memory.buffer instanceof SharedArrayBuffer, "another thread can only touch a shared memory");
  const worker = new Worker(scriptUrl("resident-memory-worker", import.meta.url), {
    name: "resident memory",
    workerData: memory,
    execArgv: [],
    env: {},
  });
  worker.unref();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  worker.once("error", reject);
  worker.once("exit", () => resolve());
  return { done, stop: () => void worker.terminate() };
}
