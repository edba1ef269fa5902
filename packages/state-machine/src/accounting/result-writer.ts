/**
 * The replies of the create operations (spec 02 §10.4).
 *
 * @module
 */
import { CREATE_RESULT_SIZE_BYTES, CREATE_RESULT_SPARSE_SIZE_BYTES } from "./results.ts";

const DENSE_LANES = CREATE_RESULT_SIZE_BYTES / 4;
const SPARSE_LANES = CREATE_RESULT_SPARSE_SIZE_BYTES / 4;
const CREATED = 0xffff_ffff;

/** Writes the results of one batch after the other. Timestamps are two lanes. */
export interface ResultWriter {
  /** Begins a batch whose results go to `output[at…]`. */
  begin(output: Uint32Array, at: number): void;
  created(index: number, timestamp: Uint32Array): void;
  failed(index: number, status: number, timestamp: Uint32Array): void;
  /** The events from `start` to `end` (excluded), which had succeeded, have failed after all. Before `failed` of `end`. */
  failedBefore(start: number, end: number, status: number): void;
  /** The size of the batch so far in bytes. */
  readonly sizeBytes: number;
}

/** One record for every event. */
export class DenseResults implements ResultWriter {
  #output: Uint32Array = new Uint32Array(0);
  #start = 0;
  #count = 0;

  begin(output: Uint32Array, at: number): void {
    this.#output = output;
    this.#start = at;
    this.#count = 0;
  }

  created(index: number, timestamp: Uint32Array): void {
    this.failed(index, CREATED, timestamp);
  }

  failed(index: number, status: number, timestamp: Uint32Array): void {
    const record = this.#start + index * DENSE_LANES;
    this.#output[record] = timestamp[0] as number;
    this.#output[record + 1] = timestamp[1] as number;
    this.#output[record + 2] = status;
    this.#output[record + 3] = 0;
    this.#count = index + 1;
  }

  /** The timestamps stay: those of the objects that were undone. */
  failedBefore(start: number, end: number, status: number): void {
    for (let index = start; index < end; index += 1) this.#output[this.#start + index * DENSE_LANES + 2] = status;
  }

  get sizeBytes(): number {
    return this.#count * CREATE_RESULT_SIZE_BYTES;
  }
}

/** One record for every failed event. */
export class SparseResults implements ResultWriter {
  #output: Uint32Array = new Uint32Array(0);
  #start = 0;
  #count = 0;

  begin(output: Uint32Array, at: number): void {
    this.#output = output;
    this.#start = at;
    this.#count = 0;
  }

  created(): void {
    // Success is silent.
  }

  failed(index: number, status: number): void {
    const record = this.#start + this.#count * SPARSE_LANES;
    this.#output[record] = index;
    this.#output[record + 1] = status;
    this.#count += 1;
  }

  failedBefore(start: number, end: number, status: number): void {
    for (let index = start; index < end; index += 1) this.failed(index, status);
  }

  get sizeBytes(): number {
    return this.#count * CREATE_RESULT_SPARSE_SIZE_BYTES;
  }
}
