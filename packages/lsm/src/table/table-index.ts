/**
 * The index block of a table that is being made: it is complete when the checksums of all its value blocks are there.
 *
 * @module
 */
import type { Block } from "@stagbeetle/grid";
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import type { TreeSchema } from "../tree-schema.ts";
import { clearIndex, type IndexEntry, setIndexChecksum, setIndexEntry } from "./index-block.ts";

/** One index block, held by whoever makes the table. */
export class TableIndex {
  readonly block: Block;
  readonly schema: TreeSchema;
  readonly #memory: LinearMemory;
  #entryCount = 0;
  #checksumCount = 0;

  /** Takes a lent block over. */
  constructor(memory: LinearMemory, block: Block, schema: TreeSchema) {
    this.#memory = memory;
    this.block = block;
    this.schema = schema;
    clearIndex(block, schema);
  }

  /** How many value blocks the table has. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** Whether no value block's checksum is missing. */
  get complete(): boolean {
    return this.#checksumCount === this.#entryCount;
  }

  /** Adds a value block behind those that the table has. Returns its number; its checksum is to follow. */
  add(entry: IndexEntry): number {
    setIndexEntry(this.#memory, this.block, this.schema, this.#entryCount, entry);
    this.#entryCount += 1;
    return this.#entryCount - 1;
  }

  /** Adds the checksum of value block `number`, which is sealed now. */
  addChecksum(number: number, valueBlock: Block): void {
    assert(!this.complete, () => `${this.schema.name}: value block ${number} is one too many`);
    setIndexChecksum(this.#memory, this.block, this.schema, number, valueBlock);
    this.#checksumCount += 1;
  }
}
