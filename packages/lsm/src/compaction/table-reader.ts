/**
 * Reads the values of some tables of one level, in key order, a block at a time (spec 05 §11.1).
 *
 * A few value blocks are read ahead. When they arrive makes no difference to what is merged.
 *
 * @module
 */
import { type Block, BlockRead } from "@stagbeetle/grid";
import { assert, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import type { BlockStore } from "../block-store.ts";
import type { TableInfoView } from "../manifest/table-info.ts";
import { valueBlockAddress, valueBlockCountOf, valueBlockReference } from "../table/index-block.ts";
import { valueCountOf, valuesBegin } from "../table/value-block.ts";
import type { TreeSchema } from "../tree-schema.ts";
import { READER_INDEX_BLOCKS } from "./compaction-blocks.ts";

/** A value block that is being read, or was. */
interface Slot {
  readonly read: BlockRead;
  block: Block | null;
}

/** What a reader is made of. */
export interface TableReaderOptions {
  readonly memory: LinearMemory;
  readonly store: BlockStore;
  readonly infos: TableInfoView;
  /** How many value blocks it holds at most: the one that is merged, and those that are read ahead. */
  readonly valueBlocksMax: number;
  /** Runs whenever a block has arrived. */
  readonly onBlock: () => void;
}

/** One reader. Its position survives from beat to beat. */
export class TableReader {
  readonly #memory: LinearMemory;
  readonly #store: BlockStore;
  readonly #infos: TableInfoView;
  readonly #onBlock: () => void;
  readonly #indexRead: BlockRead;
  readonly #slotsFree: Slot[];
  /** Value blocks in key order, of which the first is being merged. */
  readonly #slots: Slot[] = [];
  /** Index blocks of the table that is being merged and, perhaps, of the one that is being read ahead. */
  readonly #indexes: Block[] = [];
  #indexReading = false;
  #schema: TreeSchema | null = null;
  #tables: readonly Pointer[] = [];
  /** The table whose index block is read next. */
  #tableNext = 0;
  /** The table that is being merged, and the value block in it. */
  #table = 0;
  #valueBlock = 0;
  /** The value block that is read next, of the last table whose index block is here. */
  #valueBlockNext = 0;
  #begin: Pointer = 0;
  #end: Pointer = 0;

  constructor({ memory, store, infos, valueBlocksMax, onBlock }: TableReaderOptions) {
    this.#memory = memory;
    this.#store = store;
    this.#infos = infos;
    this.#onBlock = onBlock;
    this.#indexRead = new BlockRead((_, block) => this.#onIndex(block as Block));
    this.#slotsFree = Array.from({ length: valueBlocksMax }, () => {
      const slot: Slot = { read: new BlockRead((_, block) => this.#onValues(slot, block as Block)), block: null };
      return slot;
    });
  }

  /** Begins to read tables; none is allowed. */
  open(schema: TreeSchema, tables: readonly Pointer[]): void {
    assert(this.exhausted && this.#indexes.length === 0 && this.#slots.length === 0, "the reader is in use");
    this.#schema = schema;
    this.#tables = [...tables];
    this.#tableNext = 0;
    this.#table = 0;
    this.#valueBlock = 0;
    this.#valueBlockNext = 0;
    this.#begin = 0;
    this.#end = 0;
    this.#readAhead();
  }

  /** Whether all values of all tables were consumed. */
  get exhausted(): boolean {
    return this.#table === this.#tables.length;
  }

  /** Whether the next values are here, or there are none. */
  get ready(): boolean {
    return this.exhausted || this.#begin < this.#end;
  }

  /** Where the values that are left of the current block begin and end; equal if the reader is exhausted. */
  get begin(): Pointer {
    return this.#begin;
  }

  get end(): Pointer {
    return this.#end;
  }

  /** Values up to `pointer` were merged. Tables of which that was the last are released. */
  consume(pointer: Pointer): void {
    assert(pointer >= this.#begin && pointer <= this.#end, () => `${pointer} is not in ${this.#begin}..${this.#end}`);
    this.#begin = pointer;
    if (pointer < this.#end || this.exhausted) return;
    this.#finishValueBlock();
  }

  /** Drops everything: reads under way were cancelled by the grid. */
  reset(): void {
    for (const slot of this.#slots.splice(0)) {
      slot.block?.release();
      slot.block = null;
      this.#slotsFree.push(slot);
    }
    for (const index of this.#indexes.splice(0)) index.release();
    this.#indexReading = false;
    this.#tables = [];
    this.#table = 0;
    this.#begin = 0;
    this.#end = 0;
  }

  #finishValueBlock(): void {
    const slot = this.#slots.shift();
    const index = this.#indexes[0];
    assert(slot?.block !== undefined && slot.block !== null && index !== undefined, "there is no current block");
    slot.block.release();
    slot.block = null;
    this.#slotsFree.push(slot);
    this.#valueBlock += 1;
    if (this.#valueBlock === valueBlockCountOf(index, this.#schemaOpen())) this.#finishTable(index);
    this.#begin = 0;
    this.#end = 0;
    this.#enter();
    this.#readAhead();
  }

  #finishTable(index: Block): void {
    const schema = this.#schemaOpen();
    for (let at = 0; at < this.#valueBlock; at += 1) {
      this.#store.release(valueBlockAddress(this.#memory, index, schema, at));
    }
    this.#store.release(index.header.address);
    this.#indexes.shift();
    index.release();
    this.#table += 1;
    this.#valueBlock = 0;
  }

  /** Makes the first value block the current one, if it is here. */
  #enter(): void {
    const block = this.#slots[0]?.block ?? null;
    if (block === null || this.#begin < this.#end) return;
    const schema = this.#schemaOpen();
    this.#begin = valuesBegin(block);
    this.#end = this.#begin + valueCountOf(block, schema) * schema.layout.sizeBytes;
  }

  #readAhead(): void {
    const schema = this.#schemaOpen();
    for (;;) {
      const index = this.#tableNext > this.#table ? this.#indexes.at(-1) : undefined;
      const left = index !== undefined && this.#valueBlockNext < valueBlockCountOf(index, schema);
      if (!left || this.#indexReading) break;
      const slot = this.#slotsFree.pop();
      if (slot === undefined) return;
      this.#slots.push(slot);
      const reference = valueBlockReference(this.#memory, index, schema, this.#valueBlockNext);
      this.#valueBlockNext += 1;
      this.#store.readBlock(slot.read, reference);
    }
    this.#readIndex();
  }

  /** Reads the next table's index block, once all value blocks of the one before are being read. */
  #readIndex(): void {
    const table = this.#tables[this.#tableNext];
    if (table === undefined || this.#indexReading || this.#indexes.length === READER_INDEX_BLOCKS) return;
    this.#indexReading = true;
    this.#store.readBlock(this.#indexRead, {
      address: this.#infos.address(table),
      checksum: this.#infos.checksum(table),
    });
  }

  #onIndex(block: Block): void {
    assert(this.#indexReading, "no index block is read");
    this.#indexReading = false;
    valueBlockCountOf(block, this.#schemaOpen());
    this.#indexes.push(block.retain());
    this.#tableNext += 1;
    this.#valueBlockNext = 0;
    this.#readAhead();
    this.#onBlock();
  }

  #onValues(slot: Slot, block: Block): void {
    assert(this.#slots.includes(slot), "a value block arrives that nobody waits for");
    slot.block = block.retain();
    this.#enter();
    this.#onBlock();
  }

  #schemaOpen(): TreeSchema {
    assert(this.#schema !== null, "the reader is not open");
    return this.#schema;
  }
}
