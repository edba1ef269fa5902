/**
 * Objects of a groove in memory, by primary key (spec 05 §16.2, §18.1).
 *
 * Between two ends of a bar nothing leaves the cache, so all that an op prefetched or an earlier op of the bar wrote is found
 * at once. At the end of a bar, objects that were not asked for leave until as many are left as are to be kept.
 *
 * @module
 */
import {
  absent,
  assert,
  fail,
  type HashIndex,
  IdIndex,
  type Kernels,
  type Pointer,
  U64Index,
} from "@stagbeetle/kernels";

/** What a cache is made of. */
export interface ObjectCacheOptions {
  readonly kernels: Kernels;
  readonly name: string;
  readonly objectSizeBytes: number;
  /** Where in the object its primary key is, and whether it is an id of 16 bytes or a timestamp of 8. */
  readonly keyOffset: number;
  readonly keySizeBytes: 8 | 16;
  /** Objects that a bar adds at most. */
  readonly objectsPerBarMax: number;
  /** Objects that are kept from bar to bar at most. */
  readonly objectsKeptMax: number;
  /** Objects that one scope changes at most. */
  readonly scopeChangesMax: number;
}

/** A fixed number of objects. An object stays where it is while it is in the cache. */
export class ObjectCache {
  readonly #options: ObjectCacheOptions;
  readonly #index: HashIndex;
  readonly #begin: Pointer;
  readonly #capacity: number;
  readonly #lanes: Uint32Array;
  /** Per slot: 0 free, 1 taken, 2 taken and asked for since the last sweep. */
  readonly #marks: Uint8Array;
  readonly #free: Uint32Array;
  #freeCount = 0;
  #next = 0;
  /** Where the next sweep begins. */
  #hand = 0;
  /** What a discarded scope restores: slots, and the bytes that they had. A slot of an insert has none. */
  readonly #undoSlots: Uint32Array;
  readonly #undoInserts: Uint8Array;
  readonly #undoObjects: Pointer;
  #undoCount = 0;
  #scopeActive = false;

  constructor(options: ObjectCacheOptions) {
    const { kernels, name, objectSizeBytes, keySizeBytes, objectsPerBarMax, objectsKeptMax, scopeChangesMax } = options;
    const { memory } = kernels;
    const label = `${name} cache`;
    this.#options = options;
    this.#lanes = memory.u32;
    this.#capacity = objectsPerBarMax + objectsKeptMax;
    const indexOptions = { capacity: this.#capacity, label };
    this.#index = keySizeBytes === 16 ? new IdIndex(kernels, indexOptions) : new U64Index(kernels, indexOptions);
    this.#begin = memory.allocate(this.#capacity * objectSizeBytes, 64, label);
    const marks = memory.allocate(this.#capacity, 64, label);
    this.#marks = memory.bytes.subarray(marks, marks + this.#capacity);
    const free = memory.allocate(4 * this.#capacity, 64, label);
    this.#free = memory.u32.subarray(free / 4, free / 4 + this.#capacity);
    this.#undoSlots = new Uint32Array(scopeChangesMax);
    this.#undoInserts = new Uint8Array(scopeChangesMax);
    this.#undoObjects = memory.allocate(scopeChangesMax * objectSizeBytes, 64, label);
  }

  /** Objects in the cache. */
  get count(): number {
    return this.#index.count;
  }

  /** The object with the key at `key`, or 0. */
  get(key: Pointer): Pointer {
    const slot = this.#index.get(key);
    if (slot === absent) return 0;
    this.#marks[slot] = 2;
    return this.#pointerOf(slot);
  }

  /** Where the next object is to be written, in full; then {@link insert}. */
  slot(): Pointer {
    if (this.#freeCount > 0) return this.#pointerOf(this.#free[this.#freeCount - 1] as number);
    if (this.#next === this.#capacity)
      fail(`${this.#options.name}: all ${this.#capacity} places of the cache are taken`);
    return this.#pointerOf(this.#next);
  }

  /** Takes over the object in the {@link slot}, whose key must be new. Returns where it is. */
  insert(): Pointer {
    const pointer = this.slot();
    const slot = this.#slotOf(pointer);
    const before = this.#index.insert(pointer + this.#options.keyOffset, slot);
    if (before !== absent) fail(`${this.#options.name}: an object with this key is in the cache`);
    if (this.#freeCount > 0) this.#freeCount -= 1;
    else this.#next += 1;
    this.#marks[slot] = 2;
    if (this.#scopeActive) this.#remember(slot, true);
    return pointer;
  }

  /** Copies an object into the cache, unless one with its key is there. Returns where it is. */
  add(object: Pointer): Pointer {
    const present = this.get(object + this.#options.keyOffset);
    if (present !== 0) return present;
    this.#copy(this.slot(), object);
    return this.insert();
  }

  /** Replaces the object at `object`, which is in the cache, by another with its key. */
  update(object: Pointer, replacement: Pointer): void {
    const slot = this.#slotOf(object);
    assert((this.#marks[slot] as number) > 0, () => `${this.#options.name}: an object is updated that is not cached`);
    if (this.#scopeActive) this.#remember(slot, false);
    this.#copy(object, replacement);
    this.#marks[slot] = 2;
  }

  scopeOpen(): void {
    assert(!this.#scopeActive && this.#undoCount === 0, () => `${this.#options.name}: scopes do not nest`);
    this.#scopeActive = true;
  }

  /** Keeps the changes since {@link scopeOpen}, or takes them back, the last first. */
  scopeClose(outcome: "persist" | "discard"): void {
    assert(this.#scopeActive, () => `${this.#options.name}: no scope is open`);
    this.#scopeActive = false;
    if (outcome === "discard") {
      for (let at = this.#undoCount - 1; at >= 0; at -= 1) this.#undo(at);
    }
    this.#undoCount = 0;
  }

  /** Ends a bar: makes room for the next. */
  endBar(): void {
    assert(!this.#scopeActive, () => `${this.#options.name}: a scope is open at the end of a bar`);
    while (this.#index.count > this.#options.objectsKeptMax) {
      const slot = this.#hand;
      this.#hand = (this.#hand + 1) % this.#next;
      if (this.#marks[slot] === 2) this.#marks[slot] = 1;
      else if (this.#marks[slot] === 1) this.#evict(slot);
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.#index.clear();
    this.#marks.fill(0, 0, this.#next);
    this.#freeCount = 0;
    this.#next = 0;
    this.#hand = 0;
    this.#undoCount = 0;
    this.#scopeActive = false;
  }

  #evict(slot: number): void {
    const removed = this.#index.remove(this.#pointerOf(slot) + this.#options.keyOffset);
    assert(removed === slot, () => `${this.#options.name}: slot ${slot} is not in the index`);
    this.#marks[slot] = 0;
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }

  #remember(slot: number, inserted: boolean): void {
    const at = this.#undoCount;
    assert(at < this.#undoSlots.length, () => `${this.#options.name}: a scope with more than ${at} changes`);
    this.#undoSlots[at] = slot;
    this.#undoInserts[at] = inserted ? 1 : 0;
    if (!inserted) this.#copy(this.#undoObjects + at * this.#options.objectSizeBytes, this.#pointerOf(slot));
    this.#undoCount += 1;
  }

  #undo(at: number): void {
    const slot = this.#undoSlots[at] as number;
    if (this.#undoInserts[at] === 1) this.#evict(slot);
    else this.#copy(this.#pointerOf(slot), this.#undoObjects + at * this.#options.objectSizeBytes);
  }

  #copy(target: Pointer, source: Pointer): void {
    this.#lanes.copyWithin(target >>> 2, source >>> 2, (source + this.#options.objectSizeBytes) >>> 2);
  }

  #pointerOf(slot: number): Pointer {
    return this.#begin + slot * this.#options.objectSizeBytes;
  }

  #slotOf(pointer: Pointer): number {
    const slot = (pointer - this.#begin) / this.#options.objectSizeBytes;
    assert(Number.isInteger(slot) && slot >= 0 && slot < this.#capacity, () => `${this.#options.name}: not a slot`);
    return slot;
  }
}
