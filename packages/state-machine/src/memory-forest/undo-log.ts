/**
 * The former bytes of objects that a scope has updated.
 *
 * @module
 */
import type { ForestMemory, Pointer } from "../forest.ts";

const ENTRIES_MIN = 64;

/** A stack of (pointer, bytes), each of one object's size. */
export class UndoLog {
  readonly #memory: ForestMemory;
  readonly #sizeLanes: number;
  readonly #strideLanes: number;
  #log: Uint32Array;
  #count = 0;

  constructor(memory: ForestMemory, sizeBytes: number) {
    this.#memory = memory;
    this.#sizeLanes = sizeBytes >>> 2;
    this.#strideLanes = this.#sizeLanes + 1;
    this.#log = new Uint32Array(ENTRIES_MIN * this.#strideLanes);
  }

  /** Keeps the bytes that the object has now. */
  remember(object: Pointer): void {
    const end = this.#count * this.#strideLanes;
    if (end === this.#log.length) {
      const larger = new Uint32Array(2 * this.#log.length);
      larger.set(this.#log);
      this.#log = larger;
    }
    const lanes = this.#memory.u32;
    this.#log[end] = object;
    for (let lane = 0; lane < this.#sizeLanes; lane += 1) {
      this.#log[end + 1 + lane] = lanes[(object >>> 2) + lane] as number;
    }
    this.#count += 1;
  }

  /** Gives all objects their former bytes, the newest change first. */
  restore(): void {
    const lanes = this.#memory.u32;
    for (let index = this.#count - 1; index >= 0; index -= 1) {
      const entry = index * this.#strideLanes;
      const at = (this.#log[entry] as number) >>> 2;
      for (let lane = 0; lane < this.#sizeLanes; lane += 1) lanes[at + lane] = this.#log[entry + 1 + lane] as number;
    }
  }

  clear(): void {
    this.#count = 0;
  }
}
