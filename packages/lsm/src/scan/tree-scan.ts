/**
 * The visible values of one tree within a range of keys, in either direction (spec 05 §17.1).
 *
 * The newest source that has a key decides about it: mutable table, immutable table, then level by level. Tombstones hide
 * older values and are not yielded; nor are burnt keys, which have no object.
 *
 * @module
 */
import { assert, keySlotSizeBytes, type Pointer, type Run } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import type { ReadableTree, ReadContext } from "../block-reader.ts";
import { copyKey, type KeyPointer } from "../key.ts";
import type { SpilledRun } from "../spill/spilled-run.ts";
import { isTombstone, timestampLane } from "../value.ts";
import { LEVEL_SCAN_BLOCKS_MAX, LevelScan } from "./level-scan.ts";
import { type SpanSource, ValueSpan } from "./source.ts";
import { SpilledScan } from "./spilled-scan.ts";
import type { Direction, ScanState, TimestampScan } from "./timestamp-scan.ts";

/** What is scanned. */
export interface TreeRange {
  readonly tree: ReadableTree;
  readonly snapshot: number;
  readonly direction: Direction;
}

/** How many blocks the scan of one tree holds at most. */
export function treeScanBlocksMax(config: Config): number {
  return config.cluster.lsmLevels * LEVEL_SCAN_BLOCKS_MAX;
}

/** One scan at a time, again and again. */
export class TreeScan implements TimestampScan {
  /** The first and the last key. Whoever opens the scan writes them first. */
  readonly keyMin: KeyPointer;
  readonly keyMax: KeyPointer;
  readonly #context: ReadContext;
  readonly #levels: readonly LevelScan[];
  /** Runs of memory tables: one of the mutable table, all of the immutable one. Made once, as many as there ever are. */
  readonly #runs: ValueSpan[] = [];
  /** The run of the immutable table that is on the disk; null if there never is one. */
  readonly #spilled: SpilledScan | null;
  readonly #probeKey: KeyPointer;
  /** Sources that may have values, the newest first. */
  readonly #spans: ValueSpan[] = [];
  /** Those of them that are as they are: runs in memory. */
  readonly #runsOpen: ValueSpan[] = [];
  /** What brings values to the others. */
  readonly #suppliers: SpanSource[] = [];
  #tree: ReadableTree | null = null;
  /** The size of the tree's values. */
  #sizeBytes = 0;
  #direction: Direction = "ascending";
  /** The source of the value that was settled, or −1. */
  #settled = -1;
  #value: Pointer = 0;
  #reading = 0;
  #callback: (() => void) | null = null;

  constructor(context: ReadContext, levelCount: number) {
    this.#context = context;
    this.keyMin = context.memory.allocate(3 * keySlotSizeBytes, 16, "scans");
    this.keyMax = this.keyMin + keySlotSizeBytes;
    this.#probeKey = this.keyMax + keySlotSizeBytes;
    this.#spilled = context.spill === null ? null : new SpilledScan(context.spill);
    this.#levels = Array.from({ length: levelCount }, () => new LevelScan(context, () => this.#onReady()));
  }

  get direction(): Direction {
    return this.#direction;
  }

  get tree(): ReadableTree {
    assert(this.#tree !== null, "the scan is closed");
    return this.#tree;
  }

  /** Begins a scan from {@link keyMin} to {@link keyMax}. The mutable table is sorted, and changes only after `close`. */
  open({ tree, snapshot, direction }: TreeRange): void {
    assert(this.#tree === null, "the scan is open");
    assert(tree.levels.length === this.#levels.length, () => `${tree.schema.name}: ${tree.levels.length} levels`);
    const { mutable, immutable, snapshotMin } = tree.memory;
    assert(mutable.sorted, () => `${tree.schema.name} is scanned unsorted`);
    this.#tree = tree;
    this.#sizeBytes = tree.schema.layout.sizeBytes;
    this.#direction = direction;
    this.#settled = -1;
    this.#addRuns(mutable.runs());
    if (snapshot >= snapshotMin) {
      this.#addRuns(immutable.runs());
      this.#addSpilled(immutable.spilled);
    }
    for (const [number, level] of this.#levels.entries()) {
      const tables = tree.levels[number];
      assert(tables !== undefined, () => `${tree.schema.name} has no level ${number}`);
      level.open(tree, tables, this.keyMin, this.keyMax, direction);
      this.#addSupplier(level);
    }
  }

  settle(): ScanState {
    if (this.#settled !== -1) return "value";
    const { tree } = this;
    const { u32 } = this.#context.memory;
    for (;;) {
      if (!this.#prepare()) return "needsRead";
      const newest = this.#first(tree);
      if (newest === -1) return "finished";
      const span = this.#span(newest);
      const value = span.head(this.#sizeBytes, this.#direction);
      this.#dropOlder(tree, newest, value);
      const lane = timestampLane(tree.schema.layout, value);
      const burnt = u32[lane] === 0 && u32[lane + 1] === 0;
      if (burnt || isTombstone(u32, tree.schema.layout, value)) {
        span.advance(this.#sizeBytes, this.#direction);
        continue;
      }
      this.#settled = newest;
      this.#value = value;
      return "value";
    }
  }

  /** The value that was settled. Good as long as {@link timestampLane}. */
  get value(): Pointer {
    assert(this.#settled !== -1, "no value was settled");
    return this.#value;
  }

  get timestampLane(): number {
    return timestampLane(this.tree.schema.layout, this.value);
  }

  advance(): void {
    assert(this.#settled !== -1, "no value was settled");
    this.#span(this.#settled).advance(this.#sizeBytes, this.#direction);
    this.#settled = -1;
  }

  probe(lane: number): void {
    const { u32 } = this.#context.memory;
    // In all keys but those of unique indexes, the timestamp is the lowest word.
    copyKey(u32, this.#probeKey, this.keyMin);
    u32.copyWithin(this.#probeKey >>> 2, lane, lane + 2);
    this.#settled = -1;
    for (const run of this.#runsOpen) run.probe(this.tree, this.#probeKey, this.#direction);
    for (const supplier of this.#suppliers) supplier.probe(this.#probeKey);
  }

  read(callback: () => void): void {
    assert(this.#callback === null, "the scan is being read");
    this.#callback = callback;
    for (const level of this.#levels) {
      if (level.prepare()) continue;
      this.#reading += 1;
      level.read();
    }
    if (this.#reading > 0) return;
    this.#reading = 1;
    this.#context.store.nextTick(() => this.#onReady());
  }

  close(): void {
    assert(this.#callback === null, "a scan is closed while it is read");
    for (const level of this.#levels) level.close();
    this.#spilled?.close();
    this.#spans.length = 0;
    this.#runsOpen.length = 0;
    this.#suppliers.length = 0;
    this.#tree = null;
    this.#settled = -1;
  }

  /** Closes the scan after the grid has dropped all reads. */
  reset(): void {
    this.#callback = null;
    this.#reading = 0;
    this.close();
  }

  /** Adds those runs of a memory table that have keys of the range, the newest first. */
  #addRuns(runs: readonly Run[]): void {
    const { tree } = this;
    const { sizeBytes } = tree.schema.layout;
    for (const { begin, end } of runs.toReversed()) {
      const span = this.#runs[this.#runsOpen.length] ?? new ValueSpan();
      this.#runs[this.#runsOpen.length] = span;
      span.set(tree, begin, (end - begin) / sizeBytes, this.keyMin, this.keyMax);
      if (span.empty) continue;
      this.#spans.push(span);
      this.#runsOpen.push(span);
    }
  }

  #addSpilled(run: SpilledRun | null): void {
    if (run === null) return;
    const scan = this.#spilled;
    assert(scan !== null, () => `${this.tree.schema.name}: a run is on the disk that nobody reads`);
    scan.open(this.tree, run, this.keyMin, this.keyMax, this.#direction);
    this.#addSupplier(scan);
  }

  #addSupplier(supplier: SpanSource): void {
    this.#spans.push(supplier.span);
    this.#suppliers.push(supplier);
  }

  /** Sees to it that every source has values at hand or has no more. False if blocks have to be read for that. */
  #prepare(): boolean {
    let prepared = true;
    for (const supplier of this.#suppliers) {
      if (supplier.span.empty && !supplier.prepare()) prepared = false;
    }
    return prepared;
  }

  /** The source with the next key, of equals the newest; −1 if there are no more values. */
  #first({ values }: ReadableTree): number {
    const sign = this.#direction === "ascending" ? 1 : -1;
    let first = -1;
    let firstValue: Pointer = 0;
    for (let source = 0; source < this.#spans.length; source += 1) {
      const span = this.#spans[source] as ValueSpan;
      if (span.empty) continue;
      const value = span.head(this.#sizeBytes, this.#direction);
      if (first !== -1 && sign * values.compare(value, firstValue) >= 0) continue;
      first = source;
      firstValue = value;
    }
    return first;
  }

  /** Drops what older sources have of the same key. */
  #dropOlder({ values }: ReadableTree, newest: number, value: Pointer): void {
    for (let source = newest + 1; source < this.#spans.length; source += 1) {
      const span = this.#spans[source] as ValueSpan;
      if (span.empty || values.compare(span.head(this.#sizeBytes, this.#direction), value) !== 0) continue;
      span.advance(this.#sizeBytes, this.#direction);
    }
  }

  #span(source: number): ValueSpan {
    const span = this.#spans[source];
    assert(span !== undefined, () => `the scan has no source ${source}`);
    return span;
  }

  #onReady(): void {
    this.#reading -= 1;
    if (this.#reading > 0) return;
    const callback = this.#callback;
    assert(callback !== null, "a scan was read that nobody waits for");
    this.#callback = null;
    callback();
  }
}
