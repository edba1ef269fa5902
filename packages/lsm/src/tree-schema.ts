/**
 * The shape of one tree: its values, and how many of them fit a table, in memory and on disk (spec 05 §3.2, §5.3).
 *
 * @module
 */
import { assert, keySizeBytesOf, type ValueLayout } from "@stagbeetle/kernels";
import { type Config, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

/** What a forest is told about a tree. */
export interface TreeDeclaration {
  /** Unique in the forest, from 1; part of the data file's format. */
  readonly treeId: number;
  /** For people: `Transfer.debit_account_id`. */
  readonly name: string;
  readonly layout: ValueLayout;
  /** The most values that one op adds to the tree, tombstones included. */
  readonly valuesPerBatch: number;
}

const CHECKSUM_SLOT_SIZE_BYTES = 32;
const ADDRESS_SIZE_BYTES = 8;

/** Everything that follows from a declaration and the cluster's configuration. */
export class TreeSchema {
  readonly treeId: number;
  readonly name: string;
  readonly layout: ValueLayout;
  /** The size of a key in index blocks, in bytes. */
  readonly keySizeBytes: number;
  /** How many values a table in memory has room for: a bar's. */
  readonly valueCountMax: number;
  /** How many values a value block has room for. */
  readonly valuesPerBlock: number;
  /** How many value blocks a table on disk has at most. */
  readonly valueBlocksMax: number;
  /** Where the arrays of an index block begin, in bytes from the block's start: checksums, first keys, last keys, addresses. */
  readonly checksumsOffset: number = HEADER_SIZE_BYTES;
  readonly keyMinOffset: number;
  readonly keyMaxOffset: number;
  readonly addressesOffset: number;
  /** The size of every index block of the tree, header included: its arrays are never shortened. */
  readonly indexBlockSizeBytes: number;

  constructor(config: Config, declaration: TreeDeclaration) {
    const { treeId, name, layout, valuesPerBatch } = declaration;
    assert(Number.isInteger(treeId) && treeId > 0 && treeId < 0x1_0000, () => `${name}: tree ${treeId}`);
    assert(Number.isInteger(valuesPerBatch) && valuesPerBatch > 0, () => `${name}: ${valuesPerBatch} values per batch`);
    this.treeId = treeId;
    this.name = name;
    this.layout = layout;
    this.keySizeBytes = keySizeBytesOf(layout.key);
    this.valueCountMax = config.cluster.lsmCompactionOps * valuesPerBatch;
    this.valuesPerBlock = Math.floor(config.derived.blockBodySizeMax / layout.sizeBytes);
    this.valueBlocksMax = Math.ceil(this.valueCountMax / this.valuesPerBlock);
    this.keyMinOffset = this.checksumsOffset + this.valueBlocksMax * CHECKSUM_SLOT_SIZE_BYTES;
    this.keyMaxOffset = this.keyMinOffset + this.valueBlocksMax * this.keySizeBytes;
    this.addressesOffset = this.keyMaxOffset + this.valueBlocksMax * this.keySizeBytes;
    this.indexBlockSizeBytes = this.addressesOffset + this.valueBlocksMax * ADDRESS_SIZE_BYTES;
    assert(this.valueCountMax % 2 === 0, () => `${name}: half of ${this.valueCountMax} values is no count`);
    assert(
      this.indexBlockSizeBytes <= config.cluster.blockSize,
      () => `${name}: an index block of ${this.indexBlockSizeBytes} bytes`,
    );
  }

  /** Where the checksum of value block `index` is in an index block. */
  checksumOffset(index: number): number {
    return this.checksumsOffset + index * CHECKSUM_SLOT_SIZE_BYTES;
  }

  /** Where the address of value block `index` is in an index block. */
  addressOffset(index: number): number {
    return this.addressesOffset + index * ADDRESS_SIZE_BYTES;
  }
}
