/**
 * How fast the manifest log is compacted: fast enough that it never outgrows its bound, and not faster (spec 05 §13.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { TABLE_INFO_SIZE_BYTES } from "../manifest/table-info.ts";
import { type Config } from "@stagbeetle/vsr-protocol";

/** Counts of manifest blocks that follow from the number of trees. */
export class ManifestPace {
  /** Entries of a full block. */
  readonly entriesPerBlock: number;
  /** Live tables of all trees, at most. */
  readonly tablesMax: number;
  /** Blocks that a half-bar's table compactions append, at most. */
  readonly appendBlocksMax: number;
  /** Blocks that a half-bar compacts, at most. */
  readonly compactBlocksMax: number;
  /** Blocks of the log while every block that it had at the start of the cycle is compacted once, at most. */
  readonly logBlocksCycleMax: number;
  /** Blocks of the log, at most. */
  readonly logBlocksMax: number;

  /** @param tablesMax lower than the forest's own bound only in tests. */
  constructor(config: Config, treeCount: number, tablesMax: number = tablesPerForestMax(config)) {
    const { lsmGrowthFactor, lsmLevels, lsmManifestCompactExtraBlocks } = config.cluster;
    const tablesPerCompaction = 1 + lsmGrowthFactor;
    // An input is updated and removed, an output inserted.
    const entriesMax = treeCount * Math.ceil(lsmLevels / 2) * 3 * tablesPerCompaction;
    this.entriesPerBlock = Math.floor(config.derived.blockBodySizeMax / TABLE_INFO_SIZE_BYTES);
    this.tablesMax = tablesMax;
    this.appendBlocksMax = Math.ceil(entriesMax / this.entriesPerBlock);
    this.compactBlocksMax = this.appendBlocksMax + lsmManifestCompactExtraBlocks;
    const logBlocksFull = Math.ceil(tablesMax / this.entriesPerBlock);
    this.logBlocksCycleMax = this.#cycle(logBlocksFull);
    this.logBlocksMax =
      this.logBlocksCycleMax + this.appendBlocksMax * Math.ceil((logBlocksFull + 1) / this.compactBlocksMax);
  }

  /** Blocks in memory: the open one, and those that a half-bar closes. */
  get buffersMax(): number {
    return 1 + this.compactBlocksMax + this.appendBlocksMax;
  }

  /**
   * How many blocks this half-bar compacts.
   *
   * @param logBlocks closed blocks of the log, written or not.
   * @param tableCount live tables.
   */
  halfBarCompactBlocks(logBlocks: number, tableCount: number): number {
    assert(logBlocks <= this.logBlocksMax, () => `a manifest log of ${logBlocks} blocks: at most ${this.logBlocksMax}`);
    assert(tableCount <= this.tablesMax, () => `${tableCount} tables: at most ${this.tablesMax}`);
    if (this.logBlocksCycleMax <= logBlocks + this.appendBlocksMax) return this.compactBlocksMax;
    const goal = Math.max(1, Math.floor((this.logBlocksCycleMax * tableCount) / this.tablesMax));
    return Math.min(this.compactBlocksMax, Math.floor((this.compactBlocksMax * logBlocks) / goal));
  }

  /** The fixed point: the log grows while it is compacted. */
  #cycle(logBlocksFull: number): number {
    for (let blocks = 0; ;) {
      const next = logBlocksFull + this.appendBlocksMax * Math.ceil(blocks / this.compactBlocksMax);
      if (next === blocks) return blocks;
      assert(next > blocks, () => `the manifest log's cycle shrinks from ${blocks} to ${next}`);
      blocks = next;
    }
  }
}

/** How many tables a forest can have: the reference bounds it by what one tree can have. */
export function tablesPerForestMax(config: Config): number {
  let tables = 0;
  for (let level = 0; level < config.cluster.lsmLevels; level += 1) tables += tablesPerLevelMax(config, level);
  return tables;
}

/** How many tables a level has at the end of a bar, at most. */
export function tablesPerLevelMax(config: Config, level: number): number {
  return config.cluster.lsmGrowthFactor ** (level + 1);
}
