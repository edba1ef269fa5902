/**
 * A scan of one tree: of all that is in memory and of all levels, merged; of each key the newest value, and no tombstones
 * (spec 05 §17.1).
 *
 * @module
 */
import { assert, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import { copyKey, type KeyPointer } from "../key.ts";
import type { LookupContext } from "../lookup/point-lookup.ts";
import type { MemoryTable } from "../memory-table/memory-table.ts";
import type { Tree } from "../tree.ts";
import { LevelSource } from "./level-source.ts";
import type { Direction, ScanState, Timestamp, TimestampScan } from "./timestamp-scan.ts";

/** Blocks that a scan of one tree holds at most: an index block and a value block a level. */
export function treeScanBlocksMax(levels: number): number {
  return 2 * levels;
}

/** Values in memory: from begin to before end. */
interface MemorySource {
  begin: Pointer;
  end: Pointer;
}

/** One scan at a time; allocated once and used again and again. */
export class TreeScan implements TimestampScan {
  readonly #context: LookupContext;
  /** The newest first: of equal keys, the first source's value counts. */
  readonly #memorySources: MemorySource[] = [];
  readonly #levelSources: readonly LevelSource[];
  readonly #keyMin: KeyPointer;
  readonly #keyMax: KeyPointer;
  readonly #probeKey: KeyPointer;
  #tree: Tree | null = null;
  #direction: Direction = "ascending";
  #value: Pointer = 0;
  #loading = 0;

  constructor(context: LookupContext, levels: number) {
    this.#context = context;
    this.#levelSources = Array.from({ length: levels }, () => new LevelSource(context));
    this.#keyMin = context.memory.allocate(3 * keySlotSizeBytes, 16, "scans");
    this.#keyMax = this.#keyMin + keySlotSizeBytes;
    this.#probeKey = this.#keyMax + keySlotSizeBytes;
  }

  get direction(): Direction {
    return this.#direction;
  }

  get tree(): Tree {
    assert(this.#tree !== null, "the scan is not open");
    return this.#tree;
  }

  /**
   * Begins a scan of all keys from `keyMin` to `keyMax`, which are copied. The mutable table must be sorted, and not change
   * before the scan is closed.
   */
  open(tree: Tree, snapshot: number, keyMin: KeyPointer, keyMax: KeyPointer, direction: Direction): void {
    assert(this.#tree === null, "the scan is in use");
    const { mutable, immutable, snapshotMin } = tree.memory;
    assert(mutable.sorted, () => `${tree.schema.name}: the mutable table is not sorted`);
    const { u32 } = this.#context.memory;
    copyKey(u32, this.#keyMin, keyMin);
    copyKey(u32, this.#keyMax, keyMax);
    this.#tree = tree;
    this.#direction = direction;
    this.#value = 0;
    this.#addRuns(tree, mutable);
    if (snapshot >= snapshotMin) this.#addRuns(tree, immutable);
    for (const [level, source] of this.#levelSources.entries()) {
      source.open(tree, level, keyMin, keyMax, direction);
    }
  }

  close(): void {
    assert(this.#loading === 0, "the scan is loading");
    if (this.#tree === null) return;
    for (const source of this.#levelSources) source.close();
    this.#memorySources.length = 0;
    this.#tree = null;
  }

  /** Drops everything: its reads were cancelled by the grid. */
  reset(): void {
    this.#loading = 0;
    for (const source of this.#levelSources) source.reset();
    this.#memorySources.length = 0;
    this.#tree = null;
  }

  state(): ScanState {
    if (this.#value !== 0) return "value";
    for (;;) {
      if (this.#levelSources.some((source) => source.state() === "pending")) return "pending";
      const value = this.#newest();
      if (value === 0) return "end";
      if (!this.#skipped(value)) {
        this.#value = value;
        return "value";
      }
      this.#takeKey(value);
    }
  }

  /** The value: an object or an index entry. Good until the scan goes on. */
  get value(): Pointer {
    assert(this.#value !== 0, "the scan has no value");
    return this.#value;
  }

  get high(): number {
    return this.#timestampLane(1);
  }

  get low(): number {
    return this.#timestampLane(0);
  }

  take(): void {
    this.#takeKey(this.value);
    this.#value = 0;
  }

  probe({ high, low }: Timestamp): void {
    if (this.#value !== 0 && !this.#before(this.high, this.low, high, low)) return;
    const { memory } = this.#context;
    const { values } = this.tree;
    // Prefix and object scans: only the timestamp differs between the bounds, and it is the key's lowest word.
    copyKey(memory.u32, this.#probeKey, this.#direction === "ascending" ? this.#keyMin : this.#keyMax);
    const at = this.#probeKey >>> 2;
    const beyond = this.#before(memory.u32[at + 1] as number, memory.u32[at] as number, high, low);
    if (!beyond) return;
    memory.u32[at] = low;
    memory.u32[at + 1] = high;
    const size = this.tree.schema.layout.sizeBytes;
    for (const source of this.#memorySources) {
      const count = (source.end - source.begin) / size;
      if (this.#direction === "ascending")
        source.begin += values.lowerBound(source.begin, count, this.#probeKey) * size;
      else source.end = source.begin + values.upperBound(source.begin, count, this.#probeKey) * size;
    }
    for (const source of this.#levelSources) source.probe(this.#probeKey);
    this.#value = 0;
  }

  load(callback: () => void): void {
    assert(this.#loading === 0, "the scan is loading");
    const pending = this.#levelSources.filter((source) => source.state() === "pending");
    assert(pending.length > 0, "the scan does not wait for blocks");
    this.#loading = pending.length;
    for (const source of pending) {
      source.load(() => {
        this.#loading -= 1;
        if (this.#loading === 0) this.#context.store.nextTick(callback);
      });
    }
  }

  /** Whether one timestamp comes before another in the scan's direction. */
  #before(high: number, low: number, otherHigh: number, otherLow: number): boolean {
    const order = high - otherHigh || low - otherLow;
    return this.#direction === "ascending" ? order < 0 : order > 0;
  }

  /** Each run is a source of its own, the newest first: the newest value of a key decides, whatever is below it. */
  #addRuns(tree: Tree, table: MemoryTable): void {
    const size = tree.schema.layout.sizeBytes;
    for (const run of table.runs().toReversed()) {
      const count = (run.end - run.begin) / size;
      const begin = run.begin + tree.values.lowerBound(run.begin, count, this.#keyMin) * size;
      const end = run.begin + tree.values.upperBound(run.begin, count, this.#keyMax) * size;
      if (begin < end) this.#memorySources.push({ begin, end });
    }
  }

  /** The next value of all sources: of equal keys, the newest source's. */
  #newest(): Pointer {
    const { values, schema } = this.tree;
    const ascending = this.#direction === "ascending";
    let newest: Pointer = 0;
    const consider = (value: Pointer): void => {
      if (newest === 0) {
        newest = value;
        return;
      }
      const order = values.compare(value, newest);
      if (ascending ? order < 0 : order > 0) newest = value;
    };
    for (const { begin, end } of this.#memorySources) {
      if (begin < end) consider(ascending ? begin : end - schema.layout.sizeBytes);
    }
    for (const source of this.#levelSources) if (source.state() === "value") consider(source.value);
    return newest;
  }

  /** Goes past all values that have the key of this one. */
  #takeKey(value: Pointer): void {
    const { values, schema } = this.tree;
    const size = schema.layout.sizeBytes;
    const ascending = this.#direction === "ascending";
    values.writeKey(value, this.#probeKey);
    for (const source of this.#memorySources) {
      if (source.begin === source.end) continue;
      const next = ascending ? source.begin : source.end - size;
      if (values.find(next, 1, this.#probeKey) === 0) continue;
      if (ascending) source.begin += size;
      else source.end -= size;
    }
    for (const source of this.#levelSources) {
      if (source.state() === "value" && values.find(source.value, 1, this.#probeKey) !== 0) source.take();
    }
  }

  /** Tombstones, and burnt ids. */
  #skipped(value: Pointer): boolean {
    const { u32 } = this.#context.memory;
    const at = (value + this.tree.schema.layout.timestampOffset) >>> 2;
    const high = u32[at + 1] as number;
    return high >= 0x8000_0000 || (high === 0 && u32[at] === 0);
  }

  #timestampLane(lane: 0 | 1): number {
    const at = (this.value + this.tree.schema.layout.timestampOffset) >>> 2;
    return this.#context.memory.u32[at + lane] as number;
  }
}
