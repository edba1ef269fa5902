/**
 * The objects of a groove that memory holds, by primary key (spec 05 §16.2, §18.1).
 *
 * An op must find every object that it has asked for, and a bar every object that it has written: those are *pinned* until
 * the bar ends. All others stay for as long as there is room, and go by CLOCK. So one array of slots is both the cache and
 * what the reference calls its stash, and an object stays where it is from the time it is pinned until the bar ends.
 *
 * @module
 */
import {
  assert,
  fail,
  IdIndex,
  type Kernels,
  type LinearMemory,
  type Pointer,
  U64Index,
  absent,
} from "@stagbeetle/kernels";
import { Change, UndoLog } from "./undo-log.ts";

/** What is in a slot. A tombstone is an object that was removed: its key is known not to exist. */
export const Content = { nothing: 0, object: 1, orphan: 2, tombstone: 3 } as const;
export type Content = (typeof Content)[keyof typeof Content];

/** What {@link ObjectCache.find} gives for a key that the cache knows nothing of. */
export const UNKNOWN = -1;

// The state of a slot: content, uses (as CLOCK counts them), and the bar in which it was last pinned.
const USES_SHIFT = 2;
const BAR_SHIFT = 4;
const CONTENT_MASK = 3;
const USES_MAX = 3;
const BARS = 2 ** (32 - BAR_SHIFT);

/** What a cache is made of. */
export interface ObjectCacheOptions {
  readonly kernels: Kernels;
  readonly objectSizeBytes: number;
  /** Where the key is in an object, and how large it is: ids of 16 bytes or timestamps of 8. */
  readonly keyOffset: number;
  readonly keySizeBytes: 8 | 16;
  /** How many objects are pinned in one bar at most. */
  readonly pinnedMax: number;
  /** How many others are kept at most; may be 0. */
  readonly othersMax: number;
  /** How many changes a scope may have. */
  readonly changesMax: number;
  readonly label: string;
}

/** Objects in slots, which have numbers from 0. */
export class ObjectCache {
  readonly capacity: number;
  readonly objectSizeBytes: number;
  readonly #memory: LinearMemory;
  readonly #keyOffset: number;
  readonly #index: IdIndex | U64Index;
  readonly #objects: Pointer;
  /** Where the states of slots are, a u32 each. */
  readonly states: Pointer;
  readonly #states: Uint32Array;
  readonly #undo: UndoLog;
  /** Whether objects are kept for their own sake, after the bar that follows theirs. */
  readonly #keeps: boolean;
  readonly #label: string;
  /** Slots that became free, as a stack; and the first that was never used. */
  readonly #free: number[] = [];
  #used = 0;
  #hand = 0;
  #bar = 0;
  #scopeActive = false;

  /** Allocates for `pinnedMax + othersMax` objects, their index, and the undo log. */
  constructor(options: ObjectCacheOptions) {
    const { kernels, objectSizeBytes, keyOffset, keySizeBytes, pinnedMax, othersMax, changesMax, label } = options;
    const { memory } = kernels;
    assert(objectSizeBytes % 16 === 0 && keyOffset % 8 === 0, () => `${label}: objects of ${objectSizeBytes} bytes`);
    assert(pinnedMax > 0 && othersMax >= 0, () => `${label}: ${pinnedMax} pinned and ${othersMax} other objects`);
    // One more for the object that is being composed.
    this.capacity = pinnedMax + othersMax + 1;
    this.objectSizeBytes = objectSizeBytes;
    this.#memory = memory;
    this.#keyOffset = keyOffset;
    this.#label = label;
    this.#keeps = othersMax > 0;
    const Index = keySizeBytes === 16 ? IdIndex : U64Index;
    this.#index = new Index(kernels, { capacity: this.capacity, label });
    this.#objects = memory.allocate(this.capacity * objectSizeBytes, 64, label);
    this.states = memory.allocate(4 * this.capacity, 64, label);
    this.#states = memory.u32.subarray(this.states / 4, this.states / 4 + this.capacity);
    this.#undo = new UndoLog(memory, objectSizeBytes, changesMax, label);
  }

  /** How many keys the cache knows. */
  get count(): number {
    return this.#index.count;
  }

  get scopeActive(): boolean {
    return this.#scopeActive;
  }

  /** Where the hash index from keys to slots is. */
  get index(): Pointer {
    return this.#index.pointer;
  }

  /** The state of an object that is written in this bar, once. */
  get stateWritten(): number {
    return ((this.#bar << BAR_SHIFT) | (1 << USES_SHIFT) | Content.object) >>> 0;
  }

  /** The slot of a key, or {@link UNKNOWN}. */
  find(key: Pointer): number {
    const slot = this.#index.get(key);
    return slot === absent ? UNKNOWN : slot;
  }

  /** The same, and what is found stays until the bar ends. */
  pin(key: Pointer): number {
    const slot = this.find(key);
    if (slot !== UNKNOWN) this.#pinSlot(slot);
    return slot;
  }

  /**
   * The same for many keys, `strideBytes` apart: writes their slots as u32 to `slots`, `absent` for those that the cache knows
   * nothing of.
   */
  pinMany(keys: Pointer, strideBytes: number, count: number, slots: Pointer): void {
    this.#index.lookupMany(keys, strideBytes, count, slots);
    const { u32 } = this.#memory;
    for (let number = 0; number < count; number += 1) {
      const slot = u32[(slots >>> 2) + number] as number;
      if (slot !== absent) this.#pinSlot(slot);
    }
  }

  contentOf(slot: number): Content {
    return ((this.#states[slot] as number) & CONTENT_MASK) as Content;
  }

  /** Where the object of a slot is. */
  pointerOf(slot: number): Pointer {
    return this.#objects + slot * this.objectSizeBytes;
  }

  /** The slot of an object that is in the cache. */
  slotOf(object: Pointer): number {
    const slot = (object - this.#objects) / this.objectSizeBytes;
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.#used || this.contentOf(slot) !== Content.object) {
      fail(`${this.#label}: there is no object at ${object}`);
    }
    return slot;
  }

  /** Makes room for an object: a slot that nobody finds until {@link add}. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.capacity) return this.#evict();
    if (!this.#keeps && this.#stale(this.#hand % Math.max(1, this.#used))) return this.#evictStale();
    this.#used += 1;
    return this.#used - 1;
  }

  /** Gives a slot from {@link take} back. */
  giveBack(slot: number): void {
    this.#release(slot);
  }

  /**
   * Adds what was composed in a slot from {@link take}, pinned. The key is new, or that of a tombstone, whose slot the object
   * gets then. Returns the object's slot.
   */
  add(slot: number, content: Content): number {
    const former = this.#index.insert(this.#keyOf(slot), slot);
    if (former === absent) {
      if (this.#scopeActive) this.#undo.push(slot, Change.added, 0);
      this.#set(slot, content);
      return slot;
    }
    if (this.contentOf(former) !== Content.tombstone)
      fail(`${this.#label}: the key of a new object is in the cache already`);
    const object = this.pointerOf(former);
    if (this.#scopeActive) this.#undo.push(former, Change.addedOverTombstone, object);
    this.#copy(object, this.pointerOf(slot));
    this.#set(former, content);
    this.#release(slot);
    return former;
  }

  /** Adds an object from the forest, pinned, with its bytes at `object`. If the key is here already, pins that. Returns the slot. */
  load(object: Pointer): number {
    assert(!this.#scopeActive, () => `${this.#label}: an object is loaded in a scope`);
    const present = this.pin(object + this.#keyOffset);
    if (present !== UNKNOWN) return present;
    const slot = this.take();
    this.#copy(this.pointerOf(slot), object);
    return this.add(slot, Content.object);
  }

  /** Adds that a key exists without an object, pinned. The rest of the object is zero. */
  addOrphan(key: Pointer, keySizeBytes: number): number {
    const present = this.pin(key);
    if (present !== UNKNOWN && this.contentOf(present) !== Content.tombstone) return present;
    const slot = this.take();
    const object = this.pointerOf(slot);
    const { bytes } = this.#memory;
    bytes.fill(0, object, object + this.objectSizeBytes);
    bytes.copyWithin(object + this.#keyOffset, key, key + keySizeBytes);
    return this.add(slot, Content.orphan);
  }

  /** Gives an object other bytes, with the same key. */
  update(slot: number, replacement: Pointer): void {
    const object = this.pointerOf(slot);
    if (this.#scopeActive) this.#undo.push(slot, Change.updated, object);
    this.#copy(object, replacement);
    this.#pinSlot(slot);
  }

  /** From now on the key does not exist. */
  remove(slot: number): void {
    assert(this.contentOf(slot) === Content.object, () => `${this.#label}: what is removed is no object`);
    if (this.#scopeActive) this.#undo.push(slot, Change.removed, 0);
    this.#set(slot, Content.tombstone);
  }

  /** Begins to remember how to take back what follows. */
  scopeOpen(): void {
    assert(!this.#scopeActive, () => `${this.#label}: scopes do not nest`);
    this.#scopeActive = true;
  }

  scopeClose(outcome: "persist" | "discard"): void {
    assert(this.#scopeActive, () => `${this.#label}: no scope is open`);
    this.#scopeActive = false;
    if (outcome === "persist") this.#undo.clear();
    else this.#undo.undo((slot, change, former) => this.#takeBack(slot, change, former));
  }

  /** Ends a bar: nothing is pinned any more. */
  endBar(): void {
    assert(!this.#scopeActive, () => `${this.#label}: a scope is open at the end of a bar`);
    this.#bar = (this.#bar + 1) % BARS;
  }

  /** Forgets everything. */
  reset(): void {
    this.#index.clear();
    this.#states.fill(0, 0, this.#used);
    this.#free.length = 0;
    this.#used = 0;
    this.#hand = 0;
    this.#scopeActive = false;
    this.#undo.clear();
  }

  #keyOf(slot: number): Pointer {
    return this.pointerOf(slot) + this.#keyOffset;
  }

  #copy(target: Pointer, source: Pointer): void {
    this.#memory.u32.copyWithin(target >>> 2, source >>> 2, (source + this.objectSizeBytes) >>> 2);
  }

  /** Sets content and pin. */
  #set(slot: number, content: Content): void {
    this.#states[slot] = ((this.#bar << BAR_SHIFT) | (1 << USES_SHIFT) | content) >>> 0;
  }

  #pinSlot(slot: number): void {
    const state = this.#states[slot] as number;
    const uses = Math.min(((state >>> USES_SHIFT) & USES_MAX) + 1, USES_MAX);
    this.#states[slot] = ((this.#bar << BAR_SHIFT) | (uses << USES_SHIFT) | (state & CONTENT_MASK)) >>> 0;
  }

  #release(slot: number): void {
    this.#states[slot] = Content.nothing;
    this.#free.push(slot);
  }

  /** Whether nobody has asked for the slot's object in this bar or the last one: it goes before memory is touched for another. */
  #stale(slot: number): boolean {
    const state = this.#states[slot] as number;
    const age = (this.#bar - (state >>> BAR_SHIFT) + BARS) % BARS;
    return (state & CONTENT_MASK) !== Content.nothing && age > 1;
  }

  /** Frees the slot at the hand, which goes around those in use only. */
  #evictStale(): number {
    const slot = this.#hand % this.#used;
    this.#hand = slot + 1;
    return this.#remove(slot);
  }

  /** Lets the hand go around: whoever is not pinned loses a use, and without any left gives up the slot. */
  #evict(): number {
    for (let step = 0; step < this.capacity * (USES_MAX + 1); step += 1) {
      const slot = this.#hand % this.capacity;
      this.#hand = slot + 1;
      const state = this.#states[slot] as number;
      if ((state & CONTENT_MASK) === Content.nothing || state >>> BAR_SHIFT === this.#bar) continue;
      if (((state >>> USES_SHIFT) & USES_MAX) > 1) {
        this.#states[slot] = state - (1 << USES_SHIFT);
        continue;
      }
      return this.#remove(slot);
    }
    fail(`${this.#label}: all ${this.capacity} objects are pinned`);
  }

  #remove(slot: number): number {
    const removed = this.#index.remove(this.#keyOf(slot));
    if (removed !== slot) fail(`${this.#label}: the object in slot ${slot} is indexed as ${removed}`);
    this.#states[slot] = Content.nothing;
    return slot;
  }

  #takeBack(slot: number, change: Change, former: Pointer): void {
    switch (change) {
      case Change.added:
        this.#index.remove(this.#keyOf(slot));
        this.#release(slot);
        break;
      case Change.addedOverTombstone:
        this.#copy(this.pointerOf(slot), former);
        this.#set(slot, Content.tombstone);
        break;
      case Change.updated:
        this.#copy(this.pointerOf(slot), former);
        break;
      case Change.removed:
        this.#set(slot, Content.object);
        break;
    }
  }
}
