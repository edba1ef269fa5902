/**
 * What a groove shows of itself to kernels that write many objects in one call: where its cache and its object tree's table
 * are.
 *
 * ```text
 *   open(inserts) ─▶ a kernel inserts some objects and updates some ─▶ close(inserted, updated)
 * ```
 *
 * @module
 */
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import type { ObjectCache } from "../object-cache/object-cache.ts";
import type { GrooveTrees } from "./groove-trees.ts";
import type { IndexEntries } from "./index-entries.ts";

// Lanes of a window, as packages/kernels/assembly/transfers.ts reads them.
const LANES = { index: 0, objects: 1, states: 2, written: 3, table: 4, slots: 5, entriesEnd: 6 } as const;
const SIZE_BYTES = 28;

/** One groove's window. Not in a scope. */
export class GrooveWindow {
  /**
   * Where its seven lanes are: index, objects and states of the cache, the state of what is written, table, slots to fill, and
   * the end of the entries in the index that is filled by hand, which a kernel moves on.
   */
  readonly pointer: Pointer;
  readonly #lanes: Uint32Array;
  readonly #trees: GrooveTrees;
  readonly #cache: ObjectCache | null;
  /** The index that is filled by hand, if there is one. */
  readonly #byHand: IndexEntries | null;
  readonly #slots: Pointer;
  #slotCount = 0;

  constructor({ memory }: Kernels, trees: GrooveTrees, cache: ObjectCache | null) {
    const { name, valuesPerBatch } = trees.declaration;
    this.#lanes = memory.u32;
    this.#trees = trees;
    this.#cache = cache;
    this.#byHand = trees.indexByHand();
    this.pointer = memory.allocate(SIZE_BYTES, 8, `${name} window`);
    this.#slots = memory.allocate(4 * valuesPerBatch, 64, `${name} window`);
  }

  /** How many more values the object tree's table takes. */
  get room(): number {
    const { writable } = this.#trees.objects.memory;
    return (writable.roomEnd - writable.valuesEnd) / this.#trees.declaration.sizeBytes;
  }

  /** How many more entries the index that is filled by hand takes. */
  get entriesRoom(): number {
    return this.#byHand?.room ?? 0;
  }

  /** Prepares for up to `inserts` objects in the cache, and for any number of updates. */
  open(inserts: number): void {
    assert(!this.#trees.scopeActive, () => `${this.#trees.declaration.name}: a window is opened in a scope`);
    assert(inserts <= this.room, () => `${this.#trees.declaration.name}: no room for ${inserts} objects`);
    const at = this.pointer >>> 2;
    this.#lanes[at + LANES.table] = this.#trees.objects.memory.writable.valuesEnd;
    this.#lanes[at + LANES.slots] = this.#slots;
    this.#lanes[at + LANES.entriesEnd] = this.#byHand?.tree.memory.writable.valuesEnd ?? 0;
    if (this.#cache === null) return;
    this.#lanes[at + LANES.index] = this.#cache.index;
    this.#lanes[at + LANES.objects] = this.#cache.pointerOf(0);
    this.#lanes[at + LANES.states] = this.#cache.states;
    this.#lanes[at + LANES.written] = this.#cache.stateWritten;
    for (let number = 0; number < inserts; number += 1) this.#lanes[(this.#slots >>> 2) + number] = this.#cache.take();
    this.#slotCount = inserts;
  }

  /** So many objects were inserted, in the order of their timestamps and of their slots, or updated. Never both. */
  close(inserted: number, updated: number): void {
    assert(inserted === 0 || updated === 0, () => `${inserted} objects inserted and ${updated} updated at once`);
    if (this.#cache !== null) {
      // The last that was taken is the first to be taken again.
      for (let number = this.#slotCount - 1; number >= inserted; number -= 1) {
        this.#cache.giveBack(this.#lanes[(this.#slots >>> 2) + number] as number);
      }
    }
    this.#slotCount = 0;
    if (inserted > 0) this.#trees.inserted(inserted);
    if (updated > 0) this.#trees.updated(updated);
    this.#byHand?.wroteTo(this.#lanes[(this.pointer >>> 2) + LANES.entriesEnd] as number);
  }
}
