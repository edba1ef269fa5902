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
import { setIndexMetadata } from "./index-block.ts";
import { TableIndex } from "./table-index.ts";
import { setValueMetadata, valueBlockSizeBytes, valuesBegin } from "./value-block.ts";

/** A value block that was built, but for its checksums: `sizeBytes` with its header, number `number` of its table. */
export interface BuiltValueBlock {
  readonly block: Block;
  readonly sizeBytes: number;
  readonly index: TableIndex;
  readonly number: number;
}

/** A table that was built, but for its checksum. The keys are good until the next table is begun. */
export interface BuiltTable {
  readonly keyMin: KeyPointer;
  readonly keyMax: KeyPointer;
  /** Of the index block. */
  readonly address: number;
  readonly valueCount: number;
}

/** At most one open value block and one open index block, for one tree at a time. */
export class TableBuilder {
  readonly #kernels: Kernels;
  readonly #store: BlockStore;
  /** First key of the table; first and last key of the value block that is being written. */
  readonly #keyMin: KeyPointer;
  readonly #blockKeyMin: KeyPointer;
  readonly #blockKeyMax: KeyPointer;
  #valueBlock: Block | null = null;
  #index: TableIndex | null = null;
  #valueCount = 0;
  #tableValueCount = 0;

  constructor(kernels: Kernels, store: BlockStore) {
    this.#kernels = kernels;
    this.#store = store;
    this.#keyMin = kernels.memory.allocate(3 * keySlotSizeBytes, 16, "compaction");
    this.#blockKeyMin = this.#keyMin + keySlotSizeBytes;
    this.#blockKeyMax = this.#blockKeyMin + keySlotSizeBytes;
  }

  /** Whether neither block is open. */
  get closed(): boolean {
    return this.#valueBlock === null && this.#index === null;
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
    return this.#index !== null && this.#index.entryCount === this.#index.schema.valueBlocksMax;
  }

  get indexBlockOpen(): boolean {
    return this.#index !== null;
  }

  #schema: TreeSchema | null = null;
  #values: ValueKernels | null = null;

  /** Sees to it that both blocks are open, for values of this tree. */
  prepare(schema: TreeSchema, values: ValueKernels): void {
    assert(this.closed || this.#schema === schema, () => `${schema.name}: a table of another tree is being built`);
    this.#schema = schema;
    this.#values = values;
    if (this.#index === null) {
      this.#index = new TableIndex(this.#kernels.memory, this.#store.lendBlock(), schema);
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
   * @returns the block, which the caller holds now and has to seal; null if it had no values.
   */
  finishValueBlock(acquire: () => number, snapshot: number): BuiltValueBlock | null {
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
    const begin = valuesBegin(block);
    values.writeKey(begin, this.#blockKeyMin);
    assert(
      index.entryCount === 0 || compareKeys(memory.u32, this.#blockKeyMax, this.#blockKeyMin) < 0,
      () => `${schema.name}: value block ${index.entryCount} does not follow the one before it`,
    );
    values.writeKey(begin + (this.#valueCount - 1) * schema.layout.sizeBytes, this.#blockKeyMax);
    if (index.entryCount === 0) memory.bytes.copyWithin(this.#keyMin, this.#blockKeyMin, this.#blockKeyMax);
    const number = index.add({ keyMin: this.#blockKeyMin, keyMax: this.#blockKeyMax, address });
    this.#tableValueCount += this.#valueCount;
    return { block, sizeBytes: valueBlockSizeBytes(schema, this.#valueCount), index, number };
  }

  /**
   * Ends the table.
   *
   * @returns the table and its index block, which the caller holds now and has to seal when all checksums of value blocks
   * are in it; null if the table had no values.
   */
  finishIndexBlock(acquire: () => number, snapshot: number): { index: TableIndex; table: BuiltTable } | null {
    const { block: valueBlock, index, schema } = this.#open();
    assert(valueBlock === null, "the last value block is open");
    this.#index = null;
    if (index.entryCount === 0) {
      index.block.release();
      return null;
    }
    const address = acquire();
    this.#store.beginBlock(index.block, address, BlockType.index, snapshot);
    setIndexMetadata(index.block, schema, index.entryCount);
    const table = { keyMin: this.#keyMin, keyMax: this.#blockKeyMax, address, valueCount: this.#tableValueCount };
    return { index, table };
  }

  /** Drops what is open. */
  reset(): void {
    this.#valueBlock?.release();
    this.#index?.block.release();
    this.#valueBlock = null;
    this.#index = null;
  }

  #schemaOpen(): TreeSchema {
    assert(this.#schema !== null, "no table is being built");
    return this.#schema;
  }

  #open(): { block: Block | null; index: TableIndex; schema: TreeSchema; values: ValueKernels } {
    assert(this.#index !== null && this.#values !== null, "no table is being built");
    return { block: this.#valueBlock, index: this.#index, schema: this.#schemaOpen(), values: this.#values };
  }
}
