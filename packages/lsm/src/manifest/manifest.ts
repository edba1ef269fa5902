/**
 * The tables of one tree, level by level (spec 05 §8).
 *
 * @module
 */
import { assert, type Pointer } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import type { KeyPointer, KeyRange } from "../key.ts";
import { tablesPerLevelMax } from "./level-limits.ts";
import { ManifestLevel, type ManifestMemory } from "./manifest-level.ts";
import type { TableInfoView } from "./table-info.ts";

/** What a manifest is made of. */
export interface ManifestOptions extends ManifestMemory {
  readonly config: Config;
  /** Of the tree, for people. */
  readonly name: string;
  /** Whether entries of one key annihilate each other in the tree: only then can a level be empty that has tables below. */
  readonly annihilates: boolean;
}

/** A tree's levels, the newest values in level 0. */
export class Manifest {
  readonly levels: readonly ManifestLevel[];
  readonly #config: Config;
  readonly #infos: TableInfoView;
  readonly #name: string;
  readonly #annihilates: boolean;

  constructor(options: ManifestOptions) {
    this.levels = Array.from({ length: options.config.cluster.lsmLevels }, () => new ManifestLevel(options));
    this.#config = options.config;
    this.#infos = options.infos;
    this.#name = options.name;
    this.#annihilates = options.annihilates;
  }

  /** All tables, live or not. */
  get tableCount(): number {
    return this.levels.reduce((sum, level) => sum + level.tableCount, 0);
  }

  level(number: number): ManifestLevel {
    const level = this.levels[number];
    assert(level !== undefined, () => `${this.#name} has no level ${number}`);
    return level;
  }

  /** Adds a table that the manifest log has, in an info of its own, to the level of its last entry. */
  restore(table: Pointer): void {
    const fault = this.#infos.invalid(table, this.levels.length);
    assert(fault === null, () => `${this.#name}: table ${this.#infos.address(table)}: ${fault}`);
    this.level(this.#infos.level(table)).insert(table);
  }

  /** Once all tables are restored: asserts what must hold of the levels, and sets `keyRange` to all keys of live tables. */
  opened(keyRange: KeyRange): void {
    keyRange.clear();
    let emptyAbove = false;
    for (const [number, level] of this.levels.entries()) {
      level.check();
      const { keyRangeLive } = level;
      if (keyRangeLive.empty) {
        emptyAbove = true;
        continue;
      }
      assert(
        !emptyAbove || this.#annihilates,
        () => `${this.#name}: level ${number} has tables and one above has none`,
      );
      keyRange.extend(keyRangeLive.min, keyRangeLive.max);
    }
    this.assertLimits();
  }

  /**
   * The table of the topmost level, from `levelFrom` on, that may have the key, among those that the snapshot sees; 0 if
   * none. It has at most one a level: a search goes on with the level below that of the table.
   */
  lookup(snapshot: number, key: KeyPointer, levelFrom = 0): Pointer {
    for (let number = levelFrom; number < this.levels.length; number += 1) {
      const table = this.level(number).lookup(snapshot, key);
      if (table !== 0) return table;
    }
    return 0;
  }

  /** Whether no live table below `level` has keys in the range: whether tombstones of these keys have nothing to hide. */
  nothingBelow(level: number, keys: KeyRange): boolean {
    for (let number = level + 1; number < this.levels.length; number += 1) {
      if (this.level(number).overlaps(keys.min, keys.max)) return false;
    }
    return true;
  }

  /** Asserts that no level has more live tables than it may have at the end of a bar. */
  assertLimits(): void {
    for (const [number, { tableCountLive }] of this.levels.entries()) {
      const limit = tablesPerLevelMax(this.#config, number);
      assert(tableCountLive <= limit, () => `${this.#name}: ${tableCountLive} tables in level ${number} of ${limit}`);
    }
  }

  /** Forgets all tables. Their infos are the forest's to free. */
  clear(): void {
    for (const level of this.levels) level.clear();
  }

  /** One line for people: live tables by level. */
  describe(): string {
    return `${this.#name}: ${this.levels.map((level) => level.tableCountLive).join(" ")}`;
  }
}
