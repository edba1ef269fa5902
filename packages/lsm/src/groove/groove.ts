/**
 * A groove: objects of one kind, which an op asks for, changes and adds, and whose trees follow (spec 05 §4, §16).
 *
 * @module
 */
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import type { BlockStore } from "../block-store.ts";
import type { Forest } from "../forest.ts";
import { Prefetch } from "../lookup/prefetch.ts";
import { ObjectCache } from "../object-cache/object-cache.ts";
import { type GrooveDeclaration, indexNumber } from "./declaration.ts";
import { GrooveTrees } from "./groove-trees.ts";

/** What a lookup returns if there is no object. */
export const NOT_FOUND: Pointer = 0;

/** What a lookup returns if the key was burnt. */
export const ORPHANED: Pointer = 1;

/** Keys that an op looks up, as a multiple of what it may write: it reads what it updates, and what it may clash with. */
const PREFETCH_FACTOR = 2;

/** What a groove is made of. */
export interface GrooveOptions {
  readonly declaration: GrooveDeclaration;
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly forest: Forest;
  /** Objects that stay in memory from bar to bar (`--cache-accounts` and the like). */
  readonly objectsKeptMax: number;
  /** Lookups at a time: `grid_iops_read_max`. */
  readonly lookupsMax: number;
  /** Ops of a bar. */
  readonly opsPerBar: number;
}

/** What is there only if objects are looked up during commit. */
interface Lookups {
  readonly cache: ObjectCache;
  readonly prefetch: Prefetch;
  /** The number of the index that has the primary keys; -1 if that is the timestamp. */
  readonly primaryIndex: number;
  readonly keyOffset: number;
}

/** One groove. Keys are passed as lanes: four for a u128, two for a timestamp. */
export class Groove {
  readonly declaration: GrooveDeclaration;
  readonly trees: GrooveTrees;
  readonly #lookups: Lookups | null;
  readonly #lanes: Uint32Array;
  readonly #key: Pointer;
  readonly #store: BlockStore;

  constructor(options: GrooveOptions) {
    const { declaration, kernels, forest, store } = options;
    this.declaration = declaration;
    this.trees = new GrooveTrees(declaration, forest, kernels);
    this.#lanes = kernels.memory.u32;
    this.#store = store;
    this.#key = kernels.memory.allocate(32, 16, "grooves");
    this.#lookups = declaration.objectCache ? this.#createLookups(options) : null;
  }

  /** Begins the prefetch of the next op: forgets what was asked for by the one before. */
  prefetchBegin(snapshot: number): void {
    this.#lookups?.prefetch.begin(snapshot);
  }

  /** Asks for the object with this primary key. */
  enqueue(keys: Uint32Array, at: number): void {
    this.#withLookups().prefetch.enqueue(keys, at);
  }

  /** Asks for the object with this timestamp, where that is not the primary key. */
  enqueueTimestamp(timestamps: Uint32Array, at: number): void {
    this.#withLookups().prefetch.enqueueTimestamp(timestamps, at);
  }

  /** Loads what was asked for. The callback runs once, never from inside the call. */
  prefetch(callback: () => void): void {
    if (this.#lookups === null) this.#store.nextTick(callback);
    else this.#lookups.prefetch.run(callback);
  }

  /** The object with this primary key, which was asked for or inserted by this op; {@link NOT_FOUND}; {@link ORPHANED}. */
  get(keys: Uint32Array, at: number): Pointer {
    const { cache, primaryIndex } = this.#withLookups();
    const lanes = primaryIndex === -1 ? 2 : 4;
    for (let lane = 0; lane < lanes; lane += 1) this.#lanes[(this.#key >>> 2) + lane] = keys[at + lane] as number;
    const object = cache.get(this.#key);
    if (object === 0) return NOT_FOUND;
    if (!this.declaration.orphans) return object;
    const timestamp = (object + this.declaration.timestampOffset) >>> 2;
    return this.#lanes[timestamp] === 0 && this.#lanes[timestamp + 1] === 0 ? ORPHANED : object;
  }

  /** The object with this timestamp, which was asked for. Objects inserted by this op are not seen. */
  getByTimestamp(timestamps: Uint32Array, at: number): Pointer {
    const { prefetch, primaryIndex } = this.#withLookups();
    return primaryIndex === -1 ? this.get(timestamps, at) : prefetch.objectAt(timestamps, at);
  }

  /** Whether the timestamp is greater than that of every object. */
  newerThanAll(timestamps: Uint32Array, at: number): boolean {
    const { keyRange } = this.trees.objects;
    if (keyRange.empty) return true;
    const newest = keyRange.max >>> 2;
    const high = (timestamps[at + 1] as number) - (this.#lanes[newest + 1] as number);
    return high > 0 || (high === 0 && (timestamps[at] as number) > (this.#lanes[newest] as number));
  }

  /** Where the next object to insert is to be composed: its bytes are undefined, all of them must be written. */
  slot(): Pointer {
    return this.#lookups?.cache.slot() ?? this.trees.objects.memory.mutable.slot();
  }

  /** Inserts the object in the {@link slot}, whose key is new. Returns where it is now. */
  insert(): Pointer {
    const object = this.#lookups?.cache.insert() ?? this.slot();
    this.trees.insert(object);
    return object;
  }

  /** Replaces an object by another with its key and timestamp, which differs in at least one byte. */
  update(object: Pointer, replacement: Pointer): void {
    assert(this.#differs(object, replacement), () => `${this.declaration.name}: an update that changes nothing`);
    this.trees.update(object, replacement);
    this.#withLookups().cache.update(object, replacement);
  }

  /** Burns a primary key. Not in a scope. */
  insertOrphan(keys: Uint32Array, at: number): void {
    const { cache, primaryIndex, keyOffset } = this.#withLookups();
    this.trees.insertOrphan(primaryIndex, keys, at);
    const marker = cache.slot() >>> 2;
    this.#lanes.fill(0, marker, marker + this.declaration.sizeBytes / 4);
    for (let lane = 0; lane < 4; lane += 1) this.#lanes[marker + keyOffset / 4 + lane] = keys[at + lane] as number;
    cache.insert();
  }

  /** Adds the entry (value, timestamp of the object) to an index that is filled by hand. */
  putEntry(index: number, values: Uint32Array, at: number, object: Pointer): void {
    this.trees.putEntry(index, values, at, object);
  }

  /** Removes the entry that the object (or a copy of it) has in an index that is derived from it. */
  removeEntry(index: number, object: Pointer): void {
    this.trees.removeEntry(index, object);
  }

  scopeOpen(): void {
    this.trees.scopeOpen();
    this.#lookups?.cache.scopeOpen();
  }

  scopeClose(outcome: "persist" | "discard"): void {
    this.#lookups?.cache.scopeClose(outcome);
    this.trees.scopeClose(outcome);
  }

  get scopeActive(): boolean {
    return this.trees.scopeActive;
  }

  /** The number of an index by its name. */
  indexOf(name: string): number {
    return indexNumber(this.declaration, name);
  }

  /** Ends a bar, after the op's compaction. */
  endBar(): void {
    this.#lookups?.cache.endBar();
  }

  /** Forgets everything, before a state sync. */
  reset(): void {
    this.#lookups?.cache.reset();
    this.#lookups?.prefetch.reset();
  }

  #differs(object: Pointer, replacement: Pointer): boolean {
    const a = object >>> 2;
    const b = replacement >>> 2;
    for (let lane = 0; lane < this.declaration.sizeBytes / 4; lane += 1) {
      if (this.#lanes[a + lane] !== this.#lanes[b + lane]) return true;
    }
    return false;
  }

  #withLookups(): Lookups {
    assert(this.#lookups !== null, () => `${this.declaration.name} has no lookups`);
    return this.#lookups;
  }

  #createLookups(options: GrooveOptions): Lookups {
    const { declaration, kernels, forest, store, objectsKeptMax, lookupsMax, opsPerBar } = options;
    const { name, primaryKey, timestampOffset, valuesPerBatch, sizeBytes } = declaration;
    const primaryIndex = primaryKey === "timestamp" ? -1 : indexNumber(declaration, primaryKey.index);
    const source = declaration.indexes[primaryIndex]?.source;
    assert(primaryIndex === -1 || source?.from === "field", () => `${name}: the primary key is no field`);
    const keyOffset = source?.from === "field" ? source.offset : timestampOffset;
    const keysMax = PREFETCH_FACTOR * valuesPerBatch;
    const cache = new ObjectCache({
      kernels,
      name,
      objectSizeBytes: sizeBytes,
      keyOffset,
      keySizeBytes: primaryIndex === -1 ? 8 : 16,
      // An op adds what it prefetched, by key and by timestamp, and what it inserts.
      objectsPerBarMax: opsPerBar * (2 * keysMax + valuesPerBatch),
      objectsKeptMax,
      scopeChangesMax: 2 * valuesPerBatch,
    });
    const prefetch = new Prefetch({
      kernels,
      memory: kernels.memory,
      store,
      infos: forest.infos,
      forest,
      name,
      cache,
      objects: this.trees.objects,
      primary: this.trees.indexes[primaryIndex]?.tree ?? null,
      keyOffset,
      timestampOffset,
      keysMax,
      workersMax: lookupsMax,
    });
    return { cache, prefetch, primaryIndex, keyOffset };
  }
}
