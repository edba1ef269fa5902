/**
 * Looking up one object of a groove, and bringing it to the object cache (spec 05 §16.3, steps 4 to 6).
 *
 * ```text
 *   by unique key:  index tree ─▶ timestamp ─▶ object tree ─▶ cache
 *   by timestamp:                              object tree ─▶ cache
 * ```
 *
 * @module
 */
import { assert, keySlotSizeBytes, type Pointer } from "@stagbeetle/kernels";
import type { ReadableTree, ReadContext } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import type { MemoryFilter } from "../lookup/key-filter.ts";
import { ABSENT, NEEDS_READ, TreeLookup } from "../lookup/tree-lookup.ts";
import { type ObjectCache, UNKNOWN } from "../object-cache/object-cache.ts";
import { isTombstone, timestampLane } from "../value.ts";

/** Where objects are looked up and where they go. */
export interface ObjectSource {
  readonly objects: ReadableTree;
  /** The unique index with the primary keys; null if those are the timestamps. */
  readonly primary: ReadableTree | null;
  /** What of that index is in memory; null without one. */
  readonly filter: MemoryFilter | null;
  readonly cache: ObjectCache;
}

/** What an object is looked up by. */
export type LookupBy = "primaryKey" | "timestamp";

const U128_SIZE_BYTES = 16;

/** One lookup at a time, again and again. */
export class ObjectLookup {
  readonly #context: ReadContext;
  readonly #source: ObjectSource;
  readonly #tree: TreeLookup;
  readonly #onEnd: (slot: number) => void;
  /** The key that is looked up, then the timestamp that it led to. */
  readonly #key: KeyPointer;
  readonly #timestamp: KeyPointer;
  #snapshot = 0;
  #stage: "primary" | "object" = "object";
  /** Whether the object must be there: an index has its timestamp. */
  #exists = false;

  /** @param onEnd gets the slot that was found by a lookup that had to read, or `UNKNOWN`. */
  constructor(context: ReadContext, source: ObjectSource, onEnd: (slot: number) => void) {
    this.#context = context;
    this.#source = source;
    this.#onEnd = onEnd;
    this.#tree = new TreeLookup(context, (value) => this.#onValue(value));
    this.#key = context.memory.allocate(2 * keySlotSizeBytes, 16, "prefetch");
    this.#timestamp = this.#key + keySlotSizeBytes;
  }

  /**
   * Looks for an object with what is in memory.
   *
   * @param key 32 bytes: key bytes, padded.
   * @returns the slot in the cache, of an object or an orphan; `UNKNOWN` if there is none; or `NEEDS_READ`: then {@link read}.
   */
  begin(by: LookupBy, snapshot: number, key: KeyPointer): number {
    const { objects, primary, filter } = this.#source;
    const { bytes } = this.#context.memory;
    this.#snapshot = snapshot;
    this.#exists = false;
    bytes.copyWithin(this.#key, key, key + keySlotSizeBytes);
    if (by === "timestamp" || primary === null) {
      this.#stage = "object";
      return this.#advance(this.#tree.begin(objects, snapshot, this.#key));
    }
    this.#stage = "primary";
    const immutable = filter === null || filter.immutableMayHave(this.#key);
    return this.#advance(this.#tree.begin(primary, snapshot, this.#key, immutable));
  }

  /** The same, of a primary key for which the value in its index was found already. */
  beginWith(value: Pointer, snapshot: number, key: KeyPointer): number {
    const { primary } = this.#source;
    const { bytes, u32 } = this.#context.memory;
    assert(primary !== null, "a primary key has an index");
    this.#snapshot = snapshot;
    this.#exists = false;
    bytes.copyWithin(this.#key, key, key + keySlotSizeBytes);
    this.#stage = "primary";
    return this.#advance(isTombstone(u32, primary.schema.layout, value) ? ABSENT : value);
  }

  /** Reads what is not in memory, and goes on to the end. */
  read(): void {
    this.#tree.read();
  }

  /** The grid has dropped all reads. */
  reset(): void {
    this.#tree.reset();
  }

  /** Goes on with what the tree at this stage has. */
  #advance(value: Pointer): number {
    if (value === NEEDS_READ) return NEEDS_READ;
    if (this.#stage === "object") return this.#load(value);
    if (value === ABSENT) return UNKNOWN;
    const { u32 } = this.#context.memory;
    const { objects, primary, cache } = this.#source;
    assert(primary !== null, "a primary key has an index");
    const from = timestampLane(primary.schema.layout, value);
    if ((u32[from] as number) === 0 && (u32[from + 1] as number) === 0) {
      return cache.addOrphan(this.#key, U128_SIZE_BYTES);
    }
    u32.copyWithin(this.#timestamp >>> 2, from, from + 2);
    this.#stage = "object";
    this.#exists = true;
    const object = this.#tree.begin(objects, this.#snapshot, this.#timestamp);
    return object === NEEDS_READ ? NEEDS_READ : this.#load(object);
  }

  #load(object: Pointer): number {
    if (object !== ABSENT) return this.#source.cache.load(object);
    assert(!this.#exists, () => `${this.#source.objects.schema.name}: an index names an object that does not exist`);
    return UNKNOWN;
  }

  #onValue(value: Pointer): void {
    const slot = this.#advance(value);
    if (slot === NEEDS_READ) this.#tree.read();
    else this.#onEnd(slot);
  }
}
