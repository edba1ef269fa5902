/**
 * The thread that touches a memory: see `resident-memory.ts`.
 *
 * @module
 */
import { constants, setPriority } from "node:os";
import { workerData } from "node:worker_threads";

const LANES_PER_PAGE = 4096 / Int32Array.BYTES_PER_ELEMENT;

const memory: unknown = workerData;
// Not an assertion of the kernels: the thread loads nothing but this file.
if (!(memory instanceof WebAssembly.Memory)) throw new TypeError("no memory was handed over");
// Of this thread alone: it takes the processor when nobody else wants it.
setPriority(constants.priority.PRIORITY_LOW);
const lanes = new Int32Array(memory.buffer);
// A read would not do: a page that was only read has no memory of its own yet. This write changes nothing, whoever else writes.
for (let lane = 0; lane < lanes.length; lane += LANES_PER_PAGE) Atomics.or(lanes, lane, 0);
