/**
 * A groove in memory.
 *
 * @module
 */
import { assert, fail } from "@stagbeetle/kernels";
import type { GrooveDeclaration } from "@stagbeetle/lsm";
import { type ForestMemory, type Groove, NOT_FOUND, type Pointer, type ScopeOutcome } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import { timestampLanesValid } from "../timestamp.ts";
import { IndexTree } from "./index-tree.ts";
import { KeyTable } from "./key-table.ts";
import { ObjectStore } from "./object-store.ts";
import { TimestampOrder, type TimestampOrderState } from "./timestamp-order.ts";
import { UndoLog } from "./undo-log.ts";

/** What a discarded scope goes back to. */
interface Scope {
  readonly objectCount: number;
  readonly order: TimestampOrderState;
  readonly handCounts: readonly number[];
  /** Entries removed since, as pairs of index and ordinal. */
  readonly removed: number[];
}

const ORPHAN_SIZE_BYTES = 16;

/** Runs a callback later, never from inside the call. */
export type NextTick = (callback: () => void) => void;

/** Objects, their primary keys, their order and their indexes. Nothing is ever on disk, so prefetching has nothing to do. */
export class MemoryGroove implements Groove {
  readonly declaration: GrooveDeclaration;
  /** Its memory grows, and no kernel can follow that. */
  readonly window: null = null;
  readonly indexes: readonly IndexTree[];
  readonly order: TimestampOrder;
  readonly store: ObjectStore;
  readonly #memory: ForestMemory;
  readonly #nextTick: NextTick;
  readonly #keys: KeyTable | null;
  readonly #orphans: ObjectStore;
  readonly #undo: UndoLog;
  #scope: Scope | null = null;

  constructor(declaration: GrooveDeclaration, memory: ForestMemory, nextTick: NextTick) {
    assert(
      declaration.timestampOffset % 8 === 0,
      () => `${declaration.name}: timestamp at ${declaration.timestampOffset}`,
    );
    this.declaration = declaration;
    this.#memory = memory;
    this.#nextTick = nextTick;
    this.store = new ObjectStore(memory, declaration.sizeBytes, declaration.name);
    this.order = new TimestampOrder(memory, this.store, declaration.timestampOffset);
    this.indexes = declaration.indexes.map((index) => new IndexTree(index, memory, this.store, this.order));
    this.#keys = declaration.objectCache ? keyTableOf(declaration, memory) : null;
    this.#orphans = new ObjectStore(memory, ORPHAN_SIZE_BYTES, `${declaration.name} orphans`);
    this.#undo = new UndoLog(memory, declaration.sizeBytes);
  }

  /** Makes room for what one operation may write. May change the memory's views. */
  reserve(): void {
    assert(this.#scope === null, () => `${this.declaration.name}: a scope is left open`);
    this.store.reserve(this.declaration.valuesPerBatch);
    this.#keys?.reserve(this.declaration.valuesPerBatch);
    if (this.declaration.orphans) this.#orphans.reserve(this.declaration.valuesPerBatch);
  }

  enqueue(_keys: Uint32Array, _at: number): void {
    if (this.#keys === null) fail(`${this.declaration.name} has no lookups`);
  }

  enqueueTimestamp(_timestamps: Uint32Array, _at: number): void {
    if (this.#keys === null) fail(`${this.declaration.name} has no lookups`);
  }

  prefetch(callback: () => void): void {
    this.order.catchUp();
    this.#nextTick(callback);
  }

  get(keys: Uint32Array, at: number): Pointer {
    if (this.#keys === null) fail(`${this.declaration.name} has no lookups`);
    return this.#keys.find(keys, at);
  }

  getByTimestamp(timestamps: Uint32Array, at: number): Pointer {
    const position = this.order.find(timestamps, at);
    return position === -1 ? NOT_FOUND : this.store.pointerOf(this.order.ordinalAt(position));
  }

  newerThanAll(timestamps: Uint32Array, at: number): boolean {
    return u64.lessThan(this.order.newest, 0, timestamps, at);
  }

  slot(): Pointer {
    return this.store.next();
  }

  insert(): Pointer {
    const object = this.store.next();
    const timestampLane = (object + this.declaration.timestampOffset) >>> 2;
    const lanes = this.#memory.u32;
    if (!timestampLanesValid(lanes, timestampLane)) fail(`${this.declaration.name}: inserted without a timestamp`);
    this.#keys?.insert(object, false);
    this.order.inserted(lanes, timestampLane);
    this.store.append();
    return object;
  }

  update(object: Pointer, replacement: Pointer): void {
    const lanes = this.#memory.u32;
    const at = object >>> 2;
    const from = replacement >>> 2;
    const sizeLanes = this.declaration.sizeBytes >>> 2;
    for (const index of this.indexes) {
      if (index.built && index.changes(object, replacement)) index.invalidate();
    }
    if (this.#scope !== null) this.#undo.remember(object);
    let changed = false;
    for (let lane = 0; lane < sizeLanes; lane += 1) {
      changed ||= lanes[at + lane] !== lanes[from + lane];
      lanes[at + lane] = lanes[from + lane] as number;
    }
    if (!changed) fail(`${this.declaration.name}: an update that changes nothing`);
  }

  insertOrphan(keys: Uint32Array, at: number): void {
    assert(this.declaration.orphans && this.#keys !== null, () => `${this.declaration.name} has no orphans`);
    assert(this.#scope === null, "an orphan is inserted inside a scope");
    const orphan = this.#orphans.next();
    const lanes = this.#memory.u32;
    for (let lane = 0; lane < ORPHAN_SIZE_BYTES / 4; lane += 1)
      lanes[(orphan >>> 2) + lane] = keys[at + lane] as number;
    this.#keys.insert(orphan, true);
    this.#orphans.append();
  }

  putEntry(index: number, values: Uint32Array, at: number, object: Pointer): void {
    const ordinal = this.store.count - 1;
    assert(this.store.pointerOf(ordinal) === object, "entries are put by hand for the object just inserted");
    this.#indexAt(index).put(values, at, ordinal);
  }

  removeEntry(index: number, object: Pointer): void {
    const timestampLane = (object + this.declaration.timestampOffset) >>> 2;
    const ordinal = this.order.findOrdinal(this.#memory.u32, timestampLane);
    assert(ordinal !== -1, () => `${this.declaration.name}: the object of a removed entry does not exist`);
    this.#indexAt(index).setRemoved(ordinal, true);
    this.#scope?.removed.push(index, ordinal);
  }

  scopeOpen(): void {
    assert(this.#scope === null, () => `${this.declaration.name}: scopes do not nest`);
    this.#scope = {
      objectCount: this.store.count,
      order: this.order.save(),
      handCounts: this.indexes.map((index) => index.handCount),
      removed: [],
    };
  }

  scopeClose(outcome: ScopeOutcome): void {
    const scope = this.#scope;
    assert(scope !== null, () => `${this.declaration.name}: no scope is open`);
    this.#scope = null;
    if (outcome === "discard") this.#restore(scope);
    this.#undo.clear();
  }

  get scopeActive(): boolean {
    return this.#scope !== null;
  }

  indexOf(name: string): number {
    const index = this.declaration.indexes.findIndex((declaration) => declaration.name === name);
    assert(index !== -1, () => `${this.declaration.name} has no index ${name}`);
    return index;
  }

  #indexAt(index: number): IndexTree {
    const tree = this.indexes[index];
    assert(tree !== undefined, () => `${this.declaration.name} has no index ${index}`);
    return tree;
  }

  #restore(scope: Scope): void {
    this.#undo.restore();
    for (let ordinal = this.store.count - 1; ordinal >= scope.objectCount; ordinal -= 1) {
      this.#keys?.removeNewest(this.store.pointerOf(ordinal));
    }
    this.store.truncate(scope.objectCount);
    this.order.restore(scope.order);
    for (const [index, count] of scope.handCounts.entries()) this.#indexAt(index).truncateHand(count);
    for (let pair = 0; pair < scope.removed.length; pair += 2) {
      this.#indexAt(scope.removed[pair] as number).setRemoved(scope.removed[pair + 1] as number, false);
    }
  }
}

function keyTableOf(declaration: GrooveDeclaration, memory: ForestMemory): KeyTable {
  const primaryKey = declaration.primaryKey;
  if (primaryKey === "timestamp") return new KeyTable(memory, 2, declaration.timestampOffset);
  const index = declaration.indexes.find(({ name }) => name === primaryKey.index);
  assert(index?.kind === "unique", () => `${declaration.name}: the primary key ${primaryKey.index} is not unique`);
  assert(index.source.from === "field", () => `${declaration.name}: the primary key is not a field`);
  // A burnt key is stored alone, at offset 0.
  assert(!declaration.orphans || index.source.offset === 0, () => `${declaration.name}: the key is not at offset 0`);
  return new KeyTable(memory, 4, index.source.offset);
}
