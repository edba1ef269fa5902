/**
 * One tree: two tables in memory, seven levels of tables on disk (spec 05 §1).
 *
 * @module
 */
import { type Kernels, keySlotSizeBytes, type Pointer, ValueKernels } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import { type KeyPointer, KeyRange } from "./key.ts";
import { Manifest } from "./manifest/manifest.ts";
import type { ManifestLevel, ManifestMemory } from "./manifest/manifest-level.ts";
import { TreeMemory } from "./memory-table/tree-memory.ts";
import type { SpilledMerge } from "./spill/spilled-merge.ts";
import { type TreeDeclaration, TreeSchema } from "./tree-schema.ts";

/** What a tree needs of its forest. */
export interface TreeOptions extends ManifestMemory {
  readonly config: Config;
  readonly kernels: Kernels;
  /** Merges what memory tables keep on a disk; null if they keep all in memory. */
  readonly spill: SpilledMerge | null;
}

/** A tree. Compactions move its values down; everything else only adds and looks up. */
export class Tree {
  readonly schema: TreeSchema;
  readonly values: ValueKernels;
  readonly memory: TreeMemory;
  readonly manifest: Manifest;
  readonly #keyRange: KeyRange;
  readonly #keys: KeyPointer;

  constructor(declaration: TreeDeclaration, options: TreeOptions) {
    const { config, kernels, spill } = options;
    this.schema = new TreeSchema(config, declaration);
    this.values = new ValueKernels(kernels, declaration.layout);
    this.memory = new TreeMemory(this.schema, this.values, kernels.memory, spill);
    this.manifest = new Manifest({
      ...options,
      name: this.schema.name,
      annihilates: this.schema.layout.secondary,
    });
    this.#keyRange = new KeyRange(kernels.memory, "trees");
    this.#keys = kernels.memory.allocate(2 * keySlotSizeBytes, 16, "trees");
  }

  /** All keys that were ever put, tombstones aside: outside of it, nothing need be looked up. */
  get keyRange(): KeyRange {
    this.memory.bringPending();
    return this.#keyRange;
  }

  /** The same for whoever puts: without the keys of values that are pending. */
  get keyRangeWritable(): KeyRange {
    return this.#keyRange;
  }

  /** Tables on disk, the newest values in level 0. */
  get levels(): readonly ManifestLevel[] {
    return this.manifest.levels;
  }

  level(number: number): ManifestLevel {
    return this.manifest.level(number);
  }

  /** Extends {@link keyRange} by the keys of values that follow each other. */
  extendKeyRange(values: Pointer, count: number): void {
    this.values.writeKeyRange(values, count, this.#keys);
    this.#keyRange.extend(this.#keys, this.#keys + keySlotSizeBytes);
  }

  /** Sets `range` to the keys of the immutable table, which has some. */
  immutableKeys(range: KeyRange): void {
    this.memory.immutable.keyRange(range, this.#keys);
  }

  /** After the manifest log was read: the key range, and what must hold of the levels. */
  opened(): void {
    this.manifest.opened(this.#keyRange);
  }

  /** Asserts that no level has more tables than it may have at the end of a bar. */
  assertLevelLimits(): void {
    this.manifest.assertLimits();
  }

  /** Forgets everything. The tables' infos are the forest's to free. */
  reset(): void {
    this.memory.reset();
    this.manifest.clear();
    this.#keyRange.clear();
  }
}
