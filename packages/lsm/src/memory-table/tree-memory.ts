/**
 * The two tables that a tree has in memory: one takes what this bar writes, the other holds what the bar before wrote and is
 * being flushed (spec 05 §7).
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer, type ValueKernels } from "@stagbeetle/kernels";
import type { SpilledMerge } from "../spill/spilled-merge.ts";
import { SpilledRun } from "../spill/spilled-run.ts";
import type { TreeSchema } from "../tree-schema.ts";
import { ImmutableTable } from "./immutable-table.ts";
import { MemoryTable } from "./memory-table.ts";

/** Values that belong in a mutable table and are not there yet, because nobody has looked. */
export interface PendingValues {
  /** Puts them there. */
  bring(): void;
  /** Forgets them. */
  drop(): void;
}

/**
 * Up to this part of a full table, values are copied at the end of a bar, and the tables stay what they are. Where requests are
 * small, only the pages of one table ever become resident then: the immutable one absorbs bars until it is worth a flush.
 */
const COPIED_PART_MAX = 1 / 8;

/** Mutable and immutable table of one tree. */
export class TreeMemory {
  readonly #schema: TreeSchema;
  #mutable: MemoryTable;
  readonly #immutable: ImmutableTable;
  /** Whether level 0 has all that is in the immutable table. */
  #flushed = true;
  #snapshotMin = 0;
  #barsAbsorbed = 0;
  #pending: PendingValues | null = null;

  /** @param spill merges what is on the disk; null to keep all values in memory. */
  constructor(schema: TreeSchema, values: ValueKernels, memory: LinearMemory, spill: SpilledMerge | null = null) {
    this.#schema = schema;
    this.#mutable = new MemoryTable(schema, values, memory);
    const inMemory = new MemoryTable(schema, values, memory);
    const spilled = spill === null ? null : new SpilledRun(spill, schema, values);
    this.#immutable = new ImmutableTable(schema, inMemory, spilled);
  }

  /** With all values that were put. */
  get mutable(): MemoryTable {
    this.bringPending();
    return this.#mutable;
  }

  /** The same for whoever puts: without those that are pending. */
  get writable(): MemoryTable {
    return this.#mutable;
  }

  /** Puts the values that are pending. */
  bringPending(): void {
    this.#pending?.bring();
  }

  /** Has values brought before anyone looks at them. */
  setPending(pending: PendingValues): void {
    assert(this.#pending === null, () => `${this.#schema.name}: values come from two places`);
    this.#pending = pending;
  }

  get immutable(): ImmutableTable {
    return this.#immutable;
  }

  /** Whether the immutable table needs no flush: it is on disk, or empty. */
  get flushed(): boolean {
    return this.#flushed;
  }

  /** The first snapshot that sees the immutable table. */
  get snapshotMin(): number {
    return this.#snapshotMin;
  }

  /** How many older bars' values the immutable table holds. Recovery could not bring those back. */
  get barsAbsorbed(): number {
    return this.#barsAbsorbed;
  }

  /** Level 0 has the immutable table now. Its values stay readable until the swap. */
  markFlushed(): void {
    assert(!this.#flushed, () => `${this.#schema.name}: flushed twice`);
    this.#flushed = true;
  }

  /**
   * Ends a bar: what was mutable becomes immutable. An immutable table that was not flushed absorbs it.
   *
   * @param snapshot the first one that sees what was written: the next op.
   */
  swap(snapshot: number, scratch: Pointer): void {
    this.bringPending();
    if (this.#flushed) {
      this.#immutable.clear();
      if (this.#mutable.count <= this.#schema.valueCountMax * COPIED_PART_MAX) this.#immutable.absorb(this.#mutable);
      else this.#mutable = this.#immutable.exchange(this.#mutable);
      this.#barsAbsorbed = 0;
    } else {
      if (this.#mutable.count === 0) return;
      this.#immutable.sort(scratch);
      this.#immutable.absorb(this.#mutable);
      this.#barsAbsorbed += 1;
    }
    this.#flushed = this.#immutable.count === 0;
    this.#snapshotMin = snapshot;
    assert(this.#mutable.count === 0, () => `${this.#schema.name}: the mutable table is not empty after a swap`);
  }

  /** Forgets everything. */
  reset(): void {
    this.#pending?.drop();
    this.#mutable.clear();
    this.#immutable.clear();
    this.#flushed = true;
    this.#snapshotMin = 0;
    this.#barsAbsorbed = 0;
  }
}
