/**
 * Brings a run on the disk to memory, some pages at a time, from its first value to its last.
 *
 * @module
 */
import { assert, type Pointer, type Run, type RunSource } from "@stagbeetle/kernels";
import type { Spill } from "./spill.ts";
import type { SpilledPages } from "./spilled-pages.ts";

/** One run at a time, again and again. The run must not change meanwhile. */
export class SpilledReader implements RunSource {
  readonly #pagesAtOnce: number;
  /** Pieces go to two places in turn, so that the last value of one is there while the next is read. */
  readonly #places: readonly [Pointer, Pointer];
  #pages: SpilledPages | null = null;
  #page = 0;

  constructor(spill: Spill) {
    const { kernels, pageSizeBytes, pagesAtOnce } = spill;
    const sizeBytes = pagesAtOnce * pageSizeBytes;
    const first = kernels.memory.allocate(2 * sizeBytes, 64, "spill");
    this.#pagesAtOnce = pagesAtOnce;
    this.#places = [first, first + sizeBytes];
  }

  /** Begins with the first page. */
  open(pages: SpilledPages): this {
    this.#pages = pages;
    this.#page = 0;
    return this;
  }

  get left(): number {
    const pages = this.#opened();
    return Math.max(0, pages.count - this.#page * pages.valuesPerPage);
  }

  next(): Run {
    const pages = this.#opened();
    const pageCount = Math.min(this.#pagesAtOnce, pages.pageCount - this.#page);
    assert(pageCount > 0, () => `the reader is behind page ${this.#page}`);
    const before = this.left;
    const begin = this.#places[(this.#page / this.#pagesAtOnce) % 2 === 0 ? 0 : 1];
    pages.read(this.#page, pageCount, begin);
    this.#page += pageCount;
    return { begin, end: begin + (before - this.left) * pages.valueSizeBytes };
  }

  #opened(): SpilledPages {
    assert(this.#pages !== null, "the reader has no run");
    return this.#pages;
  }
}
