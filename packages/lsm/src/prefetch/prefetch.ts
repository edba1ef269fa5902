/**
 * Bringing the objects that an op will ask for to the object cache (spec 05 §16).
 *
 * Keys are collected as they are asked for, and looked up all together: in the cache, then in what memory has of the trees.
 * The rest waits in a queue; a fixed number of lookups works through it at once.
 *
 * @module
 */
import { absent, assert, type Kernels, keySlotSizeBytes, type Pointer, U64Index } from "@stagbeetle/kernels";
import type { ReadContext } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import { BatchLookup, type BatchLookupListener } from "../lookup/batch-lookup.ts";
import { NEEDS_READ } from "../lookup/tree-lookup.ts";
import { Content, type ObjectCache, UNKNOWN } from "../object-cache/object-cache.ts";
import { isTombstone } from "../value.ts";
import { type LookupBy, ObjectLookup, type ObjectSource } from "./object-lookup.ts";

/** What a prefetch is made of. */
export interface PrefetchOptions extends ObjectSource {
  readonly kernels: Kernels;
  readonly context: ReadContext;
  /** Bytes of a primary key. */
  readonly keySizeBytes: 8 | 16;
  /** Where the primary key is in an object. */
  readonly keyOffset: number;
  /** How many keys an op asks for at most, those that it asks for twice counted twice. */
  readonly keysMax: number;
  /** How many lookups read at once. */
  readonly lookupsMax: number;
  /** Sorts the object tree's mutable table as a whole (spec 05 §7.4). */
  readonly sortObjects: () => void;
  readonly label: string;
}

/** The stride of the queue: the largest key. */
const KEY_STRIDE_BYTES = 16;

/** From so many keys on, a batch is searched as a whole. */
const BATCH_KEYS_MIN = 16;

/** What the index of timestamps has for those without an object. */
const NO_OBJECT = 0xffff_fffe;

/** One of the lookups that work through the queue. */
interface Worker {
  readonly lookup: ObjectLookup;
  by: LookupBy;
  readonly key: KeyPointer;
}

/** Prefetches for one groove, one op after the other. */
export class Prefetch {
  readonly #options: PrefetchOptions;
  readonly #cache: ObjectCache;
  readonly #lanes: Uint32Array;
  readonly #keyLanes: number;
  /** A key as it is looked up, with its padding; and a timestamp. */
  readonly #key: KeyPointer;
  readonly #timestamp: KeyPointer;
  readonly #lookup: ObjectLookup;
  readonly #workers: readonly Worker[];
  /** The slots of objects that were asked for by timestamp; those of absent ones are {@link NO_OBJECT}. */
  readonly #byTimestamp: U64Index;
  /** Primary keys that were asked for and not looked up yet, as far apart as in the queue; and the slots of those in the cache. */
  readonly #asked: Pointer;
  readonly #slots: Pointer;
  #askedLength = 0;
  readonly #batch: BatchLookup | null;
  readonly #queue: Pointer;
  /** Of each key in the queue, whether it is a timestamp that is not the primary key. */
  readonly #queueByTimestamp: Uint8Array;
  #queueLength = 0;
  #queueNext = 0;
  #working = 0;
  #snapshot = 0;
  #callback: (() => void) | null = null;

  constructor(options: PrefetchOptions) {
    const { kernels, context, keySizeBytes, keysMax, lookupsMax, label } = options;
    const { memory } = kernels;
    this.#options = options;
    this.#cache = options.cache;
    this.#lanes = memory.u32;
    this.#keyLanes = keySizeBytes / 4;
    this.#key = memory.allocate(2 * keySlotSizeBytes, 16, label);
    this.#timestamp = this.#key + keySlotSizeBytes;
    this.#lookup = new ObjectLookup(context, options, () => assert(false, "this lookup never reads"));
    this.#workers = Array.from({ length: lookupsMax }, () => {
      const lookup = new ObjectLookup(context, options, (slot) => this.#onFound(worker, slot));
      const worker: Worker = { lookup, by: "primaryKey", key: memory.allocate(keySlotSizeBytes, 16, label) };
      return worker;
    });
    this.#byTimestamp = new U64Index(kernels, { capacity: keysMax, label });
    this.#asked = memory.allocate(keysMax * KEY_STRIDE_BYTES, 64, label);
    this.#slots = memory.allocate(keysMax * 4, 64, label);
    const { primary } = options;
    this.#batch = primary === null ? null : new BatchLookup(context, primary, keysMax, this.#inTables, label);
    this.#queue = memory.allocate(keysMax * KEY_STRIDE_BYTES, 64, label);
    const flags = memory.allocate(keysMax, 64, label);
    this.#queueByTimestamp = memory.bytes.subarray(flags, flags + keysMax);
  }

  /** Begins the prefetch of an op: what was asked for before is forgotten. */
  begin(snapshot: number): void {
    assert(this.#callback === null, () => `${this.#options.label}: the prefetch of the op before has not ended`);
    this.#snapshot = snapshot;
    this.#askedLength = 0;
    this.#queueLength = 0;
    this.#queueNext = 0;
    if (this.#byTimestamp.count > 0) this.#byTimestamp.clear();
  }

  /** Asks for the object with the primary key in `keys[at…]`. Zero is never found. */
  enqueue(keys: Uint32Array, at: number): void {
    if (this.#askedLength === this.#options.keysMax) this.#lookUpAsked();
    const asked = (this.#asked + this.#askedLength * KEY_STRIDE_BYTES) >>> 2;
    let any = 0;
    for (let lane = 0; lane < this.#keyLanes; lane += 1) {
      const part = keys[at + lane] as number;
      this.#lanes[asked + lane] = part;
      any |= part;
    }
    if (any !== 0) this.#askedLength += 1;
  }

  /** Asks for the object with the timestamp in `timestamps[at…]`, which is not the primary key. */
  enqueueTimestamp(timestamps: Uint32Array, at: number): void {
    const { objects, sortObjects, keyOffset } = this.#options;
    this.#setTimestamp(timestamps, at);
    if (this.#byTimestamp.get(this.#timestamp) !== absent) return;
    const low = timestamps[at] as number;
    const high = timestamps[at + 1] as number;
    const valid = high <= 0x7fff_ffff && (low | high) !== 0;
    if (!valid || !objects.keyRange.contains(this.#timestamp)) {
      this.#record(this.#timestamp, UNKNOWN);
      return;
    }
    sortObjects();
    const value = objects.memory.mutable.find(this.#timestamp);
    if (value !== 0) {
      const removed = isTombstone(this.#lanes, objects.schema.layout, value);
      const slot = removed ? UNKNOWN : this.#cache.pin(value + keyOffset);
      assert(removed || slot !== UNKNOWN, () => `${objects.schema.name}: an object of this bar is not in the cache`);
      this.#record(this.#timestamp, slot);
      return;
    }
    const found = this.#lookup.begin("timestamp", this.#snapshot, this.#timestamp);
    if (found === NEEDS_READ) this.#push("timestamp", this.#timestamp);
    else this.#record(this.#timestamp, found);
  }

  /** Reads what was asked for and not in memory. The callback never runs from inside the call. */
  run(callback: () => void): void {
    assert(this.#callback === null, () => `${this.#options.label}: two prefetches at once`);
    this.#callback = callback;
    this.#lookUpAsked();
    for (const worker of this.#workers) {
      if (this.#queueNext === this.#queueLength) break;
      this.#work(worker);
    }
    if (this.#working === 0) this.#options.context.store.nextTick(() => this.#end());
  }

  /** The slot of an object that was asked for by timestamp, or `UNKNOWN`. Objects that came later are not seen. */
  foundByTimestamp(timestamps: Uint32Array, at: number): number {
    this.#setTimestamp(timestamps, at);
    const slot = this.#byTimestamp.get(this.#timestamp);
    assert(slot !== absent, () => `${this.#options.label}: a timestamp that was not asked for`);
    return slot === NO_OBJECT ? UNKNOWN : slot;
  }

  /** Forgets everything. The grid has dropped all reads. */
  reset(): void {
    this.#callback = null;
    this.#working = 0;
    for (const { lookup } of this.#workers) lookup.reset();
    this.begin(0);
  }

  /** Looks up what was asked for by primary key: in the cache, and then in the trees. */
  #lookUpAsked(): void {
    const count = this.#askedLength;
    if (count === 0) return;
    this.#askedLength = 0;
    this.#cache.pinMany(this.#asked, KEY_STRIDE_BYTES, count, this.#slots);
    const { primary, objects } = this.#options;
    const { keyRange } = primary ?? objects;
    let missing = 0;
    for (let number = 0; number < count; number += 1) {
      if (this.#lanes[(this.#slots >>> 2) + number] !== absent) continue;
      this.#setKey(this.#asked + number * KEY_STRIDE_BYTES);
      if (!keyRange.contains(this.#key)) continue;
      this.#lanes.copyWithin(
        (this.#asked + missing * KEY_STRIDE_BYTES) >>> 2,
        this.#key >>> 2,
        (this.#key + KEY_STRIDE_BYTES) >>> 2,
      );
      missing += 1;
    }
    if (this.#batch !== null && missing >= BATCH_KEYS_MIN) this.#lookUpBatch(this.#batch, missing);
    else for (let number = 0; number < missing; number += 1) this.#lookUpOne(this.#asked + number * KEY_STRIDE_BYTES);
  }

  #lookUpBatch(batch: BatchLookup, count: number): void {
    const { filter } = this.#options;
    batch.begin(this.#snapshot);
    for (let number = 0; number < count; number += 1) {
      const key = this.#asked + number * KEY_STRIDE_BYTES;
      if (filter === null || filter.immutableMayHave(key)) this.#lookUpOne(key);
      else batch.add(key);
    }
    batch.run();
  }

  #lookUpOne(key: Pointer): void {
    this.#setKey(key);
    // It may have been asked for twice.
    if (this.#cache.pin(this.#key) !== UNKNOWN) return;
    const found = this.#lookup.begin("primaryKey", this.#snapshot, this.#key);
    if (found === NEEDS_READ) this.#push("primaryKey", this.#key);
  }

  /** Hears what a batch has found in the levels of the primary key's tree. */
  readonly #inTables: BatchLookupListener = {
    found: (key, value) => {
      this.#setKey(key);
      if (this.#lookup.beginWith(value, this.#snapshot, this.#key) === NEEDS_READ) this.#push("primaryKey", this.#key);
    },
    needsRead: (key) => {
      this.#setKey(key);
      this.#push("primaryKey", this.#key);
    },
  };

  /** Sets the key's lanes; its padding stays zero. */
  #setKey(from: Pointer): void {
    for (let lane = 0; lane < this.#keyLanes; lane += 1)
      this.#lanes[(this.#key >>> 2) + lane] = this.#lanes[(from >>> 2) + lane] as number;
  }

  #setTimestamp(timestamps: Uint32Array, at: number): void {
    this.#lanes[this.#timestamp >>> 2] = timestamps[at] as number;
    this.#lanes[(this.#timestamp >>> 2) + 1] = timestamps[at + 1] as number;
  }

  #push(by: LookupBy, key: KeyPointer): void {
    const { keysMax, label } = this.#options;
    assert(this.#queueLength < keysMax, () => `${label}: more than ${keysMax} keys are asked for`);
    const target = (this.#queue + this.#queueLength * KEY_STRIDE_BYTES) >>> 2;
    this.#lanes.copyWithin(target, key >>> 2, (key + KEY_STRIDE_BYTES) >>> 2);
    this.#queueByTimestamp[this.#queueLength] = by === "timestamp" ? 1 : 0;
    this.#queueLength += 1;
  }

  /** Works through the queue, until a block has to be read or nothing is left. */
  #work(worker: Worker): void {
    while (this.#queueNext < this.#queueLength) {
      const from = (this.#queue + this.#queueNext * KEY_STRIDE_BYTES) >>> 2;
      worker.by = this.#queueByTimestamp[this.#queueNext] === 1 ? "timestamp" : "primaryKey";
      this.#queueNext += 1;
      this.#lanes.copyWithin(worker.key >>> 2, from, from + KEY_STRIDE_BYTES / 4);
      // Another lookup may have brought it meanwhile.
      if (worker.by === "primaryKey" && this.#cache.find(worker.key) !== UNKNOWN) continue;
      const found = worker.lookup.begin(worker.by, this.#snapshot, worker.key);
      if (found === NEEDS_READ) {
        this.#working += 1;
        worker.lookup.read();
        return;
      }
      if (worker.by === "timestamp") this.#record(worker.key, found);
    }
  }

  #onFound(worker: Worker, slot: number): void {
    this.#working -= 1;
    if (worker.by === "timestamp") this.#record(worker.key, slot);
    this.#work(worker);
    if (this.#working === 0) this.#end();
  }

  #record(timestamp: KeyPointer, slot: number): void {
    const found = slot !== UNKNOWN && this.#cache.contentOf(slot) === Content.object;
    if (this.#byTimestamp.get(timestamp) === absent) this.#byTimestamp.insert(timestamp, found ? slot : NO_OBJECT);
  }

  #end(): void {
    const callback = this.#callback;
    if (callback === null) return;
    assert(this.#queueNext === this.#queueLength, () => `${this.#options.label}: a prefetch ends too early`);
    this.#queueNext = 0;
    this.#queueLength = 0;
    this.#callback = null;
    callback();
  }
}
