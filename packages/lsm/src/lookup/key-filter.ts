/**
 * Which ids a tree's memory tables cannot have.
 *
 * An op asks for thousands of ids that do not exist yet, and the immutable table is as many sorted runs as a bar has ops: a
 * search in each of them would be most of a prefetch. So ids are noted as they are put, in a Bloom filter for each of the two
 * tables, and the tables' fate is followed bar by bar. The filters only ever save searches (spec 05 §19: caches are free).
 *
 * @module
 */
import { KeyFilter, type Kernels, type Pointer } from "@stagbeetle/kernels";
import type { TreeMemory } from "../memory-table/tree-memory.ts";

/** The filters of the mutable and the immutable table of one tree with u128 keys. */
export class MemoryFilter {
  readonly #memory: TreeMemory;
  #mutable: KeyFilter;
  #immutable: KeyFilter;
  #snapshotMin: number;

  /** @param keysMax how many keys a table has at most. */
  constructor(kernels: Kernels, tables: TreeMemory, keysMax: number, label: string) {
    this.#memory = tables;
    this.#mutable = new KeyFilter(kernels, keysMax, label);
    this.#immutable = new KeyFilter(kernels, keysMax, label);
    this.#snapshotMin = tables.snapshotMin;
  }

  /** Values were put that begin with their keys and are `strideBytes` apart. If they are taken back, no harm is done. */
  put(values: Pointer, strideBytes: number, count: number): void {
    this.#mutable.addMany(values, strideBytes, count);
  }

  /** Whether the immutable table may have the key. */
  immutableMayHave(key: Pointer): boolean {
    return this.#immutable.mayHave(key);
  }

  /** The tables were swapped, or the immutable one has absorbed the mutable one (spec 05 §7.6). */
  barEnded(): void {
    const { snapshotMin, barsAbsorbed } = this.#memory;
    const exchanged = snapshotMin !== this.#snapshotMin && barsAbsorbed === 0;
    this.#snapshotMin = snapshotMin;
    if (exchanged) [this.#mutable, this.#immutable] = [this.#immutable, this.#mutable];
    else this.#immutable.addAll(this.#mutable);
    this.#mutable.clear();
  }

  /** Both tables are empty. */
  reset(): void {
    this.#mutable.clear();
    this.#immutable.clear();
    this.#snapshotMin = this.#memory.snapshotMin;
  }
}
