/**
 * What the checksum thread runs.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert, createKernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { ChecksumJobs } from "./checksum-jobs.ts";

/** What the thread is started with. */
export interface ChecksumWorkerData {
  readonly memory: WebAssembly.Memory;
  /** Where the {@link ChecksumJobs} are, and how many each queue of them has room for. */
  readonly jobs: Pointer;
  readonly jobsMax: number;
  /** Memory that only this thread uses, for its kernels. */
  readonly scratch: Pointer;
}

assert(parentPort !== null, "the checksum thread is no program of its own");
const port = parentPort;
const { memory: shared, jobs, jobsMax, scratch } = workerData as ChecksumWorkerData;
const memory = LinearMemory.attach(shared);
new ChecksumJobs(memory, jobs, jobsMax).work(createKernels({ memory, scratch }), () => port.postMessage(null));
