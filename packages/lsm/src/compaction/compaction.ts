/**
 * One compaction: the half-bar's work on one level of one tree, from its plan to the changes of the manifest
 * (spec 05 §10, §12).
 *
 * ```text
 *   idle ─▶ idle        nothing to do this half-bar
 *     │
 *     ├─▶ moving ─▶ idle      the table below nothing goes down as it is
 *     └─▶ merging ─▶ idle     values are merged, over the beats of the half-bar
 * ```
 *
 * @module
 */
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { checkpointAfter, type Config, trigger } from "@stagbeetle/vsr-protocol";
import { type Beats } from "../beats.ts";
import { tablesPerLevelMax } from "../manifest/level-limits.ts";
import { ManifestEvent, type TableInfoPool, type TableInfoView } from "../manifest/table-info.ts";
import { TableRange } from "../manifest/table-range.ts";
import type { ManifestLog } from "../manifest-log/manifest-log.ts";
import type { BuiltTable } from "../table/table-builder.ts";
import type { Tree } from "../tree.ts";

/** Values of the half-bar and of the beat: what is to be consumed, and what was. */
export interface Quotas {
  halfBar: number;
  halfBarDone: number;
  beat: number;
  beatDone: number;
}

/** What a compaction does this half-bar. */
export type CompactionState = "idle" | "moving" | "merging";

/** Why a tree's immutable table is not flushed this half-bar. */
export type FlushSkipped = "flushed" | "deferred";

/** Sees what compactions do, for traces and tests. */
export interface CompactionObserver {
  flushSkipped(compaction: Compaction, reason: FlushSkipped): void;
  planned(compaction: Compaction): void;
  beatEnded(compaction: Compaction): void;
  completing(compaction: Compaction): void;
}

/** What all compactions of a forest share. */
export interface CompactionContext {
  readonly config: Config;
  readonly beats: Beats;
  readonly memory: LinearMemory;
  readonly infos: TableInfoView;
  readonly infoPool: TableInfoPool;
  readonly manifestLog: ManifestLog;
  readonly observer?: CompactionObserver;
}

/** The compaction of one tree into `levelB`: from the level above it, or from memory into level 0. */
export class Compaction {
  readonly tree: Tree;
  readonly levelB: number;
  readonly quotas: Quotas = { halfBar: 0, halfBarDone: 0, beat: 0, beatDone: 0 };
  /** Tables of level B that are merged, and the keys that they and the source span. */
  readonly rangeB: TableRange;
  /** Values that were consumed without coming out. */
  droppedCount = 0;
  readonly #context: CompactionContext;
  readonly #plainRange: TableRange;
  #state: CompactionState = "idle";
  #opMin = 0;
  /** The table of level A; 0 for the immutable table. */
  #source: Pointer = 0;
  #dropTombstones = false;
  readonly #built: Pointer[] = [];

  constructor(tree: Tree, levelB: number, context: CompactionContext) {
    this.tree = tree;
    this.levelB = levelB;
    this.#context = context;
    this.rangeB = new TableRange(context.memory, context.infos);
    this.#plainRange = new TableRange(context.memory, context.infos);
  }

  get state(): CompactionState {
    return this.#state;
  }

  /** Whether the source is the immutable table. */
  get fromMemory(): boolean {
    return this.levelB === 0;
  }

  /** The table of level A that is merged or moved. */
  get source(): Pointer {
    assert(this.#source !== 0, () => `${this.name}: the source is no table`);
    return this.#source;
  }

  /** Whether no tombstone is needed any more in level B. */
  get dropTombstones(): boolean {
    return this.#dropTombstones;
  }

  /** The first snapshot that sees the output. */
  get snapshotMin(): number {
    return this.#opMin + this.#context.beats.halfBar;
  }

  /** `Transfer.id:0`. */
  get name(): string {
    return `${this.tree.schema.name}:${this.levelB}`;
  }

  /** Values to be consumed in this half-bar. */
  get quotaLeft(): number {
    return this.quotas.halfBar - this.quotas.halfBarDone;
  }

  /**
   * Chooses what to do in the half-bar that begins with `op`.
   *
   * @returns how many values are to be consumed.
   */
  plan(op: number, checkpoint: number): number {
    assert(this.#state === "idle" && this.#built.length === 0, () => `${this.name}: planned while ${this.#state}`);
    this.#opMin = op;
    this.droppedCount = 0;
    Object.assign(this.quotas, { halfBar: 0, halfBarDone: 0, beat: 0, beatDone: 0 });
    const sourceCount = this.fromMemory ? this.#planFlush(checkpoint) : this.#planLevel();
    if (sourceCount === 0) return 0;
    this.quotas.halfBar = sourceCount + this.rangeB.valueCount;
    this.#dropTombstones = this.tree.manifest.nothingBelow(this.levelB, this.rangeB.keys);
    this.#state = !this.fromMemory && this.rangeB.tables.length === 0 ? "moving" : "merging";
    this.#context.observer?.planned(this);
    if (this.#state === "merging") return this.quotas.halfBar;
    this.quotas.halfBarDone = this.quotas.halfBar;
    return 0;
  }

  /** A table of the output was built. Returns its info, which gets its checksum before {@link complete}. */
  built(table: BuiltTable): Pointer {
    const { infos, infoPool } = this.#context;
    assert(this.#state === "merging", () => `${this.name}: a table is built while ${this.#state}`);
    const info = infoPool.allocate();
    infos.init(info, { ...table, snapshotMin: this.snapshotMin, treeId: this.tree.schema.treeId });
    this.#built.push(info);
    return info;
  }

  /** Ends the half-bar: brings the manifest up to date, and logs each change. */
  complete(): void {
    if (this.#state === "idle") return;
    const { quotas } = this;
    assert(quotas.halfBarDone === quotas.halfBar, () => `${this.name}: ${this.quotaLeft} values are left`);
    this.#context.observer?.completing(this);
    if (this.fromMemory) this.tree.memory.markFlushed();
    if (this.#state === "moving") this.#completeMove();
    else this.#completeMerge();
    this.#removeReplaced(this.levelB);
    if (!this.fromMemory) this.#removeReplaced(this.levelB - 1);
    this.#clear();
  }

  /** Forgets the plan. */
  reset(): void {
    this.#built.length = 0;
    Object.assign(this.quotas, { halfBar: 0, halfBarDone: 0, beat: 0, beatDone: 0 });
    this.#clear();
  }

  #clear(): void {
    this.#state = "idle";
    this.#source = 0;
    this.rangeB.clear();
    this.#built.length = 0;
  }

  /** The immutable table goes to level 0, unless it is worth waiting for more: returns its count, or 0. */
  #planFlush(checkpoint: number): number {
    const { memory, schema } = this.tree;
    if (memory.flushed) {
      this.#context.observer?.flushSkipped(this, "flushed");
      return 0;
    }
    const count = memory.immutable.count;
    // The mutable table has this op's values as they were put, duplicates included.
    const fits = count + memory.mutable.count + schema.valueCountMax / 2 <= schema.valueCountMax;
    if (fits && !this.#lastBeforeCheckpoint(checkpoint)) {
      this.#context.observer?.flushSkipped(this, "deferred");
      return 0;
    }
    this.tree.immutableKeys(this.rangeB.keys);
    this.tree.level(0).overlap(this.rangeB.keys.min, this.rangeB.keys.max, this.rangeB);
    assert(
      this.rangeB.tables.length <= this.#growthFactor,
      () => `${this.name}: over ${this.rangeB.tables.length} tables`,
    );
    this.#coalesce(count);
    return count;
  }

  /** Whether this half-bar's flush is the last that the next checkpoint sees: recovery brings back one bar only. */
  #lastBeforeCheckpoint(checkpoint: number): boolean {
    const { config, beats } = this.#context;
    return this.#opMin + beats.halfBar - 1 === trigger(config, checkpointAfter(config, checkpoint));
  }

  /** Widens the range to small neighbours, so that many small flushes do not become many small tables. */
  #coalesce(immutableCount: number): void {
    const { infos, config } = this.#context;
    const { valueCountMax } = this.tree.schema;
    const level = this.tree.level(0);
    const target = Math.ceil((valueCountMax * config.cluster.lsmTableCoalescingThresholdPercent) / 100);
    const range = this.rangeB;
    this.#plainRange.copy(range);
    let sum = immutableCount + range.valueCount;
    let small = sum < target;
    for (const direction of ["descending", "ascending"] as const) {
      while (range.tables.length < this.#growthFactor && sum < target) {
        const below = direction === "descending";
        const next = below ? level.nextBelow(range.keys.min) : level.nextAbove(range.keys.max);
        if (next === 0 || sum + infos.valueCount(next) > valueCountMax) break;
        sum += infos.valueCount(next);
        small ||= infos.valueCount(next) < target;
        if (below) range.prepend(next);
        else range.append(next);
      }
    }
    const widened = range.tables.length > this.#plainRange.tables.length;
    if (!(widened && small)) range.copy(this.#plainRange);
  }

  /** A full level gives one table to the next: returns its count, or 0 if the level is not full. */
  #planLevel(): number {
    const { config, infos } = this.#context;
    const levelA = this.tree.level(this.levelB - 1);
    const tablesMax = tablesPerLevelMax(config, this.levelB - 1);
    assert(levelA.tableCountLive <= tablesMax + 1, () => `${this.name}: ${levelA.tableCountLive} tables above`);
    if (levelA.tableCountLive < tablesMax) return 0;
    this.#source = levelA.leastOverlap(this.tree.level(this.levelB), this.#growthFactor, this.rangeB);
    return infos.valueCount(this.#source);
  }

  #completeMove(): void {
    const { manifestLog } = this.#context;
    const { source } = this;
    this.tree.level(this.levelB - 1).remove(source);
    this.tree.level(this.levelB).insert(source);
    manifestLog.append(ManifestEvent.update, this.levelB, source);
  }

  #completeMerge(): void {
    const { manifestLog, infos } = this.#context;
    const snapshotMax = this.snapshotMin - 1;
    if (!this.fromMemory) {
      this.tree.level(this.levelB - 1).setSnapshotMax(this.source, snapshotMax);
      manifestLog.append(ManifestEvent.update, this.levelB - 1, this.source);
    }
    for (const table of this.rangeB.tables) {
      this.tree.level(this.levelB).setSnapshotMax(table, snapshotMax);
      manifestLog.append(ManifestEvent.update, this.levelB, table);
    }
    for (const table of this.#built) {
      assert(infos.hasChecksum(table), () => `${this.name}: table ${infos.address(table)} has no checksum`);
      this.tree.level(this.levelB).insert(table);
      manifestLog.append(ManifestEvent.insert, this.levelB, table);
    }
  }

  /** No snapshot sees a replaced table any more. */
  #removeReplaced(number: number): void {
    const { infoPool, manifestLog } = this.#context;
    const level = this.tree.level(number);
    const { min, max } = this.rangeB.keys;
    for (const table of level.replacedIn(min, max)) {
      manifestLog.append(ManifestEvent.remove, number, table);
      level.remove(table);
      infoPool.free(table);
    }
  }

  get #growthFactor(): number {
    return this.#context.config.cluster.lsmGrowthFactor;
  }
}
