/**
 * Where prefetch leaves what scans have found, for commit to turn into a reply.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ForestMemory, Pointer } from "../forest.ts";

/** Objects in a row in the forest's memory, grouped by the batches of the operation. */
export class ResultBuffer {
  readonly pointer: Pointer;
  readonly sizeBytes: number;
  /** How many objects each batch found. */
  readonly #counts: Uint32Array;
  #batchCount = 0;
  #usedSizeBytes = 0;

  constructor(memory: ForestMemory, sizeBytes: number, batchCountMax: number) {
    this.pointer = memory.allocate(sizeBytes, 64, "scan results");
    this.sizeBytes = sizeBytes;
    this.#counts = new Uint32Array(batchCountMax);
  }

  /** Begins an operation. */
  clear(): void {
    this.#batchCount = 0;
    this.#usedSizeBytes = 0;
  }

  get batchCount(): number {
    return this.#batchCount;
  }

  /** Where the objects of the next batch go. */
  get end(): Pointer {
    return this.pointer + this.#usedSizeBytes;
  }

  /** Adds a batch whose objects were put at `end`. */
  add(objectCount: number, objectSizeBytes: number): void {
    assert(this.#batchCount < this.#counts.length, () => `more than ${this.#counts.length} batches`);
    this.#counts[this.#batchCount] = objectCount;
    this.#batchCount += 1;
    this.#usedSizeBytes += objectCount * objectSizeBytes;
    assert(this.#usedSizeBytes <= this.sizeBytes, () => `${this.#usedSizeBytes} bytes of results`);
  }

  /** How many objects a batch has. */
  count(batch: number): number {
    assert(batch < this.#batchCount, () => `batch ${batch} of ${this.#batchCount}`);
    return this.#counts[batch] as number;
  }
}
