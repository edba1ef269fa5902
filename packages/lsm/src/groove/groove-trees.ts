/**
 * What writes to a groove bring to its trees: the object tree and the index trees (spec 05 §4).
 *
 * Lookups and the cache of objects are not here: this is the part that is part of the format.
 *
 * @module
 */
import { assert, type Kernels, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import type { Forest } from "../forest.ts";
import { KeyRange } from "../key.ts";
import type { MemoryTableState } from "../memory-table/memory-table.ts";
import type { PendingValues } from "../memory-table/tree-memory.ts";
import type { Tree } from "../tree.ts";
import type { GrooveDeclaration } from "./declaration.ts";
import { IndexEntries } from "./index-entries.ts";

/** What one tree returns to if a scope is discarded. */
interface SavedTree {
  readonly tree: Tree;
  readonly keyRange: KeyRange;
  table: MemoryTableState;
}

/**
 * The trees of one groove.
 *
 * Objects that are inserted one after the other get their index entries all at once, and only when somebody looks at one of the
 * trees or does something else to the groove: the values of each tree come in the same order as if each object had brought
 * its own.
 */
export class GrooveTrees implements PendingValues {
  readonly declaration: GrooveDeclaration;
  readonly objects: Tree;
  readonly indexes: readonly IndexEntries[];
  readonly #kernels: Kernels;
  readonly #memory: LinearMemory;
  /** Lanes of an object that decide about its entries. */
  readonly #indexedLanes: Uint32Array;
  readonly #saved: readonly SavedTree[];
  #scopeActive = false;
  /** The last so many values of the object tree are objects whose entries are pending. */
  #pendingCount = 0;

  constructor(declaration: GrooveDeclaration, forest: Forest, kernels: Kernels) {
    const { memory } = kernels;
    assert(
      declaration.timestampOffset % 8 === 0,
      () => `${declaration.name}: timestamp at ${declaration.timestampOffset}`,
    );
    this.declaration = declaration;
    this.#kernels = kernels;
    this.#memory = memory;
    this.objects = forest.tree(declaration.treeId);
    this.indexes = declaration.indexes.map(
      (index) => new IndexEntries(declaration, index, forest.tree(index.treeId), kernels),
    );
    this.#indexedLanes = Uint32Array.from(new Set(this.indexes.flatMap(({ lanes }) => lanes)));
    this.#saved = this.trees().map((tree) => ({
      tree,
      keyRange: new KeyRange(memory, "scopes"),
      table: tree.memory.mutable.save(),
    }));
    for (const tree of this.trees()) tree.memory.setPending(this);
  }

  /** The object tree, then the index trees as declared. */
  trees(): readonly Tree[] {
    return [this.objects, ...this.indexes.map(({ tree }) => tree)];
  }

  /** Adds a new object, whose bytes are at `object`. */
  insert(object: Pointer): void {
    this.#putObject(object);
    this.objects.keyRangeWritable.extendU64(this.#memory.u32, this.#timestampLane(object));
    this.#pendingCount += 1;
  }

  /** So many objects were written behind the values of the object tree, new, in the order of their timestamps. */
  inserted(count: number): void {
    const { writable } = this.objects.memory;
    const first = writable.valuesEnd;
    writable.put(count);
    const { keyRangeWritable } = this.objects;
    keyRangeWritable.extendU64(this.#memory.u32, this.#timestampLane(first));
    keyRangeWritable.extendU64(this.#memory.u32, this.#timestampLane(writable.valuesEnd - this.declaration.sizeBytes));
    this.#pendingCount += count;
  }

  /** So many objects were written there that replace others, without any change to what is indexed. */
  updated(count: number): void {
    this.bring();
    this.objects.memory.writable.put(count);
  }

  /** Replaces the object at `object` by the one at `replacement`, which differs but has the same timestamp. */
  update(object: Pointer, replacement: Pointer): void {
    this.bring();
    if (this.#entriesChange(object, replacement)) {
      const timestamp = this.#timestampLane(object);
      for (const index of this.indexes) index.update(object, replacement, timestamp);
    }
    this.#putObject(replacement);
  }

  /** Removes an object. No state machine does; tests of the forest do. */
  remove(object: Pointer): void {
    this.bring();
    const { writable } = this.objects.memory;
    const { bytes, u32 } = this.#memory;
    const timestamp = this.#timestampLane(object);
    const value = writable.slot();
    bytes.fill(0, value, value + this.declaration.sizeBytes);
    const target = this.#timestampLane(value);
    u32[target] = u32[timestamp] as number;
    u32[target + 1] = (u32[timestamp + 1] as number) | 0x8000_0000;
    writable.put();
    for (const index of this.indexes) index.remove(object, timestamp);
  }

  /** Burns a primary key: four lanes at `keys[at]`. Never in a scope. */
  insertOrphan(index: number, keys: Uint32Array, at: number): void {
    assert(this.declaration.orphans && !this.#scopeActive, () => `${this.declaration.name}: an orphan in a scope`);
    this.bring();
    this.#index(index).putOrphan(keys, at);
  }

  /** Adds an entry by hand: the field's lanes at `values[at]`, the timestamp of the object at `object`. */
  putEntry(index: number, values: Uint32Array, at: number, object: Pointer): void {
    const entries = this.#index(index);
    if (entries.declaration.source.from !== "hand") this.bring();
    entries.put(values, at, this.#timestampLane(object));
  }

  /** Removes the entry that an object has in an index. */
  removeEntry(index: number, object: Pointer): void {
    this.bring();
    const removed = this.#index(index).remove(object, this.#timestampLane(object));
    assert(removed, () => `${this.declaration.name}: the object has no entry in index ${index}`);
  }

  /** The index whose entries are put one by one, or null. There is one at most. */
  indexByHand(): IndexEntries | null {
    const found = this.indexes.filter(({ declaration }) => declaration.source.from === "hand");
    assert(found.length <= 1, () => `${this.declaration.name}: ${found.length} indexes are filled by hand`);
    return found[0] ?? null;
  }

  /** Puts the entries that are pending. */
  bring(): void {
    const count = this.#pendingCount;
    if (count === 0) return;
    this.#pendingCount = 0;
    const { sizeBytes } = this.declaration;
    const objects = this.objects.memory.writable.valuesEnd - count * sizeBytes;
    for (const index of this.indexes) index.insert(objects, count);
  }

  /** Forgets them: their objects are gone. */
  drop(): void {
    this.#pendingCount = 0;
  }

  /** Whether a scope is open. */
  get scopeActive(): boolean {
    return this.#scopeActive;
  }

  /** Remembers where all trees are. Scopes do not nest and do not span ops. */
  scopeOpen(): void {
    assert(!this.#scopeActive, () => `${this.declaration.name}: scopes do not nest`);
    this.#scopeActive = true;
    for (const saved of this.#saved) {
      saved.table = saved.tree.memory.mutable.save();
      saved.keyRange.copy(saved.tree.keyRange);
    }
  }

  /** Keeps what was written since {@link scopeOpen}, or takes it back. */
  scopeClose(outcome: "persist" | "discard"): void {
    assert(this.#scopeActive, () => `${this.declaration.name}: no scope is open`);
    this.#scopeActive = false;
    if (outcome === "persist") return;
    this.drop();
    for (const { tree, table, keyRange } of this.#saved) {
      tree.memory.mutable.restore(table);
      tree.keyRange.copy(keyRange);
    }
  }

  /** Adds an object to its tree, where it may have been composed. */
  #putObject(object: Pointer): void {
    const { writable } = this.objects.memory;
    const value = writable.slot();
    if (value !== object) this.#kernels.copyRecord(value, object, this.declaration.sizeBytes);
    writable.put();
  }

  /** Whether an update may concern an entry: most change balances only. */
  #entriesChange(object: Pointer, replacement: Pointer): boolean {
    const { u32 } = this.#memory;
    const a = object >>> 2;
    const b = replacement >>> 2;
    for (const lane of this.#indexedLanes) if (u32[a + lane] !== u32[b + lane]) return true;
    return false;
  }

  #index(number: number): IndexEntries {
    const index = this.indexes[number];
    assert(index !== undefined, () => `${this.declaration.name} has no index ${number}`);
    return index;
  }

  #timestampLane(object: Pointer): number {
    return (object + this.declaration.timestampOffset) >>> 2;
  }
}
