/**
 * Looks one key up in a tree: in its immutable table, then in one table of each level, from the newest to the oldest
 * (spec 05 §16.4).
 *
 * What memory has is used at once; from the first block that it lacks on, the lookup goes on when the block arrives.
 *
 * @module
 */
import { type Block, BlockRead } from "@stagbeetle/grid";
import { assert, keySlotSizeBytes, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import type { BlockReference } from "@stagbeetle/vsr-protocol";
import type { BlockStore } from "../block-store.ts";
import { type KeyPointer, copyKey } from "../key.ts";
import type { TableInfoView } from "../manifest/table-info.ts";
import { valueBlockCountOf, valueBlockReference } from "../table/index-block.ts";
import { valueCountOf, valuesBegin } from "../table/value-block.ts";
import type { Tree } from "../tree.ts";

/** What lookups need of their forest. */
export interface LookupContext {
  readonly memory: LinearMemory;
  readonly store: BlockStore;
  readonly infos: TableInfoView;
}

/** Gets the value with the key, a tombstone too, which is good during the call; or 0 if there is none. */
export type LookupCallback = (value: Pointer) => void;

/** What a block that arrives is. */
type Step = "index" | "value";

/** One lookup at a time; allocated once and used again and again. */
export class PointLookup {
  readonly #context: LookupContext;
  readonly #read: BlockRead;
  readonly #key: KeyPointer;
  #tree: Tree | null = null;
  #snapshot = 0;
  #level = 0;
  #step: Step = "index";
  #callback: LookupCallback | null = null;

  constructor(context: LookupContext) {
    this.#context = context;
    this.#key = context.memory.allocate(keySlotSizeBytes, 16, "lookups");
    this.#read = new BlockRead((_, block) => this.#onBlock(block as Block));
  }

  /** Whether a lookup is under way. */
  get busy(): boolean {
    return this.#callback !== null;
  }

  /** Looks up a key, which is copied. The callback may run from inside the call. */
  start(tree: Tree, snapshot: number, key: KeyPointer, callback: LookupCallback): void {
    assert(!this.busy, "a lookup is under way");
    const { immutable, snapshotMin } = tree.memory;
    const found = snapshot >= snapshotMin ? immutable.find(key) : 0;
    if (found !== 0) {
      callback(found);
      return;
    }
    copyKey(this.#context.memory.u32, this.#key, key);
    this.#tree = tree;
    this.#snapshot = snapshot;
    this.#level = 0;
    this.#callback = callback;
    this.#searchLevels();
  }

  /** Forgets the lookup: its read was cancelled by the grid. */
  reset(): void {
    this.#callback = null;
    this.#tree = null;
  }

  #searchLevels(): void {
    const { infos } = this.#context;
    const tree = this.#treeOpen();
    for (; this.#level < tree.levels.length; this.#level += 1) {
      const table = tree.level(this.#level).lookup(this.#snapshot, this.#key);
      if (table === 0) continue;
      const reference = { address: infos.address(table), checksum: infos.checksum(table) };
      const index = this.#blockNow(reference, "index");
      if (index === null) return;
      const outcome = this.#searchIndex(index);
      if (outcome !== "missed") return;
    }
    this.#finish(0);
  }

  /** Goes on with the value block that may have the key. `missed`: the table does not have it. */
  #searchIndex(index: Block): "missed" | "pending" | "done" {
    const { memory } = this.#context;
    const tree = this.#treeOpen();
    const { schema, values } = tree;
    const { keySizeBytes } = schema;
    const count = valueBlockCountOf(index, schema);
    const at = values.keyLowerBound(index.pointer + schema.keyMaxOffset, keySizeBytes, count, this.#key);
    if (at === count) return "missed";
    // How many first keys, of one, are above the key: none, if the block spans it.
    const keyMin = index.pointer + schema.keyMinOffset + at * keySizeBytes;
    if (!values.keyAtMost(keyMin, this.#key)) return "missed";
    const block = this.#blockNow(valueBlockReference(memory, index, schema, at), "value");
    if (block === null) return "pending";
    return this.#searchValues(block) ? "done" : "missed";
  }

  #searchValues(block: Block): boolean {
    const { schema, values } = this.#treeOpen();
    const found = values.find(valuesBegin(block), valueCountOf(block, schema), this.#key);
    if (found === 0) return false;
    this.#finish(found);
    return true;
  }

  #blockNow(reference: BlockReference, step: Step): Block | null {
    const { store } = this.#context;
    const block = store.readBlockFromMemory(reference);
    if (block !== null) return block;
    this.#step = step;
    store.readBlock(this.#read, reference);
    return null;
  }

  #onBlock(block: Block): void {
    const done = this.#step === "index" ? this.#searchIndex(block) !== "missed" : this.#searchValues(block);
    if (done) return;
    this.#level += 1;
    this.#searchLevels();
  }

  #finish(value: Pointer): void {
    const callback = this.#callback;
    assert(callback !== null, "no lookup is under way");
    this.#callback = null;
    this.#tree = null;
    callback(value);
  }

  #treeOpen(): Tree {
    assert(this.#tree !== null, "no lookup is under way");
    return this.#tree;
  }
}
