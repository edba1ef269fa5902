/**
 * One tree: two tables in memory, seven levels of tables on disk (spec 05 §1).
 *
 * @module
 */
import { assert, type Kernels, keySlotSizeBytes, type Pointer, ValueKernels } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import { type KeyPointer, KeyRange } from "./key.ts";
import { type ManifestMemory, ManifestLevel } from "./manifest/manifest-level.ts";
import { tablesPerLevelMax } from "./manifest-log/pace.ts";
import { TreeMemory } from "./memory-table/tree-memory.ts";
import { type TreeDeclaration, TreeSchema } from "./tree-schema.ts";

/** What a tree needs of its forest. */
export interface TreeOptions extends ManifestMemory {
  readonly config: Config;
  readonly kernels: Kernels;
}

/** A tree. Compactions move its values down; everything else only adds and looks up. */
export class Tree {
  readonly schema: TreeSchema;
  readonly values: ValueKernels;
  readonly memory: TreeMemory;
  readonly levels: readonly ManifestLevel[];
  /** All keys that were ever put, tombstones aside: outside of it, nothing need be looked up. */
  readonly keyRange: KeyRange;
  readonly #config: Config;
  readonly #keys: KeyPointer;

  constructor(declaration: TreeDeclaration, options: TreeOptions) {
    const { config, kernels } = options;
    this.schema = new TreeSchema(config, declaration);
    this.values = new ValueKernels(kernels, declaration.layout);
    this.memory = new TreeMemory(this.schema, this.values, kernels.memory);
    this.levels = Array.from({ length: config.cluster.lsmLevels }, () => new ManifestLevel(options));
    this.keyRange = new KeyRange(kernels.memory, "trees");
    this.#config = config;
    this.#keys = kernels.memory.allocate(2 * keySlotSizeBytes, 16, "trees");
  }

  level(number: number): ManifestLevel {
    const level = this.levels[number];
    assert(level !== undefined, () => `${this.schema.name} has no level ${number}`);
    return level;
  }

  /** Extends {@link keyRange} by the key of a value. */
  extendKeyRange(value: Pointer): void {
    this.values.writeKey(value, this.#keys);
    this.keyRange.extend(this.#keys, this.#keys);
  }

  /** Sets `range` to the keys of the immutable table, which has some. */
  immutableKeys(range: KeyRange): void {
    this.memory.immutable.keyRange(range, this.#keys);
  }

  /** After the manifest log was read: the key range, and what must hold of the levels. */
  opened(): void {
    this.keyRange.clear();
    let emptyAbove = false;
    for (const [number, level] of this.levels.entries()) {
      level.check();
      const { keyRangeLive } = level;
      if (keyRangeLive.empty) {
        emptyAbove = true;
        continue;
      }
      // Only annihilation empties a level that has tables below.
      assert(!emptyAbove || this.schema.layout.secondary, () => `${this.schema.name}: nothing above level ${number}`);
      this.keyRange.extend(keyRangeLive.min, keyRangeLive.max);
    }
  }

  /** Asserts that no level has more tables than it may have at the end of a bar. */
  assertLevelLimits(): void {
    for (const [number, level] of this.levels.entries()) {
      const limit = tablesPerLevelMax(this.#config, number);
      assert(
        level.tableCountLive <= limit,
        () => `${this.schema.name}: ${level.tableCountLive} tables in level ${number}, at most ${limit}`,
      );
    }
  }

  /** Forgets everything. The tables' infos are the forest's to free. */
  reset(): void {
    this.memory.reset();
    for (const level of this.levels) level.clear();
    this.keyRange.clear();
  }
}
