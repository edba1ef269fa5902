/**
 * A groove: objects, their primary keys and their indexes, with all that one op does to them (spec 05 §4, §16).
 *
 * 1. `prefetchBegin`, then `enqueue` what will be looked up, then `prefetch`.
 * 2. `get`, `insert`, `update` and the others, in scopes where they may have to be taken back.
 * 3. After the forest's beat, `barEnded` if it was the last of a bar.
 *
 * @module
 */
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import type { Config } from "@stagbeetle/vsr-protocol";
import type { ReadContext } from "../block-reader.ts";
import type { BlockStore } from "../block-store.ts";
import type { Forest } from "../forest.ts";
import { MemoryFilter } from "../lookup/key-filter.ts";
import { Content, ObjectCache, UNKNOWN } from "../object-cache/object-cache.ts";
import { Prefetch } from "../prefetch/prefetch.ts";
import type { Tree } from "../tree.ts";
import { type GrooveDeclaration, indexNumber } from "./declaration.ts";
import { GrooveWindow } from "./groove-window.ts";
import { GrooveTrees } from "./groove-trees.ts";

/** What a lookup gives if there is no object. */
export const NOT_FOUND: Pointer = 0;

/** What a lookup gives if the key was burnt. */
export const ORPHANED: Pointer = 1;

/** How much of a groove one op can touch, and memory can keep. */
export interface GrooveLimits {
  /** How many keys one op asks for at most. */
  readonly keysPerOp: number;
  /** How many objects one op finds, inserts or updates at most. */
  readonly objectsPerOp: number;
  /** How many objects stay in memory beside those of the current bar (`--cache-accounts` and the like). */
  readonly cacheObjects: number;
}

/** What a groove is made of. */
export interface GrooveOptions {
  readonly config: Config;
  readonly kernels: Kernels;
  readonly store: BlockStore;
  readonly forest: Forest;
  readonly declaration: GrooveDeclaration;
  readonly limits: GrooveLimits;
}

/** Objects that are looked up by key. */
interface Lookups {
  readonly cache: ObjectCache;
  readonly prefetch: Prefetch;
  /** Which ids memory tables have; null if objects are looked up by timestamp. */
  readonly filter: MemoryFilter | null;
  /** Where the primary key is in an object. */
  readonly keyOffset: number;
  /** The lanes of a primary key, and room for one. */
  readonly keyLanes: number;
  readonly key: Pointer;
}

/** Where an object with a u128 primary key has it. */
const ID_SIZE_BYTES = 16;

/** One groove. Keys are passed as lanes: four for a u128, two for a timestamp. */
export class Groove {
  readonly declaration: GrooveDeclaration;
  readonly trees: GrooveTrees;
  readonly #options: GrooveOptions;
  readonly #lanes: Uint32Array;
  readonly #lookups: Lookups | null;
  readonly #primaryIndex: number;
  /** The slot in which the next object is composed. */
  #slot = UNKNOWN;
  /** Where kernels write to the groove by themselves. */
  readonly window: GrooveWindow;

  constructor(options: GrooveOptions) {
    const { declaration, kernels, forest } = options;
    this.#options = options;
    this.declaration = declaration;
    this.trees = new GrooveTrees(declaration, forest, kernels);
    this.#lanes = kernels.memory.u32;
    const { primaryKey } = declaration;
    this.#primaryIndex = primaryKey === "timestamp" ? -1 : indexNumber(declaration, primaryKey.index);
    assert(!declaration.orphans || this.#primaryIndex !== -1, () => `${declaration.name}: timestamps cannot be burnt`);
    this.#lookups = declaration.objectCache ? this.#createLookups() : null;
    this.window = new GrooveWindow(kernels, this.trees, this.#lookups?.cache ?? null);
  }

  /** Begins the prefetch of the next op: what was asked for by the one before is forgotten. */
  prefetchBegin(snapshot: number): void {
    assert(!this.scopeActive, () => `${this.declaration.name}: a scope is left open`);
    this.#lookups?.prefetch.begin(snapshot);
  }

  /** Asks for the object with this primary key. Zero is never found; asking twice is harmless. */
  enqueue(keys: Uint32Array, at: number): void {
    this.#keyed().prefetch.enqueue(keys, at);
  }

  /** Asks for the object with this timestamp, in a groove with another primary key. */
  enqueueTimestamp(timestamps: Uint32Array, at: number): void {
    assert(this.#primaryIndex !== -1, () => `${this.declaration.name}: the timestamp is the primary key`);
    this.#keyed().prefetch.enqueueTimestamp(timestamps, at);
  }

  /** Loads what was asked for. The callback runs once, never from inside the call. */
  prefetch(callback: () => void): void {
    if (this.#lookups === null) this.#options.store.nextTick(callback);
    else this.#lookups.prefetch.run(callback);
  }

  /** The object with this primary key, which was asked for or inserted by this op; {@link NOT_FOUND} or {@link ORPHANED}. */
  get(keys: Uint32Array, at: number): Pointer {
    const { cache, key, keyLanes } = this.#keyed();
    for (let lane = 0; lane < keyLanes; lane += 1) this.#lanes[(key >>> 2) + lane] = keys[at + lane] as number;
    const slot = cache.find(key);
    if (slot === UNKNOWN) return NOT_FOUND;
    const content = cache.contentOf(slot);
    if (content === Content.object) return cache.pointerOf(slot);
    return content === Content.orphan ? ORPHANED : NOT_FOUND;
  }

  /** The object with this timestamp, which was asked for. Objects inserted by this op are not seen. */
  getByTimestamp(timestamps: Uint32Array, at: number): Pointer {
    if (this.#primaryIndex === -1) return this.get(timestamps, at);
    const { cache, prefetch } = this.#keyed();
    const slot = prefetch.foundByTimestamp(timestamps, at);
    return slot === UNKNOWN ? NOT_FOUND : cache.pointerOf(slot);
  }

  /** Whether a timestamp is greater than that of every object. */
  newerThanAll(timestamps: Uint32Array, at: number): boolean {
    const { keyRangeWritable } = this.trees.objects;
    if (keyRangeWritable.empty) return true;
    const newest = keyRangeWritable.max >>> 2;
    const high = timestamps[at + 1] as number;
    const newestHigh = this.#lanes[newest + 1] as number;
    return newestHigh < high || (newestHigh === high && (this.#lanes[newest] as number) < (timestamps[at] as number));
  }

  /** Where the next object to insert is to be composed: all its bytes must be written. */
  slot(): Pointer {
    if (this.#lookups === null) return this.trees.objects.memory.writable.slot();
    const { cache } = this.#lookups;
    if (this.#slot === UNKNOWN) this.#slot = cache.take();
    return cache.pointerOf(this.#slot);
  }

  /** Inserts the object in the {@link slot}, whose timestamp is valid and whose key is new. Returns where it is now. */
  insert(): Pointer {
    const composed = this.slot();
    const timestamp = (composed + this.declaration.timestampOffset) >>> 2;
    const high = this.#lanes[timestamp + 1] as number;
    assert(
      high <= 0x7fff_ffff && ((this.#lanes[timestamp] as number) | high) !== 0,
      () => `${this.declaration.name}: inserted without a timestamp`,
    );
    const object = this.#lookups === null ? composed : this.#addComposed(this.#lookups);
    this.trees.insert(object);
    return object;
  }

  /** Replaces the object at `object` by the one at `replacement`: the same key and timestamp, at least one other byte. */
  update(object: Pointer, replacement: Pointer): void {
    const { cache } = this.#keyed();
    const slot = cache.slotOf(object);
    const { kernels } = this.#options;
    const changes = !kernels.equalRecords(object, replacement, this.declaration.sizeBytes);
    assert(changes, () => `${this.declaration.name}: an update that changes nothing`);
    this.trees.update(object, replacement);
    cache.update(slot, replacement);
  }

  /** Removes an object. No state machine does; tests of the forest do. */
  remove(object: Pointer): void {
    const { cache } = this.#keyed();
    const slot = cache.slotOf(object);
    this.trees.remove(object);
    cache.remove(slot);
  }

  /** Burns a primary key: {@link get} answers {@link ORPHANED} from now on. Not in a scope. */
  insertOrphan(keys: Uint32Array, at: number): void {
    const { cache, key, keyLanes } = this.#keyed();
    assert(this.get(keys, at) === NOT_FOUND, () => `${this.declaration.name}: a key is burnt that exists`);
    this.trees.insertOrphan(this.#primaryIndex, keys, at);
    cache.addOrphan(key, 4 * keyLanes);
  }

  /** Adds an entry to an index that is filled by hand: the value's lanes at `values[at]`, the timestamp of the object. */
  putEntry(index: number, values: Uint32Array, at: number, object: Pointer): void {
    this.trees.putEntry(index, values, at, object);
  }

  /** Removes the entry that the object, or a copy of it, has in an index that is derived from it. */
  removeEntry(index: number, object: Pointer): void {
    this.trees.removeEntry(index, object);
  }

  /** Begins to remember how to take back what follows. Scopes do not nest and do not span ops. */
  scopeOpen(): void {
    this.trees.scopeOpen();
    this.#lookups?.cache.scopeOpen();
  }

  scopeClose(outcome: "persist" | "discard"): void {
    this.trees.scopeClose(outcome);
    this.#lookups?.cache.scopeClose(outcome);
  }

  get scopeActive(): boolean {
    return this.trees.scopeActive;
  }

  /** The number of an index by its name. */
  indexOf(name: string): number {
    return indexNumber(this.declaration, name);
  }

  /** The tree of an index by its number. */
  indexTree(index: number): Tree {
    const entries = this.trees.indexes[index];
    assert(entries !== undefined, () => `${this.declaration.name} has no index ${index}`);
    return entries.tree;
  }

  /** The forest has ended a bar: lookups find in immutable tables what had to stay in the cache so far. */
  barEnded(): void {
    this.#lookups?.cache.endBar();
    this.#lookups?.filter?.barEnded();
  }

  /** Forgets everything, as the forest does. */
  reset(): void {
    this.#slot = UNKNOWN;
    if (this.#lookups === null) return;
    this.#lookups.prefetch.reset();
    this.#lookups.cache.reset();
    this.#lookups.filter?.reset();
  }

  #addComposed({ cache }: Lookups): Pointer {
    const slot = cache.add(this.#slot, Content.object);
    this.#slot = UNKNOWN;
    return cache.pointerOf(slot);
  }

  #keyed(): Lookups {
    if (this.#lookups === null) assert(false, () => `${this.declaration.name} has no lookups`);
    return this.#lookups;
  }

  #createLookups(): Lookups {
    const { config, kernels, store, forest, declaration, limits } = this.#options;
    const { name, sizeBytes, timestampOffset, valuesPerBatch, indexes } = declaration;
    const primary = indexes[this.#primaryIndex];
    const source = primary?.source;
    assert(
      primary === undefined ||
        (primary.kind === "unique" && source?.from === "field" && source.sizeBytes === ID_SIZE_BYTES),
      () => `${name}: the primary key is no unique field`,
    );
    const keyOffset = source?.from === "field" ? source.offset : timestampOffset;
    const keySizeBytes = primary === undefined ? 8 : ID_SIZE_BYTES;
    const cache = new ObjectCache({
      kernels,
      objectSizeBytes: sizeBytes,
      keyOffset,
      keySizeBytes,
      pinnedMax: config.cluster.lsmCompactionOps * limits.objectsPerOp,
      othersMax: limits.cacheObjects,
      changesMax: valuesPerBatch,
      label: `${name} cache`,
    });
    const context: ReadContext = { memory: kernels.memory, store, infos: forest.infos, spill: forest.spill };
    const { objects } = this.trees;
    const primaryTree = primary === undefined ? null : forest.tree(primary.treeId);
    const filter =
      primaryTree === null
        ? null
        : new MemoryFilter(kernels, primaryTree.memory, primaryTree.schema.valueCountMax, `${name} filters`);
    if (filter !== null) this.trees.indexes[this.#primaryIndex]?.setFilter(filter);
    const prefetch = new Prefetch({
      kernels,
      context,
      objects,
      primary: primaryTree,
      filter,
      cache,
      keySizeBytes,
      keyOffset,
      keysMax: limits.keysPerOp,
      lookupsMax: config.process.gridIopsReadMax,
      sortObjects: () => forest.sortMutable(objects),
      label: `${name} prefetch`,
    });
    return {
      cache,
      prefetch,
      filter,
      keyOffset,
      keyLanes: keySizeBytes / 4,
      key: kernels.memory.allocate(16, 16, `${name} cache`),
    };
  }
}
