/**
 * The scans of one op: built, merged, read and released together (spec 05 §17).
 *
 * @module
 */
import { assert, type Kernels, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import type { Forest } from "../forest.ts";
import type { Groove } from "../groove/groove.ts";
import { type KeyPointer } from "../key.ts";
import type { LookupContext } from "../lookup/point-lookup.ts";
import type { Tree } from "../tree.ts";
import { IntersectionScan, UnionScan } from "./merge-scans.ts";
import { type ScanEnd, type ScanInspector, ScanReader } from "./scan-reader.ts";
import type { Direction, TimestampScan } from "./timestamp-scan.ts";
import { TreeScan } from "./tree-scan.ts";

/** Timestamps from `min` to `max`, both inclusive. */
export interface TimestampRange {
  readonly min: bigint;
  readonly max: bigint;
}

/** What a scan is read into. */
export interface ScanRead {
  /** Whose objects are fetched by the timestamps that the scan yields: the scanned groove or another one. */
  readonly groove: Groove;
  /** Where the objects go, one after the other, in scan order. */
  readonly destination: Pointer;
  /** How many objects to take at most. Once so many were taken, the scan is not looked at again. */
  readonly countMax: number;
  /** Only for scans of a single tree. */
  readonly inspect?: ScanInspector;
}

/** What scans are made of. */
export interface ScansOptions extends LookupContext {
  readonly kernels: Kernels;
  readonly forest: Forest;
  /** Trees that are scanned at a time: `lsm_scans_max`. */
  readonly scansMax: number;
  readonly levels: number;
  /** Objects that are fetched at a time: `grid_iops_read_max`. */
  readonly lookupsMax: number;
}

const TIMESTAMP_MAX = (1n << 63n) - 1n;

/** Builds and reads scans, during prefetch only. At most `scansMax` trees are scanned between two releases. */
export class Scans {
  readonly #options: ScansOptions;
  readonly #treeScans: readonly TreeScan[];
  readonly #reader: ScanReader;
  readonly #keyMin: KeyPointer;
  readonly #keyMax: KeyPointer;
  #used = 0;
  /** Scans that are an operand of no other. */
  readonly #roots = new Set<TimestampScan>();
  #snapshot = 0;

  constructor(options: ScansOptions) {
    this.#options = options;
    this.#treeScans = Array.from({ length: options.scansMax }, () => new TreeScan(options, options.levels));
    this.#reader = new ScanReader(options, options.lookupsMax);
    this.#keyMin = options.memory.allocate(2 * keySlotSizeBytes, 16, "scans");
    this.#keyMax = this.#keyMin + keySlotSizeBytes;
  }

  /** Begins the prefetch of the next op. */
  begin(snapshot: number): void {
    assert(this.#used === 0, () => `${this.#used} scans of the op before were not released`);
    this.#snapshot = snapshot;
  }

  /** The objects whose entry in `index` has exactly this value (lanes of the index's kind), by timestamp. */
  prefix(
    groove: Groove,
    index: number,
    values: Uint32Array,
    at: number,
    range: TimestampRange,
    direction: Direction,
  ): TimestampScan {
    const entries = groove.trees.indexes[index];
    assert(entries !== undefined, () => `${groove.declaration.name} has no index ${index}`);
    const { kind } = entries.declaration;
    assert(kind !== "unique", () => `${entries.tree.schema.name} is no index with timestamps`);
    const lanes = { u64: 2, u128: 4, void: 0 }[kind];
    this.#setKeys(range);
    const { u32 } = this.#options.memory;
    for (let lane = 0; lane < lanes; lane += 1) {
      const value = values[at + lane] as number;
      u32[(this.#keyMin >>> 2) + 2 + lane] = value;
      u32[(this.#keyMax >>> 2) + 2 + lane] = value;
    }
    return this.#open(entries.tree, direction);
  }

  /** The objects of a groove by timestamp. */
  objects(groove: Groove, range: TimestampRange, direction: Direction): TimestampScan {
    this.#setKeys(range);
    return this.#open(groove.trees.objects, direction);
  }

  /** All entries of an index that is not `void` or `unique`, ascending by value and then by timestamp. */
  entries(groove: Groove, index: number): TimestampScan {
    const entries = groove.trees.indexes[index];
    assert(entries !== undefined, () => `${groove.declaration.name} has no index ${index}`);
    const { kind } = entries.declaration;
    assert(kind === "u64" || kind === "u128", () => `${entries.tree.schema.name} has no values`);
    this.#setKeys({ min: 0n, max: TIMESTAMP_MAX });
    const begin = (this.#keyMax >>> 2) + 2;
    this.#options.memory.u32.fill(0xffff_ffff, begin, begin + (kind === "u64" ? 2 : 4));
    return this.#open(entries.tree, "ascending");
  }

  /** The timestamps that at least one operand yields, each once. Operands have the same direction and are used up. */
  union(operands: readonly TimestampScan[]): TimestampScan {
    return this.#merge(operands, (all) => new UnionScan(all));
  }

  /** The timestamps that all operands yield. Operands have the same direction and are used up. */
  intersection(operands: readonly TimestampScan[]): TimestampScan {
    return this.#merge(operands, (all) => new IntersectionScan(all));
  }

  /** Reads objects. The callback runs once, never from inside the call, with the count of objects taken. */
  read(scan: TimestampScan, into: ScanRead, callback: (count: number, end: ScanEnd) => void): void {
    assert(this.#roots.has(scan), "the scan is an operand of another, or was released");
    const { objects } = into.groove.trees;
    this.#options.forest.sortMutable(objects);
    const inspect = into.inspect ?? null;
    assert(inspect === null || scan instanceof TreeScan, "only scans of a single tree are inspected");
    this.#reader.start(
      { scan, objects, snapshot: this.#snapshot, destination: into.destination, countMax: into.countMax, inspect },
      callback,
    );
  }

  /** Ends all scans. */
  release(): void {
    assert(!this.#reader.busy, "a scan is being read");
    for (const scan of this.#treeScans) scan.close();
    this.#roots.clear();
    this.#used = 0;
  }

  /** Drops everything: reads under way were cancelled by the grid. */
  reset(): void {
    this.#reader.reset();
    for (const scan of this.#treeScans) scan.reset();
    this.#roots.clear();
    this.#used = 0;
  }

  #merge(
    operands: readonly TimestampScan[],
    create: (operands: readonly TimestampScan[]) => TimestampScan,
  ): TimestampScan {
    const [first] = operands;
    assert(first !== undefined, "no scans are merged");
    for (const operand of operands) {
      assert(this.#roots.delete(operand), "a scan is an operand twice, or was released");
    }
    const merged = operands.length === 1 ? first : create(operands);
    this.#roots.add(merged);
    return merged;
  }

  #open(tree: Tree, direction: Direction): TimestampScan {
    const scan = this.#treeScans[this.#used];
    assert(scan !== undefined, () => `more than ${this.#used} trees are scanned at a time`);
    this.#used += 1;
    this.#options.forest.sortMutable(tree);
    scan.open(tree, this.#snapshot, this.#keyMin, this.#keyMax, direction);
    this.#roots.add(scan);
    return scan;
  }

  /** The bounds for a range of timestamps alone. */
  #setKeys({ min, max }: TimestampRange): void {
    assert(min >= 0n && min <= max && max <= TIMESTAMP_MAX, () => `timestamps from ${min} to ${max}`);
    const { bytes, view } = this.#options.memory;
    bytes.fill(0, this.#keyMin, this.#keyMin + 2 * keySlotSizeBytes);
    view.setBigUint64(this.#keyMin, min, true);
    view.setBigUint64(this.#keyMax, max, true);
  }
}
