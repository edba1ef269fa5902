/**
 * Reads the objects that a scan yields the timestamps of (spec 05 §17.4).
 *
 * Objects are fetched several at a time; each goes to its place, whatever the order in which they come.
 *
 * @module
 */
import { assert, type Kernels, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import type { KeyPointer } from "../key.ts";
import { type LookupContext, PointLookup } from "../lookup/point-lookup.ts";
import type { Tree } from "../tree.ts";
import type { TimestampScan } from "./timestamp-scan.ts";
import { TreeScan } from "./tree-scan.ts";

/**
 * Looks at the next value of a scan before it is taken: `take` it, `skip` it, or `stop` the scan here. The value begins at
 * `lanes[at]`: an object, or an index entry.
 */
export type ScanInspector = (lanes: Uint32Array, at: number) => "take" | "skip" | "stop";

/** Why reading a scan ended: as many objects were taken as there is room for, or there is nothing more to take. */
export type ScanEnd = "full" | "finished";

/** What is read and where to. */
export interface ScanReadOptions {
  readonly scan: TimestampScan;
  /** The tree that has the objects; its mutable table is sorted. */
  readonly objects: Tree;
  readonly snapshot: number;
  readonly destination: Pointer;
  readonly countMax: number;
  readonly inspect: ScanInspector | null;
}

/** A lookup, and the slot that holds its key. */
interface Worker {
  readonly lookup: PointLookup;
  readonly key: KeyPointer;
}

/** One read at a time. */
export class ScanReader {
  readonly #context: LookupContext & { readonly kernels: Kernels };
  readonly #workers: readonly Worker[];
  readonly #workersFree: Worker[];
  #options: ScanReadOptions | null = null;
  #callback: ((count: number, end: ScanEnd) => void) | null = null;
  #count = 0;
  #end: ScanEnd | null = null;
  #loading = false;
  #advancing = false;

  constructor(context: LookupContext & { readonly kernels: Kernels }, lookupsMax: number) {
    this.#context = context;
    this.#workers = Array.from({ length: lookupsMax }, () => ({
      lookup: new PointLookup(context),
      key: context.memory.allocate(keySlotSizeBytes, 16, "scans"),
    }));
    this.#workersFree = [...this.#workers];
  }

  /** Whether a scan is being read. */
  get busy(): boolean {
    return this.#callback !== null;
  }

  start(options: ScanReadOptions, callback: (count: number, end: ScanEnd) => void): void {
    assert(!this.busy, "a scan is being read");
    this.#options = options;
    this.#callback = callback;
    this.#count = 0;
    this.#end = null;
    this.#advance();
  }

  /** Drops everything: reads under way were cancelled by the grid. */
  reset(): void {
    for (const worker of this.#workers) worker.lookup.reset();
    this.#workersFree.splice(0, Infinity, ...this.#workers);
    this.#callback = null;
    this.#options = null;
    this.#loading = false;
    this.#advancing = false;
  }

  #advance(): void {
    // An object that is found at once comes back here: the loop below goes on.
    if (this.#advancing || this.#loading) return;
    this.#advancing = true;
    while (this.#end === null && !this.#loading && this.#workersFree.length > 0) this.#next();
    this.#advancing = false;
    if (this.#end !== null && this.#workersFree.length === this.#workers.length) {
      this.#context.store.nextTick(() => this.#finish());
    }
  }

  #next(): void {
    const { scan, countMax, inspect } = this.#read();
    if (this.#count === countMax) {
      this.#end = "full";
      return;
    }
    const state = scan.state();
    if (state === "end") {
      this.#end = "finished";
      return;
    }
    if (state === "pending") {
      this.#loading = true;
      scan.load(() => {
        this.#loading = false;
        this.#advance();
      });
      return;
    }
    const verdict = inspect === null ? "take" : this.#inspect(inspect, scan);
    if (verdict === "stop") {
      this.#end = "finished";
      return;
    }
    if (verdict === "take") this.#fetch(scan);
    scan.take();
  }

  #inspect(inspect: ScanInspector, scan: TimestampScan): "take" | "skip" | "stop" {
    assert(scan instanceof TreeScan, "only scans of a single tree are inspected");
    return inspect(this.#context.memory.u32, scan.value >>> 2);
  }

  /** Copies the object of the scan's timestamp to the next place. */
  #fetch(scan: TimestampScan): void {
    const { objects, snapshot, destination } = this.#read();
    const { u32 } = this.#context.memory;
    const place = destination + this.#count * objects.schema.layout.sizeBytes;
    this.#count += 1;
    if (scan instanceof TreeScan && scan.tree === objects) {
      this.#copy(place, scan.value);
      return;
    }
    const worker = this.#workersFree.pop();
    assert(worker !== undefined, "a worker is free");
    const key = worker.key >>> 2;
    u32[key] = scan.low;
    u32[key + 1] = scan.high;
    const inMemory = objects.memory.mutable.find(worker.key);
    const onFound = (value: Pointer): void => {
      this.#copy(place, value);
      this.#workersFree.push(worker);
      this.#advance();
    };
    if (inMemory !== 0) onFound(inMemory);
    else worker.lookup.start(objects, snapshot, worker.key, onFound);
  }

  #copy(place: Pointer, value: Pointer): void {
    const { layout, name } = this.#read().objects.schema;
    const { u32 } = this.#context.memory;
    assert(value !== 0, () => `${name}: an index has an entry without its object`);
    const timestamp = u32[(value + layout.timestampOffset + 4) >>> 2] as number;
    assert(timestamp < 0x8000_0000, () => `${name}: an index has an entry of a removed object`);
    u32.copyWithin(place >>> 2, value >>> 2, (value + layout.sizeBytes) >>> 2);
  }

  #finish(): void {
    const callback = this.#callback;
    const end = this.#end;
    assert(callback !== null && end !== null, "no scan is being read");
    this.#callback = null;
    this.#options = null;
    callback(this.#count, end);
  }

  #read(): ScanReadOptions {
    assert(this.#options !== null, "no scan is being read");
    return this.#options;
  }
}
