/**
 * Brings the objects that an op will ask for into the cache, before it executes (spec 05 §16.3).
 *
 * @module
 */
import {
  absent,
  assert,
  type HashIndex,
  IdIndex,
  type Kernels,
  keySlotSizeBytes,
  type Pointer,
  U64Index,
} from "@stagbeetle/kernels";
import type { Forest } from "../forest.ts";
import type { KeyPointer } from "../key.ts";
import type { ObjectCache } from "../object-cache/object-cache.ts";
import type { Tree } from "../tree.ts";
import { type LookupContext, PointLookup } from "./point-lookup.ts";

/** What a prefetch is made of. */
export interface PrefetchOptions extends LookupContext {
  readonly kernels: Kernels;
  readonly forest: Forest;
  readonly name: string;
  readonly cache: ObjectCache;
  readonly objects: Tree;
  /** The unique index that has the primary keys; none if that is the timestamp. */
  readonly primary: Tree | null;
  /** Where the primary key and the timestamp are in an object. */
  readonly keyOffset: number;
  readonly timestampOffset: number;
  /** Keys that one op asks for at most, of each kind. */
  readonly keysMax: number;
  /** Lookups at a time. */
  readonly workersMax: number;
}

/** The timestamp's offset in a value of a unique index. */
const UNIQUE_TIMESTAMP_OFFSET = 16;

/** What is known of a timestamp that was asked for. Anything else is the object, as an index of its place. */
const UNKNOWN = 0;
const NOTHING = 1;

/** A key that needs I/O, or at least a search of tables. */
interface Wanted {
  readonly kind: "primary" | "timestamp";
  /** Its number among those of its kind. */
  readonly number: number;
}

/** A lookup and the slot that holds its key. */
interface Worker {
  readonly lookup: PointLookup;
  readonly key: KeyPointer;
  wanted: Wanted | null;
}

/** The prefetch of one groove. */
export class Prefetch {
  readonly #options: PrefetchOptions;
  /** Keys of this op, each once: 32 bytes a key, and one place behind them for a key that is only looked at. */
  readonly #primaryKeys: Pointer;
  readonly #primaryIndex: HashIndex;
  readonly #timestamps: Pointer;
  readonly #timestampIndex: U64Index;
  /** For each timestamp: UNKNOWN, NOTHING, or where its object is. */
  readonly #timestampObjects: Uint32Array;
  #primaryCount = 0;
  #timestampCount = 0;
  readonly #wanted: Wanted[] = [];
  #wantedNext = 0;
  readonly #workersFree: Worker[];
  readonly #workers: readonly Worker[];
  #starting = false;
  #snapshot = 0;
  #callback: (() => void) | null = null;

  constructor(options: PrefetchOptions) {
    const { kernels, name, keysMax, workersMax, primary } = options;
    const { memory } = kernels;
    const label = `${name} prefetch`;
    this.#options = options;
    this.#primaryKeys = memory.allocate((keysMax + 1) * keySlotSizeBytes, 16, label);
    const indexOptions = { capacity: keysMax, label };
    this.#primaryIndex = primary === null ? new U64Index(kernels, indexOptions) : new IdIndex(kernels, indexOptions);
    this.#timestamps = memory.allocate((keysMax + 1) * keySlotSizeBytes, 16, label);
    this.#timestampIndex = new U64Index(kernels, indexOptions);
    this.#timestampObjects = new Uint32Array(keysMax);
    this.#workers = Array.from({ length: workersMax }, () => ({
      lookup: new PointLookup(options),
      key: memory.allocate(keySlotSizeBytes, 16, label),
      wanted: null,
    }));
    this.#workersFree = [...this.#workers];
  }

  /** Forgets the keys of the op before. */
  begin(snapshot: number): void {
    assert(this.#callback === null, () => `${this.#options.name}: a prefetch is under way`);
    this.#snapshot = snapshot;
    if (this.#primaryCount > 0) this.#primaryIndex.clear();
    if (this.#timestampCount > 0) this.#timestampIndex.clear();
    this.#primaryCount = 0;
    this.#timestampCount = 0;
    this.#wanted.length = 0;
    this.#wantedNext = 0;
  }

  /** Asks for a primary key: `keyLanes` lanes at `keys[at]`. */
  enqueue(keys: Uint32Array, at: number): void {
    const { primary, objects, cache } = this.#options;
    const lanes = primary === null ? 2 : 4;
    const key = this.#writeKey(this.#primaryKeys, this.#primaryCount, keys, at, lanes);
    if (!this.#isKey(key, primary === null)) return;
    if (cache.get(key) !== 0) return;
    if (!(primary ?? objects).keyRange.contains(key)) return;
    if (this.#primaryIndex.insert(key, this.#primaryCount) !== absent) return;
    this.#wanted.push({ kind: "primary", number: this.#primaryCount });
    this.#primaryCount += 1;
  }

  /** Asks for a timestamp, in a groove whose primary key is another. The first time, the mutable table is sorted. */
  enqueueTimestamp(timestamps: Uint32Array, at: number): void {
    const { primary, objects, forest } = this.#options;
    assert(primary !== null, () => `${this.#options.name}: the timestamp is the primary key`);
    const key = this.#writeKey(this.#timestamps, this.#timestampCount, timestamps, at, 2);
    if (!this.#isKey(key, true)) return;
    const number = this.#timestampCount;
    if (this.#timestampIndex.insert(key, number) !== absent) return;
    this.#timestampCount += 1;
    this.#timestampObjects[number] = NOTHING;
    if (!objects.keyRange.contains(key)) return;
    forest.sortMutable(objects);
    const value = objects.memory.mutable.find(key);
    if (value === 0) {
      this.#timestampObjects[number] = UNKNOWN;
      this.#wanted.push({ kind: "timestamp", number });
    } else if (!this.#isTombstone(objects, value)) {
      // Whatever the mutable table has is in the cache.
      this.#timestampObjects[number] = this.#cached(value);
    }
  }

  /** Loads what was asked for. The callback never runs from inside the call. */
  run(callback: () => void): void {
    assert(this.#callback === null, () => `${this.#options.name}: a prefetch is under way`);
    this.#callback = callback;
    this.#startWorkers();
  }

  /** The object with a timestamp that was asked for, or 0. */
  objectAt(timestamps: Uint32Array, at: number): Pointer {
    const key = this.#writeKey(this.#timestamps, this.#timestampCount, timestamps, at, 2);
    if (!this.#isKey(key, true)) return 0;
    const number = this.#timestampIndex.get(key);
    assert(number !== absent, () => `${this.#options.name}: a timestamp that was not prefetched`);
    const object = this.#timestampObjects[number] as number;
    assert(object !== UNKNOWN, () => `${this.#options.name}: a timestamp is looked up before it is there`);
    return object === NOTHING ? 0 : object;
  }

  /** Forgets everything: reads under way were cancelled by the grid. */
  reset(): void {
    this.#callback = null;
    for (const worker of this.#workers) worker.lookup.reset();
    this.#workersFree.splice(0, Infinity, ...this.#workers);
    this.begin(0);
  }

  get #idle(): boolean {
    return this.#wantedNext === this.#wanted.length && this.#workersFree.length === this.#workers.length;
  }

  #startWorkers(): void {
    // A lookup that ends at once comes back here: the loop below goes on.
    if (this.#starting) return;
    this.#starting = true;
    while (this.#wantedNext < this.#wanted.length) {
      const worker = this.#workersFree.pop();
      if (worker === undefined) break;
      const wanted = this.#wanted[this.#wantedNext];
      assert(wanted !== undefined, "a key is wanted");
      this.#wantedNext += 1;
      worker.wanted = wanted;
      if (wanted.kind === "primary" && this.#options.primary !== null) this.#lookupPrimary(worker, wanted);
      else this.#lookupObject(worker, this.#keyOf(wanted));
    }
    this.#starting = false;
    if (this.#idle) this.#options.store.nextTick(() => this.#finish());
  }

  #lookupPrimary(worker: Worker, wanted: Wanted): void {
    const { primary, memory } = this.#options;
    assert(primary !== null, "there is an index of primary keys");
    worker.lookup.start(primary, this.#snapshot, this.#keyOf(wanted), (value) => {
      if (value === 0 || this.#isTombstone(primary, value)) {
        this.#done(worker);
        return;
      }
      const timestamp = (value + UNIQUE_TIMESTAMP_OFFSET) >>> 2;
      if (memory.u32[timestamp] === 0 && memory.u32[timestamp + 1] === 0) {
        this.#addOrphan(value);
        this.#done(worker);
        return;
      }
      memory.u32.fill(0, worker.key >>> 2, (worker.key + keySlotSizeBytes) >>> 2);
      memory.u32.copyWithin(worker.key >>> 2, timestamp, timestamp + 2);
      this.#lookupObject(worker, worker.key);
    });
  }

  #lookupObject(worker: Worker, timestamp: KeyPointer): void {
    const { objects, cache } = this.#options;
    worker.lookup.start(objects, this.#snapshot, timestamp, (value) => {
      const exists = value !== 0 && !this.#isTombstone(objects, value);
      const object = exists ? cache.add(value) : 0;
      if (worker.wanted?.kind === "timestamp") {
        this.#timestampObjects[worker.wanted.number] = exists ? object : NOTHING;
      } else {
        assert(exists || this.#options.primary === null, () => `${this.#options.name}: an id without its object`);
      }
      this.#done(worker);
    });
  }

  #done(worker: Worker): void {
    worker.wanted = null;
    this.#workersFree.push(worker);
    this.#startWorkers();
  }

  #finish(): void {
    const callback = this.#callback;
    assert(callback !== null && this.#idle, () => `${this.#options.name}: the prefetch is not done`);
    this.#callback = null;
    callback();
  }

  /** A burnt id is an object of nothing but its id. */
  #addOrphan(value: Pointer): void {
    const { cache, memory, objects, keyOffset } = this.#options;
    const slot = cache.slot();
    const at = slot >>> 2;
    memory.u32.fill(0, at, at + objects.schema.layout.sizeBytes / 4);
    memory.u32.copyWithin(at + keyOffset / 4, value >>> 2, (value >>> 2) + 4);
    cache.insert();
  }

  #cached(value: Pointer): Pointer {
    const object = this.#options.cache.get(value + this.#options.keyOffset);
    assert(object !== 0, () => `${this.#options.name}: an object of the mutable table is not cached`);
    return object;
  }

  #isTombstone(tree: Tree, value: Pointer): boolean {
    const { timestampOffset } = tree.schema.layout;
    return ((this.#options.memory.u32[(value + timestampOffset + 4) >>> 2] as number) & 0x8000_0000) !== 0;
  }

  #keyOf({ kind, number }: Wanted): KeyPointer {
    return (kind === "primary" ? this.#primaryKeys : this.#timestamps) + number * keySlotSizeBytes;
  }

  /** Zero is no key; neither is a timestamp beyond 2^63 − 1. */
  #isKey(key: KeyPointer, timestamp: boolean): boolean {
    const { u32 } = this.#options.memory;
    const at = key >>> 2;
    const low = (u32[at] as number) | (u32[at + 1] as number);
    if (timestamp) return low !== 0 && (u32[at + 1] as number) < 0x8000_0000;
    return (low | (u32[at + 2] as number) | (u32[at + 3] as number)) !== 0;
  }

  /** Writes a key to its place, where it counts only if the caller counts it. */
  #writeKey(begin: Pointer, number: number, keys: Uint32Array, at: number, lanes: number): KeyPointer {
    assert(number <= this.#options.keysMax, () => `${this.#options.name}: more than ${this.#options.keysMax} keys`);
    const key = begin + number * keySlotSizeBytes;
    const { u32 } = this.#options.memory;
    const target = key >>> 2;
    for (let lane = 0; lane < 8; lane += 1) u32[target + lane] = lane < lanes ? (keys[at + lane] as number) : 0;
    return key;
  }
}
