/**
 * Ascending values on the disk, in pages of which memory has the first key and the checksum.
 *
 * @module
 */
import { assert, checksumSizeBytes, keySlotSizeBytes, type Pointer, type ValueKernels } from "@stagbeetle/kernels";
import { fatal, FatalReason } from "@stagbeetle/vsr-protocol";
import { compareKeys, type KeyPointer } from "../key.ts";
import type { TreeSchema } from "../tree-schema.ts";
import type { Spill } from "./spill.ts";

/** Grows by appending, and shrinks to nothing. */
export class SpilledPages {
  /** All pages but the last have so many values. */
  readonly valuesPerPage: number;
  /** Tells owners of pages apart. */
  readonly ownerNumber: number;
  readonly #spill: Spill;
  readonly #schema: TreeSchema;
  readonly #values: ValueKernels;
  /** Where the values are on the disk: one behind the other. */
  readonly #offset: number;
  readonly #firstKeys: KeyPointer;
  readonly #checksums: Pointer;
  /** Of a page that was read. */
  readonly #checksumRead: Pointer;
  readonly #lastKey: KeyPointer;
  #count = 0;

  constructor(spill: Spill, schema: TreeSchema, values: ValueKernels) {
    const { memory } = spill.kernels;
    const { sizeBytes } = schema.layout;
    this.#spill = spill;
    this.#schema = schema;
    this.#values = values;
    this.valuesPerPage = Math.floor(spill.pageSizeBytes / sizeBytes);
    assert(this.valuesPerPage >= 2, () => `${schema.name}: a page has room for ${this.valuesPerPage} values`);
    const pagesMax = Math.ceil(schema.valueCountMax / this.valuesPerPage);
    const { offset, ownerNumber } = spill.allocate(schema.valueCountMax * sizeBytes);
    this.#offset = offset;
    this.ownerNumber = ownerNumber;
    this.#firstKeys = memory.allocate((pagesMax + 1) * keySlotSizeBytes, 16, "spill");
    this.#lastKey = this.#firstKeys + pagesMax * keySlotSizeBytes;
    this.#checksums = memory.allocate((pagesMax + 1) * checksumSizeBytes, 16, "spill");
    this.#checksumRead = this.#checksums + pagesMax * checksumSizeBytes;
  }

  /** Values in all pages. */
  get count(): number {
    return this.#count;
  }

  /** The size of a value, in bytes. */
  get valueSizeBytes(): number {
    return this.#schema.layout.sizeBytes;
  }

  get pageCount(): number {
    return Math.ceil(this.#count / this.valuesPerPage);
  }

  /** The first key of the first page; there is one. */
  get firstKey(): KeyPointer {
    assert(this.#count > 0, () => `${this.#schema.name}: no values, no key`);
    return this.#firstKeys;
  }

  /** The last key of the last page; there is one. */
  get lastKey(): KeyPointer {
    assert(this.#count > 0, () => `${this.#schema.name}: no values, no key`);
    return this.#lastKey;
  }

  /** How many values a page has. */
  countOf(page: number): number {
    assert(page >= 0 && page < this.pageCount, () => `${this.#schema.name}: page ${page} of ${this.pageCount}`);
    return Math.min(this.valuesPerPage, this.#count - page * this.valuesPerPage);
  }

  /** The page that has the key, if any has; −1 if the key is below all of them. */
  pageWith(key: KeyPointer): number {
    const { pageCount } = this;
    const below = this.#values.keyLowerBound(this.#firstKeys, keySlotSizeBytes, pageCount, key);
    if (below < pageCount && this.#begins(below, key)) return below;
    return below - 1;
  }

  /** Reads so many pages, one behind the other, to `target`. Ends the process if they are not what was written. */
  read(page: number, pageCount: number, target: Pointer): void {
    const { memory } = this.#spill.kernels;
    const { sizeBytes } = this.#schema.layout;
    const last = page + pageCount - 1;
    const count = (pageCount - 1) * this.valuesPerPage + this.countOf(last);
    const bytes = memory.bytes.subarray(target, target + count * sizeBytes);
    this.#spill.storage.read(this.#offset + page * this.valuesPerPage * sizeBytes, bytes);
    for (let number = page; number <= last; number += 1) {
      this.#verify(number, target + (number - page) * this.valuesPerPage * sizeBytes);
    }
  }

  /** Adds `count` values, which follow each other in ascending order, above all that are there. */
  append(values: Pointer, count: number): void {
    const { sizeBytes } = this.#schema.layout;
    assert(count > 0, () => `${this.#schema.name}: nothing is appended`);
    assert(
      this.#count + count <= this.#schema.valueCountMax,
      () => `${this.#schema.name}: ${count} values behind ${this.#count}`,
    );
    const filled = this.#fillLastPage(values, count);
    for (let at = filled; at < count;) {
      const part = Math.min(count - at, this.#spill.pagesAtOnce * this.valuesPerPage);
      this.#write(this.#count / this.valuesPerPage, values + at * sizeBytes, part);
      this.#count += part;
      at += part;
    }
    this.#values.writeKey(values + (count - 1) * sizeBytes, this.#lastKey);
  }

  clear(): void {
    this.#spill.forget(this);
    this.#count = 0;
  }

  /** A page is written as a whole: what it has is read for that. Returns how many values went there. */
  #fillLastPage(values: Pointer, count: number): number {
    const there = this.#count % this.valuesPerPage;
    if (there === 0) return 0;
    const { memory } = this.#spill.kernels;
    const { sizeBytes } = this.#schema.layout;
    const part = Math.min(count, this.valuesPerPage - there);
    const number = this.pageCount - 1;
    const page = this.#spill.page(this, number);
    this.#spill.forget(this);
    memory.bytes.copyWithin(page + there * sizeBytes, values, values + part * sizeBytes);
    this.#write(number, page, there + part);
    this.#count += part;
    return part;
  }

  /** Writes pages from the first on. */
  #write(page: number, values: Pointer, count: number): void {
    const { kernels, storage } = this.#spill;
    const { sizeBytes } = this.#schema.layout;
    assert(Number.isInteger(page), () => `${this.#schema.name}: writes at page ${page}`);
    for (let at = 0, number = page; at < count; at += this.valuesPerPage, number += 1) {
      const begin = values + at * sizeBytes;
      const inPage = Math.min(this.valuesPerPage, count - at);
      this.#values.writeKey(begin, this.#firstKeys + number * keySlotSizeBytes);
      kernels.checksum(begin, inPage * sizeBytes, this.#checksums + number * checksumSizeBytes);
    }
    const bytes = kernels.memory.bytes.subarray(values, values + count * sizeBytes);
    storage.write(this.#offset + page * this.valuesPerPage * sizeBytes, bytes);
  }

  #verify(page: number, values: Pointer): void {
    const { kernels } = this.#spill;
    kernels.checksum(values, this.countOf(page) * this.#schema.layout.sizeBytes, this.#checksumRead);
    if (kernels.checksumEquals(this.#checksumRead, this.#checksums + page * checksumSizeBytes)) return;
    fatal(
      FatalReason.cli,
      `values of ${this.#schema.name} that waited on the disk to be flushed came back damaged; nothing is lost, but that disk should be replaced before the next start`,
    );
  }

  #begins(page: number, key: KeyPointer): boolean {
    const { u32 } = this.#spill.kernels.memory;
    return compareKeys(u32, this.#firstKeys + page * keySlotSizeBytes, key) === 0;
  }
}
