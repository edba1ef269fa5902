/**
 * How fast the manifest log is compacted: fast enough that it never outgrows its bound, and not faster (spec 05 §13.1).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import { tablesPerForestMax } from "../manifest/level-limits.ts";
import { TABLE_INFO_SIZE_BYTES } from "../manifest/table-info.ts";

/** An input table of a compaction is updated and removed, an output table inserted. */
const ENTRIES_PER_INPUT = 2;
const ENTRIES_PER_OUTPUT = 1;

/** Counts of manifest blocks that follow from the number of trees. */
export class ManifestPace {
  readonly config: Config;
  /** Entries of a full block. */
  readonly entriesPerBlock: number;
  /** Live tables of all trees, at most. */
  readonly tablesMax: number;
  /** Blocks that a half-bar's table compactions append, at most. */
  readonly appendBlocksMax: number;
  /** Blocks that a half-bar compacts, at most. */
  readonly compactBlocksMax: number;
  /** Blocks of a log without an entry that could be dropped, at most. */
  readonly logBlocksFullMax: number;
  /** Blocks of the log while every block that it had at the start of the cycle is compacted once, at most. */
  readonly logBlocksCycleMax: number;
  /** Blocks of the log, at most. */
  readonly logBlocksMax: number;

  /** @param tablesMax lower than the forest's own bound only in tests. */
  constructor(config: Config, treeCount: number, tablesMax: number = tablesPerForestMax(config)) {
    assert(treeCount > 0 && tablesMax > 0, () => `${treeCount} trees with ${tablesMax} tables`);
    const { lsmGrowthFactor, lsmLevels, lsmManifestCompactExtraBlocks } = config.cluster;
    const tablesPerCompaction = 1 + lsmGrowthFactor;
    const compactionsPerTree = Math.ceil(lsmLevels / 2);
    const entriesMax = treeCount * compactionsPerTree * tablesPerCompaction * (ENTRIES_PER_INPUT + ENTRIES_PER_OUTPUT);
    this.config = config;
    this.entriesPerBlock = Math.floor(config.derived.blockBodySizeMax / TABLE_INFO_SIZE_BYTES);
    this.tablesMax = tablesMax;
    this.appendBlocksMax = Math.ceil(entriesMax / this.entriesPerBlock);
    this.compactBlocksMax = this.appendBlocksMax + lsmManifestCompactExtraBlocks;
    this.logBlocksFullMax = Math.ceil(tablesMax / this.entriesPerBlock);
    this.logBlocksCycleMax = this.#cycle();
    this.logBlocksMax =
      this.logBlocksCycleMax + this.appendBlocksMax * Math.ceil((this.logBlocksFullMax + 1) / this.compactBlocksMax);
    // A cycle ends only if each half-bar compacts more than it appends.
    assert(this.compactBlocksMax > this.appendBlocksMax, "the manifest log outgrows its compaction");
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
  #cycle(): number {
    for (let blocks = 0; ;) {
      const next = this.logBlocksFullMax + this.appendBlocksMax * Math.ceil(blocks / this.compactBlocksMax);
      if (next === blocks) return blocks;
      assert(next > blocks, () => `the manifest log's cycle shrinks from ${blocks} to ${next}`);
      blocks = next;
    }
  }
}
