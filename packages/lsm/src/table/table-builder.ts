/**
 * Builds a table: value blocks one after the other, then its index block (spec 05 §11.4).
 *
 * Both may be carried over from one beat to the next without an address: a block gets its address when it is written.
 *
 * @module
 */
import type { Block } from "@stagbeetle/grid";
import { assert, type Kernels, keySlotSizeBytes, type Pointer, type ValueKernels } from "@stagbeetle/kernels";
import { BlockType } from "@stagbeetle/vsr-protocol";
import type { BlockStore } from "../block-store.ts";
import { compareKeys, type KeyPointer } from "../key.ts";
import type { TreeSchema } from "../tree-schema.ts";
import { clearIndex, setIndexEntry, setIndexMetadata } from "./index-block.ts";
import { setValueMetadata, valueBlockSizeBytes, valuesBegin } from "./value-block.ts";

/** A table that was built. The keys and the checksum are good until the next table is begun. */
export interface BuiltTable {
  readonly keyMin: KeyPointer;
  readonly keyMax: KeyPointer;
  /** Where the checksum of the index block is. */
  readonly checksum: Pointer;
  readonly address: number;
  readonly valueCount: number;
}

/** At most one open value block and one open index block, for one tree at a time. */
export class TableBuilder {
  readonly #kernels: Kernels;
  readonly #store: BlockStore;
  /** First key of the table; first and last key of the value block that is being written; checksum of the index. */
  readonly #keyMin: KeyPointer;
  readonly #blockKeyMin: KeyPointer;
  readonly #blockKeyMax: KeyPointer;
  readonly #checksum: Pointer;
  #valueBlock: Block | null = null;
  #indexBlock: Block | null = null;
  #valueCount = 0;
  #valueBlockCount = 0;
  #tableValueCount = 0;

  constructor(kernels: Kernels, store: BlockStore) {
    this.#kernels = kernels;
    this.#store = store;
    this.#keyMin = kernels.memory.allocate(3 * keySlotSizeBytes + 16, 16, "compaction");
    this.#blockKeyMin = this.#keyMin + keySlotSizeBytes;
    this.#blockKeyMax = this.#blockKeyMin + keySlotSizeBytes;
    this.#checksum = this.#blockKeyMax + keySlotSizeBytes;
  }

  /** Whether neither block is open. */
  get closed(): boolean {
    return this.#valueBlock === null && this.#indexBlock === null;
  }

  /** Whether a value block is open. */
  get valueBlockOpen(): boolean {
    return this.#valueBlock !== null;
  }

  /** Values of the open value block. */
  get valueCount(): number {
    return this.#valueCount;
  }

  get valueBlockFull(): boolean {
    return this.#valueBlock !== null && this.#valueCount === this.#schemaOpen().valuesPerBlock;
  }

  get indexBlockFull(): boolean {
    return this.#indexBlock !== null && this.#valueBlockCount === this.#schemaOpen().valueBlocksMax;
  }

  get indexBlockOpen(): boolean {
    return this.#indexBlock !== null;
  }

  #schema: TreeSchema | null = null;
  #values: ValueKernels | null = null;

  /** Sees to it that both blocks are open, for values of this tree. */
  prepare(schema: TreeSchema, values: ValueKernels): void {
    assert(this.closed || this.#schema === schema, () => `${schema.name}: a table of another tree is being built`);
    this.#schema = schema;
    this.#values = values;
    if (this.#indexBlock === null) {
      this.#indexBlock = this.#store.lendBlock();
      clearIndex(this.#indexBlock, schema);
      this.#valueBlockCount = 0;
      this.#tableValueCount = 0;
    }
    if (this.#valueBlock === null) {
      this.#valueBlock = this.#store.lendBlock();
      this.#valueCount = 0;
    }
  }

  /** Where the next value goes. */
  get roomBegin(): Pointer {
    assert(this.#valueBlock !== null, "no value block is open");
    return valuesBegin(this.#valueBlock) + this.#valueCount * this.#schemaOpen().layout.sizeBytes;
  }

  /** Where the room for values ends. */
  get roomEnd(): Pointer {
    assert(this.#valueBlock !== null, "no value block is open");
    const { valuesPerBlock, layout } = this.#schemaOpen();
    return valuesBegin(this.#valueBlock) + valuesPerBlock * layout.sizeBytes;
  }

  /** `count` values were written to the room. */
  add(count: number): void {
    assert(this.#valueCount + count <= this.#schemaOpen().valuesPerBlock, () => `${count} values are too many`);
    this.#valueCount += count;
  }

  /**
   * Ends the open value block.
   *
   * @returns the block, to be written and released by the caller; null if it had no values.
   */
  finishValueBlock(acquire: () => number, snapshot: number): Block | null {
    const { block, index, schema, values } = this.#open();
    assert(block !== null, "no value block is open");
    this.#valueBlock = null;
    if (this.#valueCount === 0) {
      block.release();
      return null;
    }
    const { memory } = this.#kernels;
    const address = acquire();
    this.#store.beginBlock(block, address, BlockType.value, snapshot);
    setValueMetadata(block, schema, this.#valueCount);
    this.#store.sealBlock(block, valueBlockSizeBytes(schema, this.#valueCount));
    const begin = valuesBegin(block);
    values.writeKey(begin, this.#blockKeyMin);
    assert(
      this.#valueBlockCount === 0 || compareKeys(memory.u32, this.#blockKeyMax, this.#blockKeyMin) < 0,
      () => `${schema.name}: value block ${this.#valueBlockCount} does not follow the one before it`,
    );
    values.writeKey(begin + (this.#valueCount - 1) * schema.layout.sizeBytes, this.#blockKeyMax);
    if (this.#valueBlockCount === 0) memory.bytes.copyWithin(this.#keyMin, this.#blockKeyMin, this.#blockKeyMax);
    setIndexEntry(memory, index, schema, this.#valueBlockCount, {
      keyMin: this.#blockKeyMin,
      keyMax: this.#blockKeyMax,
      block: block.pointer,
      address,
    });
    this.#valueBlockCount += 1;
    this.#tableValueCount += this.#valueCount;
    return block;
  }

  /**
   * Ends the table.
   *
   * @returns the index block, to be written and released by the caller, and the table; null if the table had no values.
   */
  finishIndexBlock(acquire: () => number, snapshot: number): { block: Block; table: BuiltTable } | null {
    const { block: valueBlock, index: block, schema } = this.#open();
    assert(valueBlock === null, "the last value block is open");
    this.#indexBlock = null;
    if (this.#valueBlockCount === 0) {
      block.release();
      return null;
    }
    const address = acquire();
    this.#store.beginBlock(block, address, BlockType.index, snapshot);
    setIndexMetadata(block, schema, this.#valueBlockCount);
    this.#store.sealBlock(block, schema.indexBlockSizeBytes);
    this.#kernels.memory.bytes.copyWithin(this.#checksum, block.pointer, block.pointer + 16);
    const table = {
      keyMin: this.#keyMin,
      keyMax: this.#blockKeyMax,
      checksum: this.#checksum,
      address,
      valueCount: this.#tableValueCount,
    };
    return { block, table };
  }

  /** Drops what is open. */
  reset(): void {
    this.#valueBlock?.release();
    this.#indexBlock?.release();
    this.#valueBlock = null;
    this.#indexBlock = null;
  }

  #schemaOpen(): TreeSchema {
    assert(this.#schema !== null, "no table is being built");
    return this.#schema;
  }

  #open(): { block: Block | null; index: Block; schema: TreeSchema; values: ValueKernels } {
    assert(this.#indexBlock !== null && this.#values !== null, "no table is being built");
    return { block: this.#valueBlock, index: this.#indexBlock, schema: this.#schemaOpen(), values: this.#values };
  }
}
