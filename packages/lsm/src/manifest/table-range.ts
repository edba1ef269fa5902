/**
 * Tables of one level that a compaction merges into, and the keys that they and its source span (spec 05 §8).
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { KeyRange } from "../key.ts";
import type { TableInfoView } from "./table-info.ts";

/** At most `growth factor` tables, ascending by key, and a range that covers them. */
export class TableRange {
  readonly tables: Pointer[] = [];
  readonly keys: KeyRange;
  readonly #infos: TableInfoView;

  constructor(memory: LinearMemory, infos: TableInfoView) {
    this.keys = new KeyRange(memory, "compaction");
    this.#infos = infos;
  }

  get valueCount(): number {
    return this.tables.reduce((sum, table) => sum + this.#infos.valueCount(table), 0);
  }

  clear(): void {
    this.tables.length = 0;
    this.keys.clear();
  }

  copy(other: TableRange): void {
    this.tables.length = 0;
    this.tables.push(...other.tables);
    this.keys.copy(other.keys);
  }

  /** Adds a table behind the last, and widens the keys to it. */
  append(table: Pointer): void {
    assert(!this.tables.includes(table), () => `table ${this.#infos.address(table)} is in the range already`);
    this.tables.push(table);
    this.keys.extend(this.#infos.keyMin(table), this.#infos.keyMax(table));
  }

  /** Adds a table before the first, and widens the keys to it. */
  prepend(table: Pointer): void {
    assert(!this.tables.includes(table), () => `table ${this.#infos.address(table)} is in the range already`);
    this.tables.unshift(table);
    this.keys.extend(this.#infos.keyMin(table), this.#infos.keyMax(table));
  }
}
