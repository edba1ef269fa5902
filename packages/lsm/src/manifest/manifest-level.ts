/**
 * The tables of one level of a tree, ordered by last key and then by first snapshot (spec 05 §8).
 *
 * Tables that one snapshot sees have no key in common. Two tables with common keys are never live at once: one has been
 * replaced by the other, and is removed when the half-bar ends.
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { compareKeys, type KeyPointer, KeyRange } from "../key.ts";
import { type NodePool, SegmentedArray } from "./segmented-array.ts";
import type { TableInfoView } from "./table-info.ts";
import type { TableRange } from "./table-range.ts";

/** What a level needs of the forest. */
export interface ManifestMemory {
  readonly memory: LinearMemory;
  readonly infos: TableInfoView;
  readonly nodes: NodePool;
}

/** One level. The infos belong to the caller; the level holds pointers to them. */
export class ManifestLevel {
  readonly #tables: SegmentedArray;
  readonly #infos: TableInfoView;
  readonly #lanes: Uint32Array;
  /** All keys that live tables span. */
  readonly keyRangeLive: KeyRange;
  #tableCountLive = 0;
  #valueCountLive = 0;

  constructor({ memory, infos, nodes }: ManifestMemory) {
    this.#tables = new SegmentedArray(nodes);
    this.#infos = infos;
    this.#lanes = memory.u32;
    this.keyRangeLive = new KeyRange(memory, "manifest");
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

  [Symbol.iterator](): IterableIterator<Pointer> {
    return this.#tables[Symbol.iterator]();
  }

  insert(table: Pointer): void {
    const index = this.#indexOf(table);
    assert(
      index === this.#tables.length || this.#tables.at(index) !== table,
      () => `table ${this.#infos.address(table)} is in its level already`,
    );
    this.#tables.insert(index, table);
    if (this.#infos.isLive(table)) this.#count(table, 1);
    this.keyRangeLive.extend(this.#infos.keyMin(table), this.#infos.keyMax(table));
  }

  /** A compaction has replaced the table: snapshots after `snapshotMax` do not see it. */
  setSnapshotMax(table: Pointer, snapshotMax: number): void {
    this.#find(table);
    this.#infos.setSnapshotMax(table, snapshotMax);
    this.#count(table, -1);
    this.#shrink(table);
  }

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

  /** The table that has the key, if any has, among those that the snapshot sees; or 0. */
  lookup(snapshot: number, key: KeyPointer): Pointer {
    if (!this.keyRangeLive.contains(key)) return 0;
    for (let index = this.#lowerBound(key); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (!this.#infos.visible(table, snapshot)) continue;
      return compareKeys(this.#lanes, this.#infos.keyMin(table), key) <= 0 ? table : 0;
    }
    return 0;
  }

  /** The live table with the smallest keys that are all above `key`, or 0. */
  nextAbove(key: KeyPointer): Pointer {
    for (let index = this.#lowerBound(key); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (this.#infos.isLive(table) && compareKeys(this.#lanes, this.#infos.keyMin(table), key) > 0) return table;
    }
    return 0;
  }

  /** The live table with the greatest keys that are all below `key`, or 0. */
  nextBelow(key: KeyPointer): Pointer {
    for (let index = this.#lowerBound(key) - 1; index >= 0; index -= 1) {
      const table = this.#tables.at(index);
      if (this.#infos.isLive(table)) return table;
    }
    return 0;
  }

  /** The live table that has keys from `min` to `max`: the first, or in descending direction the last; or 0. */
  edge(min: KeyPointer, max: KeyPointer, direction: "ascending" | "descending"): Pointer {
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
   * only have keys of the widened part are not in it.
   */
  overlap(min: KeyPointer, max: KeyPointer, range: TableRange): void {
    range.clear();
    range.keys.set(min, max);
    for (const table of this.#liveIn(min, max)) range.append(table);
  }

  /**
   * Which live table a compaction into `below` moves: the one with the fewest live tables under it there, of equals the one
   * with the smallest keys. Tables over more than `overlapMax` are no choice. Sets `range` to those under it.
   */
  leastOverlap(below: ManifestLevel, overlapMax: number, range: TableRange): Pointer {
    let best = 0;
    let bestCount = Infinity;
    for (let index = 0; index < this.#tables.length && bestCount > 0; index += 1) {
      const table = this.#tables.at(index);
      if (!this.#infos.isLive(table)) continue;
      const count = below.#countIn(this.#infos.keyMin(table), this.#infos.keyMax(table), overlapMax + 1);
      if (count > overlapMax || count >= bestCount) continue;
      best = table;
      bestCount = count;
    }
    assert(best !== 0, () => `none of ${this.#tableCountLive} tables is over ${overlapMax} others at most`);
    below.overlap(this.#infos.keyMin(best), this.#infos.keyMax(best), range);
    return best;
  }

  /** Tables that are not live and have keys of the range, the last first. They may be removed on the way. */
  replacedIn(min: KeyPointer, max: KeyPointer): Pointer[] {
    const replaced: Pointer[] = [];
    for (let index = this.#lowerBound(min); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      // Replaced tables may overlap live ones, so first keys do not ascend; live ones end the search.
      const beyond = compareKeys(this.#lanes, this.#infos.keyMin(table), max) > 0;
      if (this.#infos.isLive(table)) {
        if (beyond) break;
      } else if (!beyond) {
        replaced.push(table);
      }
    }
    return replaced.reverse();
  }

  /** Asserts that live tables ascend without common keys, and that the counters are right. */
  check(): void {
    let previous = 0;
    let tableCount = 0;
    let valueCount = 0;
    for (const table of this) {
      const keyMin = this.#infos.keyMin(table);
      const keyMax = this.#infos.keyMax(table);
      assert(compareKeys(this.#lanes, keyMin, keyMax) <= 0, () => `table ${this.#infos.address(table)}: its keys`);
      if (!this.#infos.isLive(table)) continue;
      assert(
        previous === 0 || compareKeys(this.#lanes, this.#infos.keyMax(previous), keyMin) < 0,
        () => `tables ${this.#infos.address(previous)} and ${this.#infos.address(table)} have common keys`,
      );
      previous = table;
      tableCount += 1;
      valueCount += this.#infos.valueCount(table);
    }
    assert(tableCount === this.#tableCountLive, () => `${this.#tableCountLive} live tables, there are ${tableCount}`);
    assert(valueCount === this.#valueCountLive, () => `${this.#valueCountLive} live values, there are ${valueCount}`);
  }

  #count(table: Pointer, sign: 1 | -1): void {
    this.#tableCountLive += sign;
    this.#valueCountLive += sign * this.#infos.valueCount(table);
  }

  /** How many tables, from the first, have only keys below `key`. */
  #lowerBound(key: KeyPointer): number {
    return this.#tables.partition((table) => compareKeys(this.#lanes, this.#infos.keyMax(table), key) < 0);
  }

  /** Where a table is, or goes. */
  #indexOf(table: Pointer): number {
    const keyMax = this.#infos.keyMax(table);
    const snapshotMin = this.#infos.snapshotMin(table);
    return this.#tables.partition((other) => {
      const order = compareKeys(this.#lanes, this.#infos.keyMax(other), keyMax);
      return order < 0 || (order === 0 && this.#infos.snapshotMin(other) < snapshotMin);
    });
  }

  #find(table: Pointer): number {
    let index = this.#indexOf(table);
    while (index < this.#tables.length && this.#tables.at(index) !== table) index += 1;
    assert(index < this.#tables.length, () => `table ${this.#infos.address(table)} is not in its level`);
    return index;
  }

  #liveFrom(index: number): Pointer {
    for (let at = index; at < this.#tables.length; at += 1) {
      const table = this.#tables.at(at);
      if (this.#infos.isLive(table)) return table;
    }
    return 0;
  }

  *#liveIn(min: KeyPointer, max: KeyPointer): IterableIterator<Pointer> {
    for (let index = this.#lowerBound(min); index < this.#tables.length; index += 1) {
      const table = this.#tables.at(index);
      if (!this.#infos.isLive(table)) continue;
      if (compareKeys(this.#lanes, this.#infos.keyMin(table), max) > 0) return;
      yield table;
    }
  }

  #countIn(min: KeyPointer, max: KeyPointer, limit: number): number {
    let count = 0;
    for (const _ of this.#liveIn(min, max)) {
      count += 1;
      if (count === limit) break;
    }
    return count;
  }

  /** A table is no longer live: if it was at an edge, the range ends at its neighbour now. */
  #shrink(table: Pointer): void {
    const { min, max } = this.keyRangeLive;
    const keyMin = this.#infos.keyMin(table);
    const keyMax = this.#infos.keyMax(table);
    if (this.#tableCountLive === 0) {
      this.keyRangeLive.clear();
      return;
    }
    const atMin = compareKeys(this.#lanes, keyMin, min) === 0;
    const atMax = compareKeys(this.#lanes, keyMax, max) === 0;
    if (!atMin && !atMax) return;
    const first = this.#liveFrom(0);
    let last = 0;
    for (let index = this.#tables.length - 1; index >= 0 && last === 0; index -= 1) {
      const candidate = this.#tables.at(index);
      if (this.#infos.isLive(candidate)) last = candidate;
    }
    this.keyRangeLive.set(this.#infos.keyMin(first), this.#infos.keyMax(last));
  }
}
