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
import type { Tree } from "../tree.ts";
import type { GrooveDeclaration } from "./declaration.ts";
import { IndexEntries } from "./index-entries.ts";

/** What one tree returns to if a scope is discarded. */
interface SavedTree {
  readonly tree: Tree;
  readonly keyRange: KeyRange;
  table: MemoryTableState;
}

/** The trees of one groove. */
export class GrooveTrees {
  readonly declaration: GrooveDeclaration;
  readonly objects: Tree;
  readonly indexes: readonly IndexEntries[];
  readonly #memory: LinearMemory;
  readonly #saved: readonly SavedTree[];
  #scopeActive = false;

  constructor(declaration: GrooveDeclaration, forest: Forest, { memory }: Kernels) {
    assert(
      declaration.timestampOffset % 8 === 0,
      () => `${declaration.name}: timestamp at ${declaration.timestampOffset}`,
    );
    this.declaration = declaration;
    this.#memory = memory;
    this.objects = forest.tree(declaration.treeId);
    this.indexes = declaration.indexes.map((index) => new IndexEntries(index, forest.tree(index.treeId), memory));
    this.#saved = this.trees().map((tree) => ({
      tree,
      keyRange: new KeyRange(memory, "scopes"),
      table: tree.memory.mutable.save(),
    }));
  }

  /** The object tree, then the index trees as declared. */
  trees(): readonly Tree[] {
    return [this.objects, ...this.indexes.map(({ tree }) => tree)];
  }

  /** Adds a new object, whose bytes are at `object`. */
  insert(object: Pointer): void {
    this.objects.extendKeyRange(this.#putObject(object));
    const timestamp = this.#timestampLane(object);
    for (const index of this.indexes) index.insert(object, timestamp);
  }

  /** Replaces the object at `object` by the one at `replacement`, which differs but has the same timestamp. */
  update(object: Pointer, replacement: Pointer): void {
    const timestamp = this.#timestampLane(object);
    for (const index of this.indexes) index.update(object, replacement, timestamp);
    this.#putObject(replacement);
  }

  /** Removes an object. No state machine does; tests of the forest do. */
  remove(object: Pointer): void {
    const { mutable } = this.objects.memory;
    const { bytes, u32 } = this.#memory;
    const timestamp = this.#timestampLane(object);
    const value = mutable.slot();
    bytes.fill(0, value, value + this.declaration.sizeBytes);
    const target = this.#timestampLane(value);
    u32[target] = u32[timestamp] as number;
    u32[target + 1] = (u32[timestamp + 1] as number) | 0x8000_0000;
    mutable.put();
    for (const index of this.indexes) index.remove(object, timestamp);
  }

  /** Burns a primary key: four lanes at `keys[at]`. Never in a scope. */
  insertOrphan(index: number, keys: Uint32Array, at: number): void {
    assert(this.declaration.orphans && !this.#scopeActive, () => `${this.declaration.name}: an orphan in a scope`);
    this.#index(index).putOrphan(keys, at);
  }

  /** Adds an entry by hand: the field's lanes at `values[at]`, the timestamp of the object at `object`. */
  putEntry(index: number, values: Uint32Array, at: number, object: Pointer): void {
    this.#index(index).put(values, at, this.#timestampLane(object));
  }

  /** Removes the entry that an object has in an index. */
  removeEntry(index: number, object: Pointer): void {
    const removed = this.#index(index).remove(object, this.#timestampLane(object));
    assert(removed, () => `${this.declaration.name}: the object has no entry in index ${index}`);
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
    for (const { tree, table, keyRange } of this.#saved) {
      tree.memory.mutable.restore(table);
      tree.keyRange.copy(keyRange);
    }
  }

  #putObject(object: Pointer): Pointer {
    const { mutable } = this.objects.memory;
    const value = mutable.slot();
    this.#memory.u32.copyWithin(value >>> 2, object >>> 2, (object + this.declaration.sizeBytes) >>> 2);
    mutable.put();
    return value;
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
