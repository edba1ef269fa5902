/**
 * How a scope's changes to an object cache are taken back (spec 05 §18.1).
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";

/** What was done to a slot. */
export const Change = { added: 0, addedOverTombstone: 1, updated: 2, removed: 3 } as const;
export type Change = (typeof Change)[keyof typeof Change];

/** A stack of changes, with the former bytes of slots that were overwritten. */
export class UndoLog {
  readonly #memory: LinearMemory;
  readonly #objectSizeBytes: number;
  readonly #changesMax: number;
  /** Pairs of slot and change. */
  readonly #changes: Uint32Array;
  readonly #former: Pointer;
  #count = 0;

  /** Allocates 8 bytes and an object's size for each change. */
  constructor(memory: LinearMemory, objectSizeBytes: number, changesMax: number, label: string) {
    this.#memory = memory;
    this.#objectSizeBytes = objectSizeBytes;
    this.#changesMax = changesMax;
    const changes = memory.allocate(8 * changesMax, 64, label);
    this.#changes = memory.u32.subarray(changes / 4, changes / 4 + 2 * changesMax);
    this.#former = memory.allocate(objectSizeBytes * changesMax, 64, label);
  }

  /** Remembers what is about to be done to the object of a slot. */
  push(slot: number, change: Change, object: Pointer): void {
    assert(this.#count < this.#changesMax, () => `more than ${this.#changesMax} changes in a scope`);
    this.#changes[2 * this.#count] = slot;
    this.#changes[2 * this.#count + 1] = change;
    if (change === Change.updated || change === Change.addedOverTombstone)
      this.#copy(this.#formerAt(this.#count), object);
    this.#count += 1;
  }

  /** Goes through all changes, the newest first, and forgets them. `former` are the bytes of an overwritten slot. */
  undo(apply: (slot: number, change: Change, former: Pointer) => void): void {
    while (this.#count > 0) {
      this.#count -= 1;
      const slot = this.#changes[2 * this.#count] as number;
      apply(slot, this.#changes[2 * this.#count + 1] as Change, this.#formerAt(this.#count));
    }
  }

  /** Forgets all changes. */
  clear(): void {
    this.#count = 0;
  }

  #formerAt(number: number): Pointer {
    return this.#former + number * this.#objectSizeBytes;
  }

  #copy(target: Pointer, source: Pointer): void {
    this.#memory.u32.copyWithin(target >>> 2, source >>> 2, (source + this.#objectSizeBytes) >>> 2);
  }
}
