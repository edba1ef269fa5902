/**
 * The tables of one level of a tree, ordered by last key and then by first snapshot (spec 05 §8).
 *
 * Tables that one snapshot sees have no key in common. A table is live until a compaction replaces it, and leaves the level when
 * the half-bar ends; only while the manifest is brought up to date do replaced and live tables with common keys meet.
 *
 * @module
 */
import { assert, fail, type Kernels, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { compareKeys, type KeyPointer, KeyRange } from "../key.ts";
import { type Before, type NodePool, SegmentedArray } from "./segmented-array.ts";
import type { TableInfoView } from "./table-info.ts";
import type { TableRange } from "./table-range.ts";

/** What a level needs of the forest. */
export interface ManifestMemory {
  readonly kernels: Kernels;
  readonly memory: LinearMemory;
  readonly infos: TableInfoView;
  readonly nodes: NodePool;
}

/** One level. The infos belong to the caller; the level holds pointers to them. Where a table is returned, 0 is none. */
export class ManifestLevel {
  readonly #kernels: Kernels;
  readonly #nodes: NodePool;
  readonly #tables: SegmentedArray;
  readonly #infos: TableInfoView;
  readonly #lanes: Uint32Array;
  /** All keys that live tables span. */
  readonly keyRangeLive: KeyRange;
  /** Made once: whether a table ends below a key, and whether it is in front of another table. */
  readonly #endsBelow: Before;
  readonly #precedes: Before;
  #tableCountLive = 0;
  #valueCountLive = 0;

  constructor({ kernels, memory, infos, nodes }: ManifestMemory) {
    this.#kernels = kernels;
    this.#nodes = nodes;
    this.#tables = new SegmentedArray(nodes);
    this.#infos = infos;
    this.#lanes = memory.u32;
    this.keyRangeLive = new KeyRange(memory, "manifest");
    this.#endsBelow = (table, key) => compareKeys(this.#lanes, infos.keyMax(table), key) < 0;
    this.#precedes = (table, other) => this.#compareTables(table, other) < 0;
  }

  /** All tables, live or not. */
  get tableCount(): number {
    return this.#tables.length;
  }

  get tableCountLive(): number {
    return this.#tableCountLive;
  }

  /** Values of all live tables. */
  get valueCountLive(): number {
    return this.#valueCountLive;
  }

  /** All tables in order. The level must not change on the way. */
  [Symbol.iterator](): IterableIterator<Pointer> {
    return this.#tables[Symbol.iterator]();
  }

  /** The first table in order, live or not. */
  first(): Pointer {
    return this.#tables.length === 0 ? 0 : this.#tables.at(0);
  }

  /** The first table behind the place of a table with this last key and first snapshot, which need not be there any more. */
  firstBehind(keyMax: KeyPointer, snapshotMin: number): Pointer {
    for (let index = this.#lowerBound(keyMax); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      const order = compareKeys(this.#lanes, this.#infos.keyMax(table), keyMax);
      assert(order >= 0, () => `table ${this.#infos.address(table)} is in front of its place`);
      if (order > 0 || this.#infos.snapshotMin(table) > snapshotMin) return table;
    }
    return 0;
  }

  /** Adds a table. A live one has no key in common with another live one. */
  insert(table: Pointer): void {
    const index = this.#indexOf(table);
    assert(
      index === this.#tables.length || this.#tables.at(index) !== table,
      () => `table ${this.#infos.address(table)} is in its level already`,
    );
    if (this.#infos.isLive(table)) {
      this.#assertNoOverlap(table);
      this.#count(table, 1);
    }
    this.#tables.insert(index, table);
    this.keyRangeLive.extend(this.#infos.keyMin(table), this.#infos.keyMax(table));
  }

  /** A compaction has replaced the table: snapshots after `snapshotMax` do not see it. */
  setSnapshotMax(table: Pointer, snapshotMax: number): void {
    this.#find(table);
    this.#infos.setSnapshotMax(table, snapshotMax);
    this.#count(table, -1);
    this.#shrink(table);
  }

  /** Takes a table out. Its info stays as it is. */
  remove(table: Pointer): void {
    this.#tables.remove(this.#find(table));
    if (!this.#infos.isLive(table)) return;
    this.#count(table, -1);
    this.#shrink(table);
  }

  /** Takes all tables out, without touching their infos. */
  clear(): void {
    this.#tables.clear();
    this.keyRangeLive.clear();
    this.#tableCountLive = 0;
    this.#valueCountLive = 0;
  }

  /** The table that may have the key, among those that the snapshot sees. */
  lookup(snapshot: number, key: KeyPointer): Pointer {
    if (!this.keyRangeLive.contains(key)) return 0;
    for (let index = this.#lowerBound(key); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (!this.#infos.visible(table, snapshot)) continue;
      return compareKeys(this.#lanes, this.#infos.keyMin(table), key) <= 0 ? table : 0;
    }
    return 0;
  }

  /** The live table with the smallest keys that are all above `key`. */
  nextAbove(key: KeyPointer): Pointer {
    for (let index = this.#lowerBound(key); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (this.#infos.isLive(table) && compareKeys(this.#lanes, this.#infos.keyMin(table), key) > 0) return table;
    }
    return 0;
  }

  /** The live table with the greatest keys that are all below `key`. */
  nextBelow(key: KeyPointer): Pointer {
    return this.#liveBefore(this.#lowerBound(key));
  }

  /** Of the live tables that have keys from `min` to `max`: the first, or in descending direction the last. */
  edge(min: KeyPointer, max: KeyPointer, direction: "ascending" | "descending"): Pointer {
    assert(compareKeys(this.#lanes, min, max) <= 0, "a range ends before it begins");
    if (direction === "ascending") {
      const table = this.#liveFrom(this.#lowerBound(min));
      return table !== 0 && compareKeys(this.#lanes, this.#infos.keyMin(table), max) <= 0 ? table : 0;
    }
    // The first whose last key is not below `max` may still begin in the range; all behind it begin later.
    const straddling = this.#liveFrom(this.#lowerBound(max));
    if (straddling !== 0 && compareKeys(this.#lanes, this.#infos.keyMin(straddling), max) <= 0) return straddling;
    const below = this.nextBelow(max);
    return below !== 0 && compareKeys(this.#lanes, this.#infos.keyMax(below), min) >= 0 ? below : 0;
  }

  /** Whether a live table has keys in the range. */
  overlaps(min: KeyPointer, max: KeyPointer): boolean {
    return this.edge(min, max, "ascending") !== 0;
  }

  /**
   * Sets `range` to the live tables that have keys from `min` to `max`, and its keys to those, widened to the tables. Tables that
   * only have keys of the widened part are not in it. `min` and `max` may be the range's own.
   */
  overlap(min: KeyPointer, max: KeyPointer, range: TableRange): void {
    range.tables.length = 0;
    const begin = this.#lowerBound(min);
    for (let index = begin; index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (!this.#infos.isLive(table)) continue;
      if (compareKeys(this.#lanes, this.#infos.keyMin(table), max) > 0) break;
      range.tables.push(table);
    }
    range.keys.set(min, max);
    for (const table of range.tables) range.keys.extend(this.#infos.keyMin(table), this.#infos.keyMax(table));
  }

  /**
   * Which live table a compaction into `below` moves: the one with the fewest live tables under it there, of equals the one
   * with the smallest keys. Tables over more than `overlapMax` are no choice. Sets `range` to those under it.
   *
   * One sweep over both levels: the live tables of each ascend without common keys.
   */
  leastOverlap(below: ManifestLevel, overlapMax: number, range: TableRange): Pointer {
    const [list, listBelow] = this.#nodes.lists;
    this.#tables.list(list);
    below.#tables.list(listBelow);
    const best = this.#kernels.manifestLeastOverlap(
      list,
      this.#tables.nodeCount,
      listBelow,
      below.#tables.nodeCount,
      overlapMax,
    );
    assert(best !== 0, () => `none of ${this.#tableCountLive} tables is over ${overlapMax} others at most`);
    below.overlap(this.#infos.keyMin(best), this.#infos.keyMax(best), range);
    return best;
  }

  /**
   * Tables that are not live and have keys of the range, the last first. The range covers every table that a compaction
   * has replaced here as a whole.
   */
  replacedIn(min: KeyPointer, max: KeyPointer): Pointer[] {
    const replaced: Pointer[] = [];
    for (let index = this.#lowerBound(min); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (compareKeys(this.#lanes, this.#infos.keyMax(table), max) > 0) break;
      if (this.#infos.isLive(table)) continue;
      assert(
        compareKeys(this.#lanes, this.#infos.keyMin(table), min) >= 0,
        () => `replaced table ${this.#infos.address(table)} begins outside of the range`,
      );
      replaced.push(table);
    }
    return replaced.reverse();
  }

  /** Asserts that live tables ascend without common keys, and that counters and key range are right. */
  check(): void {
    this.#tables.check();
    let previous = 0;
    let previousLive = 0;
    let tableCount = 0;
    let valueCount = 0;
    for (const table of this) {
      const { keyMin, keyMax } = { keyMin: this.#infos.keyMin(table), keyMax: this.#infos.keyMax(table) };
      assert(compareKeys(this.#lanes, keyMin, keyMax) <= 0, () => `table ${this.#infos.address(table)}: its keys`);
      assert(previous === 0 || this.#compareTables(previous, table) <= 0, "tables are in order");
      previous = table;
      if (!this.#infos.isLive(table)) continue;
      this.#assertAscending(previousLive, table);
      assert(this.keyRangeLive.contains(keyMin) && this.keyRangeLive.contains(keyMax), "the key range has all keys");
      previousLive = table;
      tableCount += 1;
      valueCount += this.#infos.valueCount(table);
    }
    assert(tableCount === this.#tableCountLive, () => `${this.#tableCountLive} live tables, there are ${tableCount}`);
    assert(valueCount === this.#valueCountLive, () => `${this.#valueCountLive} live values, there are ${valueCount}`);
  }

  #count(table: Pointer, sign: 1 | -1): void {
    this.#tableCountLive += sign;
    this.#valueCountLive += sign * this.#infos.valueCount(table);
    assert(this.#tableCountLive >= 0 && this.#valueCountLive >= 0, "more tables are gone than there were");
  }

  #compareTables(a: Pointer, b: Pointer): number {
    const order = compareKeys(this.#lanes, this.#infos.keyMax(a), this.#infos.keyMax(b));
    return order === 0 ? this.#infos.snapshotMin(a) - this.#infos.snapshotMin(b) : order;
  }

  /** How many tables, from the first, have only keys below `key`. */
  #lowerBound(key: KeyPointer): number {
    return this.#tables.partition(this.#endsBelow, key);
  }

  /** Where a table is, or goes: before the others with its last key and first snapshot. */
  #indexOf(table: Pointer): number {
    return this.#tables.partition(this.#precedes, table);
  }

  #find(table: Pointer): number {
    for (let index = this.#indexOf(table); index < this.#tables.length; index += 1) {
      const candidate = this.#tables.at(index);
      if (candidate === table) return index;
      if (this.#compareTables(candidate, table) !== 0) break;
    }
    return fail(`table ${this.#infos.address(table)} is not in its level`);
  }

  /** The first live table from `index` on. */
  #liveFrom(index: number): Pointer {
    for (let at = index; at < this.#tables.length; at += 1) {
      const table = this.#tables.at(at);
      if (this.#infos.isLive(table)) return table;
    }
    return 0;
  }

  /** The last live table before `index`. */
  #liveBefore(index: number): Pointer {
    for (let at = index - 1; at >= 0; at -= 1) {
      const table = this.#tables.at(at);
      if (this.#infos.isLive(table)) return table;
    }
    return 0;
  }

  #assertNoOverlap(table: Pointer): void {
    const first = this.edge(this.#infos.keyMin(table), this.#infos.keyMax(table), "ascending");
    assert(
      first === 0,
      () => `table ${this.#infos.address(table)} has keys of live table ${this.#infos.address(first)}`,
    );
  }

  #assertAscending(previous: Pointer, table: Pointer): void {
    assert(
      previous === 0 || compareKeys(this.#lanes, this.#infos.keyMax(previous), this.#infos.keyMin(table)) < 0,
      () => `tables ${this.#infos.address(previous)} and ${this.#infos.address(table)} have common keys`,
    );
  }

  /** A table is no longer live: if it was at an edge, the range ends at its neighbour now. */
  #shrink(table: Pointer): void {
    if (this.#tableCountLive === 0) {
      this.keyRangeLive.clear();
      return;
    }
    const { min, max } = this.keyRangeLive;
    const atMin = compareKeys(this.#lanes, this.#infos.keyMin(table), min) === 0;
    const atMax = compareKeys(this.#lanes, this.#infos.keyMax(table), max) === 0;
    if (!atMin && !atMax) return;
    const first = this.#liveFrom(0);
    const last = this.#liveBefore(this.#tables.length);
    assert(first !== 0 && last !== 0, () => `${this.#tableCountLive} live tables, and none is found`);
    this.keyRangeLive.set(this.#infos.keyMin(first), this.#infos.keyMax(last));
  }
}
