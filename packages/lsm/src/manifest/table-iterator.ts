/**
 * All tables of a forest, one after the other, while compactions go on in between (spec 05 §18.5).
 *
 * @module
 */
import { assert, keySlotSizeBytes, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { copyKey, type KeyPointer } from "../key.ts";
import type { ManifestLevel } from "./manifest-level.ts";
import type { TableInfoView } from "./table-info.ts";

/** What the iterator must know of a forest: its trees in the order of their ids, each with the same number of levels. */
export interface IteratedForest {
  readonly trees: readonly { readonly levels: readonly ManifestLevel[] }[];
  readonly infos: TableInfoView;
}

/** A level of a tree: where a tour begins. */
export interface LevelOfTree {
  readonly level: number;
  /** The place of the tree among the trees. */
  readonly tree: number;
}

/**
 * Goes through all tables: level by level, in each level tree by tree, in each tree in the order of the level.
 *
 * Tables may come, go and move to a deeper level on the way. One that moves down is met again or for the first time there,
 * so none that exists from the beginning to the end is missed. The place is kept as a key, not as an index.
 */
export class TableIterator {
  readonly #forest: IteratedForest;
  readonly #lanes: Uint32Array;
  /** Of the table met last, its last key. */
  readonly #keyMax: KeyPointer;
  /** Of the table met last, its first snapshot; null at the beginning of a level. */
  #snapshotMin: number | null = null;
  #level = 0;
  #tree = 0;

  /** Allocates 32 bytes for a key. */
  constructor(forest: IteratedForest, memory: LinearMemory) {
    assert(forest.trees.length > 0, "a forest has trees");
    this.#forest = forest;
    this.#lanes = memory.u32;
    this.#keyMax = memory.allocate(keySlotSizeBytes, 16, "table iterator");
  }

  /** How many levels each tree has. */
  get levelCount(): number {
    return this.#forest.trees[0]?.levels.length ?? 0;
  }

  /** The level and the tree of the table met last, or of the next one. */
  get position(): LevelOfTree {
    return { level: this.#level, tree: this.#tree };
  }

  /** Goes to the beginning of a level of a tree; to the first table of all unless one is given. */
  rewind({ level, tree }: LevelOfTree = { level: 0, tree: 0 }): void {
    assert(level >= 0 && level < this.levelCount, () => `level ${level} of ${this.levelCount}`);
    assert(tree >= 0 && tree < this.#forest.trees.length, () => `tree ${tree} of ${this.#forest.trees.length}`);
    this.#level = level;
    this.#tree = tree;
    this.#snapshotMin = null;
  }

  /** The next table, or 0 behind the last one: then, too, once there are more. */
  next(): Pointer {
    const { infos } = this.#forest;
    for (;;) {
      const level = this.#levelHere();
      if (level === null) return 0;
      const table = this.#snapshotMin === null ? level.first() : level.firstBehind(this.#keyMax, this.#snapshotMin);
      if (table !== 0) {
        copyKey(this.#lanes, this.#keyMax, infos.keyMax(table));
        this.#snapshotMin = infos.snapshotMin(table);
        return table;
      }
      this.#nextLevel();
    }
  }

  #levelHere(): ManifestLevel | null {
    if (this.#level === this.levelCount) return null;
    const level = this.#forest.trees[this.#tree]?.levels[this.#level];
    assert(level !== undefined, () => `tree ${this.#tree} has no level ${this.#level}`);
    return level;
  }

  #nextLevel(): void {
    this.#snapshotMin = null;
    this.#tree += 1;
    if (this.#tree < this.#forest.trees.length) return;
    this.#tree = 0;
    this.#level += 1;
  }
}
