/**
 * Looking up one key in one tree: in the immutable table, then level by level, the newest first (spec 05 §16.4).
 *
 * ```text
 *   begin ─▶ table ─▶ index ─▶ value ─▶ found, or the next level's table
 *              └──── of no level ────▶ absent
 * ```
 *
 * As long as memory has the blocks, a lookup is one call. Otherwise it waits for a block where it stands, and goes on.
 *
 * @module
 */
import { type Block, BlockRead } from "@stagbeetle/grid";
import { assert, type Pointer } from "@stagbeetle/kernels";
import type { BlockReference } from "@stagbeetle/vsr-protocol";
import type { ReadableTree, ReadContext } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import { valueBlockReference } from "../table/index-block.ts";
import { valueCountOf, valuesBegin } from "../table/value-block.ts";
import { isTombstone } from "../value.ts";
import { NO_VALUE_BLOCK, valueBlockWith } from "./index-search.ts";

/** What a lookup gives if no value has the key, or the newest one is a tombstone. */
export const ABSENT: Pointer = 0;

/** What a lookup gives if it has to read a block first. */
export const NEEDS_READ = -2;

/** Where a lookup stands: it wants a table of the level, or a block of that table. */
type Stage = "idle" | "table" | "index" | "value";

/** One lookup at a time, again and again. */
export class TreeLookup {
  readonly #context: ReadContext;
  readonly #onEnd: (value: Pointer) => void;
  readonly #read: BlockRead;
  #tree: ReadableTree | null = null;
  #key: KeyPointer = 0;
  #snapshot = 0;
  #level = 0;
  #stage: Stage = "idle";
  #wanted: BlockReference = { address: 0, checksum: 0n };

  /**
   * @param onEnd gets what was found by a lookup that had to read: the value, good until it returns, or {@link ABSENT}.
   *   The lookup may begin anew from within.
   */
  constructor(context: ReadContext, onEnd: (value: Pointer) => void) {
    this.#context = context;
    this.#onEnd = onEnd;
    this.#read = new BlockRead((_, block) => this.#onBlock(block as Block));
  }

  /**
   * Looks for a key with what is in memory. The mutable table is not looked at.
   *
   * @param key must not change before the lookup ends.
   * @param immutable whether the immutable table may have the key: if not, it is not searched.
   * @returns the value, good until control returns to the grid; {@link ABSENT}; or {@link NEEDS_READ}: then {@link read}
   *   goes on, unless nobody wants to know any more.
   */
  begin(tree: ReadableTree, snapshot: number, key: KeyPointer, immutable: boolean = true): Pointer {
    assert(this.#read.state === "idle", () => `${tree.schema.name}: the lookup waits for a block`);
    this.#tree = tree;
    this.#snapshot = snapshot;
    this.#key = key;
    this.#level = 0;
    const found = immutable ? tree.memory.immutable.find(key) : 0;
    if (found !== 0) return this.#end(found);
    this.#stage = "table";
    return this.#search();
  }

  /** Reads what is not in memory, and goes on from there to the end. */
  read(): void {
    assert(this.#stage === "index" || this.#stage === "value", () => `a lookup reads while ${this.#stage}`);
    this.#context.store.readBlock(this.#read, this.#wanted);
  }

  /** The grid has dropped all reads. */
  reset(): void {
    this.#stage = "idle";
  }

  #search(): Pointer {
    const tree = this.#treeOpen();
    while (this.#level < tree.levels.length) {
      if (this.#stage === "table" && !this.#findTable(tree)) continue;
      const block = this.#context.store.readBlockFromMemory(this.#wanted);
      if (block === null) return NEEDS_READ;
      const value = this.#searchBlock(tree, block);
      if (value !== 0) return this.#end(value);
    }
    this.#stage = "idle";
    return ABSENT;
  }

  /** Comes to the index block of the level's table with the key; if there is none, to the next level. */
  #findTable(tree: ReadableTree): boolean {
    const { infos } = this.#context;
    const table = tree.levels[this.#level]?.lookup(this.#snapshot, this.#key) ?? 0;
    if (table === 0) {
      this.#level += 1;
      return false;
    }
    this.#wanted = { address: infos.address(table), checksum: infos.checksum(table) };
    this.#stage = "index";
    return true;
  }

  /** Goes on with a block that was wanted: the value, or 0 if it is not there, and the next thing is to be wanted. */
  #searchBlock(tree: ReadableTree, block: Block): Pointer {
    const { schema } = tree;
    if (this.#stage === "value") {
      const value = tree.values.find(valuesBegin(block), valueCountOf(block, schema), this.#key);
      if (value === 0) this.#nextLevel();
      return value;
    }
    const valueBlock = valueBlockWith(tree, block, this.#key);
    if (valueBlock === NO_VALUE_BLOCK) {
      this.#nextLevel();
    } else {
      this.#wanted = valueBlockReference(this.#context.memory, block, schema, valueBlock);
      this.#stage = "value";
    }
    return 0;
  }

  #nextLevel(): void {
    this.#level += 1;
    this.#stage = "table";
  }

  #onBlock(block: Block): void {
    const value = this.#searchBlock(this.#treeOpen(), block);
    const found = value === 0 ? this.#search() : this.#end(value);
    if (found === NEEDS_READ) this.read();
    else this.#onEnd(found);
  }

  #end(value: Pointer): Pointer {
    this.#stage = "idle";
    return isTombstone(this.#context.memory.u32, this.#treeOpen().schema.layout, value) ? ABSENT : value;
  }

  #treeOpen(): ReadableTree {
    assert(this.#tree !== null, "the lookup has not begun");
    return this.#tree;
  }
}
