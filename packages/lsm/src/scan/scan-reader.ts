/**
 * Reading a scan: the objects with the timestamps that it yields, in its order (spec 05 §17.4).
 *
 * Objects that memory does not have are read by several lookups at once, while the scan goes on. Each knows its place in the
 * results.
 *
 * @module
 */
import { assert, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import type { ReadableTree, ReadContext } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import { ABSENT, NEEDS_READ, TreeLookup } from "../lookup/tree-lookup.ts";
import { isTombstone } from "../value.ts";
import type { TimestampScan } from "./timestamp-scan.ts";
import { TreeScan } from "./tree-scan.ts";

/**
 * Looks at the next value of a scan before it is taken: `take` it, `skip` it, or `stop` the scan here.
 *
 * The value begins at `lanes[at]`: an object, or an index entry (value, then timestamp).
 */
export type ScanInspector = (lanes: Uint32Array, at: number) => "take" | "skip" | "stop";

/** Why reading a scan ended: as many objects were taken as there is room for, or there is nothing more to take. */
export type ScanEnd = "full" | "finished";

/** What is read. */
export interface ScanReading {
  readonly scan: TimestampScan;
  /** Where the objects are. If it is the very tree that is scanned, its values are taken as they come. */
  readonly objects: ReadableTree;
  readonly snapshot: number;
  readonly destination: Pointer;
  readonly countMax: number;
  /** Only for scans of a single tree. */
  readonly inspect?: ScanInspector;
}

interface Worker {
  readonly lookup: TreeLookup;
  readonly key: KeyPointer;
  destination: Pointer;
}

/** One reading at a time, again and again. */
export class ScanReader {
  readonly #context: ReadContext;
  readonly #workers: readonly Worker[];
  readonly #idle: Worker[];
  #reading: ScanReading | null = null;
  #callback: ((count: number, end: ScanEnd) => void) | null = null;
  #count = 0;
  #end: ScanEnd | null = null;
  #scanReads = false;

  /** @param lookupsMax how many objects are read at once. */
  constructor(context: ReadContext, lookupsMax: number) {
    this.#context = context;
    this.#workers = Array.from({ length: lookupsMax }, () => {
      const key = context.memory.allocate(keySlotSizeBytes, 16, "scans");
      const worker: Worker = {
        lookup: new TreeLookup(context, (value) => this.#onFound(worker, value)),
        key,
        destination: 0,
      };
      return worker;
    });
    this.#idle = [...this.#workers];
  }

  /** Takes objects until there are enough or no more. The callback runs once, never from inside the call. */
  read(reading: ScanReading, callback: (count: number, end: ScanEnd) => void): void {
    assert(this.#reading === null, "two scans are read at once");
    assert(reading.inspect === undefined || reading.scan instanceof TreeScan, "a merged scan is inspected");
    this.#reading = reading;
    this.#callback = callback;
    this.#count = 0;
    this.#end = null;
    this.#context.store.nextTick(() => this.#pump());
  }

  /** Forgets what is being read. The grid has dropped all reads. */
  reset(): void {
    for (const { lookup } of this.#workers) lookup.reset();
    this.#idle.length = 0;
    this.#idle.push(...this.#workers);
    this.#reading = null;
    this.#callback = null;
    this.#scanReads = false;
  }

  /** Goes on until a block is missing that nothing can go on without. */
  #pump(): void {
    const reading = this.#reading;
    assert(reading !== null, "nothing is being read");
    const { scan, countMax } = reading;
    while (this.#end === null && this.#idle.length > 0) {
      if (this.#count === countMax) {
        this.#end = "full";
        break;
      }
      const state = scan.settle();
      if (state === "needsRead") {
        this.#readScan(scan);
        return;
      }
      const verdict = state === "finished" ? "stop" : this.#inspect(reading);
      if (verdict === "stop") {
        this.#end = "finished";
        break;
      }
      if (verdict === "take") this.#take(reading);
      scan.advance();
    }
    if (this.#end !== null && this.#idle.length === this.#workers.length) this.#finish(this.#end);
  }

  #readScan(scan: TimestampScan): void {
    this.#scanReads = true;
    scan.read(() => {
      this.#scanReads = false;
      this.#pump();
    });
  }

  #inspect({ scan, inspect }: ScanReading): "take" | "skip" | "stop" {
    if (inspect === undefined || !(scan instanceof TreeScan)) return "take";
    return inspect(this.#context.memory.u32, scan.value >>> 2);
  }

  #take({ scan, objects, snapshot, destination }: ScanReading): void {
    const target = destination + this.#count * objects.schema.layout.sizeBytes;
    this.#count += 1;
    if (scan instanceof TreeScan && scan.tree === objects) {
      this.#copy(objects, target, scan.value);
      return;
    }
    const worker = this.#idle.pop();
    assert(worker !== undefined, "no lookup is idle");
    const { u32 } = this.#context.memory;
    u32.copyWithin(worker.key >>> 2, scan.timestampLane, scan.timestampLane + 2);
    worker.destination = target;
    const newest = objects.memory.mutable.find(worker.key);
    const value = newest === 0 ? worker.lookup.begin(objects, snapshot, worker.key) : newest;
    if (value === NEEDS_READ) {
      worker.lookup.read();
      return;
    }
    this.#put(objects, worker, value);
  }

  #onFound(worker: Worker, value: Pointer): void {
    assert(this.#reading !== null, "an object arrives that nobody waits for");
    this.#put(this.#reading.objects, worker, value);
    if (!this.#scanReads) this.#pump();
  }

  #put(objects: ReadableTree, worker: Worker, value: Pointer): void {
    assert(
      value !== ABSENT && !isTombstone(this.#context.memory.u32, objects.schema.layout, value),
      () => `${objects.schema.name}: a scan names an object that does not exist`,
    );
    this.#copy(objects, worker.destination, value);
    this.#idle.push(worker);
  }

  #copy({ schema }: ReadableTree, target: Pointer, source: Pointer): void {
    this.#context.memory.u32.copyWithin(target >>> 2, source >>> 2, (source + schema.layout.sizeBytes) >>> 2);
  }

  #finish(end: ScanEnd): void {
    const callback = this.#callback;
    assert(callback !== null, "nobody waits for the scan");
    this.#reading = null;
    this.#callback = null;
    callback(this.#count, end);
  }
}
