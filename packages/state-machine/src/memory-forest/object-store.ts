/**
 * Objects of one size in the order of their insertion, in chunks of a forest's memory.
 *
 * @module
 */
import { assert, fail } from "@stagbeetle/kernels";
import type { ForestMemory, Pointer } from "../forest.ts";

const CHUNK_OBJECTS_SHIFT = 12;
/** How many objects a chunk holds. */
const CHUNK_OBJECTS = 1 << CHUNK_OBJECTS_SHIFT;

/** An append-only array. An object's number in it is its *ordinal*. Objects never move. */
export class ObjectStore {
  readonly #memory: ForestMemory;
  readonly #sizeBytes: number;
  readonly #label: string;
  readonly #chunks: Pointer[] = [];
  #count = 0;

  /** @param sizeBytes of one object: a multiple of 8. */
  constructor(memory: ForestMemory, sizeBytes: number, label: string) {
    assert(sizeBytes > 0 && sizeBytes % 8 === 0, () => `${label}: objects of ${sizeBytes} bytes`);
    this.#memory = memory;
    this.#sizeBytes = sizeBytes;
    this.#label = label;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes room for so many objects more. May change the memory's views. */
  reserve(count: number): void {
    while (this.#chunks.length * CHUNK_OBJECTS < this.#count + count) {
      this.#chunks.push(this.#memory.allocate(CHUNK_OBJECTS * this.#sizeBytes, 64, this.#label));
    }
  }

  /** Where the next object will be. There must be room for it. */
  next(): Pointer {
    const chunk = this.#chunks[this.#count >>> CHUNK_OBJECTS_SHIFT];
    if (chunk === undefined) fail(`${this.#label}: no room for object ${this.#count}; more than were reserved`);
    return chunk + (this.#count & (CHUNK_OBJECTS - 1)) * this.#sizeBytes;
  }

  /** Takes over the object that was composed at {@link ObjectStore.next}. */
  append(): void {
    this.#count += 1;
  }

  /** Where an object is. */
  pointerOf(ordinal: number): Pointer {
    if (ordinal >= this.#count) fail(`${this.#label}: object ${ordinal} of ${this.#count}`);
    const chunk = this.#chunks[ordinal >>> CHUNK_OBJECTS_SHIFT] as Pointer;
    return chunk + (ordinal & (CHUNK_OBJECTS - 1)) * this.#sizeBytes;
  }

  /** Drops the newest objects, so that `count` remain. The room stays. */
  truncate(count: number): void {
    assert(count <= this.#count, () => `${this.#label}: truncate ${this.#count} objects to ${count}`);
    this.#count = count;
  }
}
