/**
 * Building and reading the scans of one query at a time (spec 05 §17).
 *
 * @module
 */
import { assert, type Kernels } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import type { ReadContext } from "../block-reader.ts";
import type { BlockStore } from "../block-store.ts";
import type { Forest } from "../forest.ts";
import type { IndexKind } from "../groove/declaration.ts";
import type { Groove } from "../groove/groove.ts";
import type { KeyPointer } from "../key.ts";
import type { Tree } from "../tree.ts";
import { IntersectionScan, UnionScan } from "./merge-scan.ts";
import { type ScanEnd, type ScanInspector, ScanReader } from "./scan-reader.ts";
import type { Direction, TimestampScan } from "./timestamp-scan.ts";
import { TreeScan, treeScanBlocksMax } from "./tree-scan.ts";

/** Timestamps from `min` to `max`, both inclusive. */
export interface TimestampRange {
  readonly min: bigint;
  readonly max: bigint;
}

/** What a scan is read into. */
export interface ScanInto {
  /** Whose objects are fetched by the timestamps that the scan yields: the scanned groove or another one. */
  readonly groove: Groove;
  /** Where the objects go, one after the other, in scan order. */
  readonly destination: number;
  /** How many objects to take at most. Once so many were taken, the scan is not looked at again. */
  readonly countMax: number;
  /** Only for scans of a single tree. */
  readonly inspect?: ScanInspector;
}

/** What scans are made of. */
export interface ScansOptions {
  readonly config: Config;
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly forest: Forest;
}

const FIELD_LANES: Readonly<Record<Exclude<IndexKind, "unique">, number>> = { void: 0, u64: 2, u128: 4 };

/** Where the field begins in a key, in lanes: behind the timestamp. */
const FIELD_LANE = 2;
const KEY_LANES = 8;
const TIMESTAMP_MAX = (1n << 63n) - 1n;

/** How many blocks scans hold at most, for the size of the grid's pool. */
export function scanBlocksMax(config: Config): number {
  return config.cluster.lsmScansMax * treeScanBlocksMax(config);
}

/** Up to `lsm_scans_max` trees are scanned between two releases. */
export class Scans {
  readonly #forest: Forest;
  readonly #lanes: Uint32Array;
  readonly #view: DataView;
  readonly #pool: readonly TreeScan[];
  readonly #reader: ScanReader;
  /** Scans of the pool that are open, the first so many. */
  #opened = 0;
  /** Scans that were built and are no operand of another; and those of them that are in order of timestamps. */
  readonly #roots = new Set<TimestampScan>();
  readonly #mergeable = new Set<TimestampScan>();
  #snapshot = 0;

  constructor({ config, kernels, store, forest }: ScansOptions) {
    const context: ReadContext = { memory: kernels.memory, store, infos: forest.infos, spill: forest.spill };
    this.#forest = forest;
    this.#lanes = kernels.memory.u32;
    this.#view = kernels.memory.view;
    this.#pool = Array.from(
      { length: config.cluster.lsmScansMax },
      () => new TreeScan(context, config.cluster.lsmLevels),
    );
    this.#reader = new ScanReader(context, config.process.gridIopsReadMax);
  }

  /** Begins the next op: which tables on disk it sees. */
  begin(snapshot: number): void {
    this.release();
    this.#snapshot = snapshot;
  }

  /** The objects whose entry in an index has exactly this value (lanes of the index's kind), by timestamp. */
  prefix(
    groove: Groove,
    index: number,
    values: Uint32Array,
    at: number,
    range: TimestampRange,
    direction: Direction,
  ): TimestampScan {
    const { kind } = indexDeclaration(groove, index);
    assert(kind !== "unique", () => `${groove.declaration.name}: a unique index is scanned`);
    const scan = this.#acquire(range);
    for (let lane = 0; lane < FIELD_LANES[kind]; lane += 1) {
      const part = values[at + lane] as number;
      this.#lanes[(scan.keyMin >>> 2) + FIELD_LANE + lane] = part;
      this.#lanes[(scan.keyMax >>> 2) + FIELD_LANE + lane] = part;
    }
    return this.#merges(this.#open(scan, groove.indexTree(index), direction));
  }

  /** The objects of a groove by timestamp. */
  objects(groove: Groove, range: TimestampRange, direction: Direction): TimestampScan {
    return this.#merges(this.#open(this.#acquire(range), groove.trees.objects, direction));
  }

  /** All entries of an index of a u64 or a u128, ascending by value and then by timestamp. */
  entries(groove: Groove, index: number): TimestampScan {
    const { kind, name } = indexDeclaration(groove, index);
    assert(kind === "u64" || kind === "u128", () => `${name}: entries of a ${kind} index`);
    const scan = this.#acquire({ min: 0n, max: TIMESTAMP_MAX });
    const field = (scan.keyMax >>> 2) + FIELD_LANE;
    this.#lanes.fill(0xffff_ffff, field, field + FIELD_LANES[kind]);
    return this.#open(scan, groove.indexTree(index), "ascending");
  }

  /** The timestamps that at least one operand yields, each once. Operands have the same direction and are used up. */
  union(operands: readonly TimestampScan[]): TimestampScan {
    this.#useUp(operands);
    return this.#merges(new UnionScan(this.#lanes, operands));
  }

  /** The timestamps that all operands yield. Operands have the same direction and are used up. */
  intersection(operands: readonly TimestampScan[]): TimestampScan {
    this.#useUp(operands);
    return this.#merges(new IntersectionScan(this.#lanes, operands));
  }

  /**
   * Reads objects. Goes on where the last reading of the scan ended, if it ended `full`. The callback runs once, never from
   * inside the call, with the count of objects taken.
   */
  read(scan: TimestampScan, into: ScanInto, callback: (count: number, end: ScanEnd) => void): void {
    assert(this.#roots.has(scan), "the scan was released or used up");
    const { groove, destination, countMax, inspect } = into;
    const { objects } = groove.trees;
    // The fact is part of the format, not only needed: it may drop duplicates (spec 05 §7.4).
    this.#forest.sortMutable(objects);
    const reading = { scan, objects, snapshot: this.#snapshot, destination, countMax };
    this.#reader.read(inspect === undefined ? reading : { ...reading, inspect }, callback);
  }

  /** Ends all scans. */
  release(): void {
    for (let number = 0; number < this.#opened; number += 1) this.#pool[number]?.close();
    this.#opened = 0;
    this.#roots.clear();
    this.#mergeable.clear();
  }

  /** Ends all scans after the grid has dropped all reads. */
  reset(): void {
    this.#reader.reset();
    for (let number = 0; number < this.#opened; number += 1) this.#pool[number]?.reset();
    this.#opened = 0;
    this.#roots.clear();
    this.#mergeable.clear();
  }

  /** A scan from the pool with keys of this range, their fields zero. */
  #acquire({ min, max }: TimestampRange): TreeScan {
    const scan = this.#pool[this.#opened];
    assert(scan !== undefined, () => `more than ${this.#pool.length} trees are scanned`);
    assert(min >= 0n && max <= TIMESTAMP_MAX, () => `range ${min} to ${max}`);
    this.#setTimestamp(scan.keyMin, min);
    this.#setTimestamp(scan.keyMax, max);
    return scan;
  }

  #setTimestamp(key: KeyPointer, timestamp: bigint): void {
    this.#lanes.fill(0, key >>> 2, (key >>> 2) + KEY_LANES);
    this.#view.setBigUint64(key, timestamp, true);
  }

  #open(scan: TreeScan, tree: Tree, direction: Direction): TreeScan {
    this.#forest.sortMutable(tree);
    scan.open({ tree, snapshot: this.#snapshot, direction });
    this.#opened += 1;
    this.#roots.add(scan);
    return scan;
  }

  #merges(scan: TimestampScan): TimestampScan {
    this.#roots.add(scan);
    this.#mergeable.add(scan);
    return scan;
  }

  #useUp(operands: readonly TimestampScan[]): void {
    for (const operand of operands) {
      assert(this.#mergeable.delete(operand), "only scans by timestamp can be merged, each once");
      this.#roots.delete(operand);
    }
  }
}

function indexDeclaration(groove: Groove, index: number): { readonly kind: IndexKind; readonly name: string } {
  const declaration = groove.declaration.indexes[index];
  assert(declaration !== undefined, () => `${groove.declaration.name} has no index ${index}`);
  return declaration;
}
