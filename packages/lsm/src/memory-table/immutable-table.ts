/**
 * The table that is flushed, or waits until it is worth it: what a bar wrote, behind what bars before it did (spec 05 §7.6).
 *
 * @module
 */
import { assert, type Pointer, type Run } from "@stagbeetle/kernels";
import type { KeyPointer, KeyRange } from "../key.ts";
import type { SpilledRun } from "../spill/spilled-run.ts";
import type { TreeSchema } from "../tree-schema.ts";
import type { MemoryTable } from "./memory-table.ts";

/**
 * Its runs are in memory, but where the forest spills, that of the older bars goes to the disk once it is large.
 */
export class ImmutableTable {
  readonly #schema: TreeSchema;
  /** The oldest run; null if the forest does not spill. */
  readonly #spilled: SpilledRun | null;
  #inMemory: MemoryTable;

  constructor(schema: TreeSchema, inMemory: MemoryTable, spilled: SpilledRun | null) {
    this.#schema = schema;
    this.#inMemory = inMemory;
    this.#spilled = spilled;
  }

  /** Values, duplicates in different runs included. */
  get count(): number {
    return this.#inMemory.count + (this.#spilled?.count ?? 0);
  }

  /** The run that is on the disk, older than all others; null if there is none. */
  get spilled(): SpilledRun | null {
    return this.#spilled !== null && this.#spilled.count > 0 ? this.#spilled : null;
  }

  /** The runs in memory, oldest first. */
  runs(): readonly Run[] {
    return this.#inMemory.runs();
  }

  /** The newest value with this key, or 0; a tombstone is a value. Good until another one is looked for. */
  find(key: KeyPointer): Pointer {
    const found = this.#inMemory.find(key);
    return found === 0 ? (this.spilled?.find(key) ?? 0) : found;
  }

  /** Sets `range` to the smallest and the greatest key. `scratch`: two keys. */
  keyRange(range: KeyRange, scratch: KeyPointer): void {
    assert(this.count > 0, () => `${this.#schema.name}: an empty table has no keys`);
    range.clear();
    this.#inMemory.extendKeyRange(range, scratch);
    this.spilled?.extendKeyRange(range);
  }

  /** Makes all values one run. The newest of each key stays, or, in a secondary index, put and tombstone both go. */
  sort(scratch: Pointer): void {
    this.#inMemory.sort(scratch);
    const [run] = this.#inMemory.runs();
    if (this.#spilled === null || run === undefined || !this.#spilled.takes(run)) return;
    this.#spilled.absorb(run);
    this.#inMemory.clear();
  }

  /** Adds all values of a younger table behind those of this one, run by run, and empties that one. */
  absorb(younger: MemoryTable): void {
    const count = this.count + younger.count;
    assert(count <= this.#schema.valueCountMax, () => `${this.#schema.name}: absorbs to ${count} values`);
    assert(this.spilled === null || this.#inMemory.count === 0, () => `${this.#schema.name}: absorbs into two runs`);
    this.#inMemory.absorb(younger);
  }

  /** Takes the place of an empty table for all values of a younger one, and gives its own. */
  exchange(younger: MemoryTable): MemoryTable {
    assert(this.count === 0, () => `${this.#schema.name}: ${this.count} values would be exchanged`);
    const empty = this.#inMemory;
    this.#inMemory = younger;
    return empty;
  }

  clear(): void {
    this.#inMemory.clear();
    this.#spilled?.clear();
  }

  /** One line for people. */
  describe(): string {
    const spilled = this.spilled === null ? "" : `${this.spilled.count} values on the disk, `;
    return spilled + this.#inMemory.describe();
  }
}
