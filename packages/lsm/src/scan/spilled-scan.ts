/**
 * The values of a run on the disk within a range, a page at a time.
 *
 * @module
 */
import { assert, type Pointer } from "@stagbeetle/kernels";
import type { ReadableTree } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import type { Spill } from "../spill/spill.ts";
import type { SpilledRun } from "../spill/spilled-run.ts";
import { type SpanSource, ValueSpan } from "./source.ts";
import type { Direction } from "./timestamp-scan.ts";

/** One run at a time, again and again. Pages are there when the call that reads them ends. */
export class SpilledScan implements SpanSource {
  /** The values that are at hand. */
  readonly span: ValueSpan = new ValueSpan();
  readonly #page: Pointer;
  #tree: ReadableTree | null = null;
  #run: SpilledRun | null = null;
  #direction: Direction = "ascending";
  /** The values of the run that have still to be brought, from the first to before the last. */
  #begin = 0;
  #end = 0;

  constructor({ kernels, pageSizeBytes }: Spill) {
    this.#page = kernels.memory.allocate(pageSizeBytes, 64, "scans");
  }

  /** Begins a scan of a run from `min` to `max`. It must not change before `close`. */
  open(tree: ReadableTree, run: SpilledRun, min: KeyPointer, max: KeyPointer, direction: Direction): void {
    assert(this.#run === null, "the run is being scanned");
    this.#tree = tree;
    this.#run = run;
    this.#direction = direction;
    this.#begin = run.lowerBound(min);
    this.#end = Math.max(this.#begin, run.upperBound(max));
    this.span.clear();
  }

  prepare(): boolean {
    if (this.span.empty && this.#begin < this.#end) this.#bringPage();
    return true;
  }

  probe(key: KeyPointer): void {
    assert(this.#tree !== null && this.#run !== null, "the run is not being scanned");
    this.span.probe(this.#tree, key, this.#direction);
    // What is still at hand comes before all that is not.
    if (!this.span.empty || this.#begin === this.#end) return;
    if (this.#direction === "ascending") {
      this.#begin = Math.min(this.#end, Math.max(this.#begin, this.#run.lowerBound(key)));
    } else {
      this.#end = Math.max(this.#begin, Math.min(this.#end, this.#run.upperBound(key)));
    }
  }

  close(): void {
    this.#tree = null;
    this.#run = null;
    this.#begin = 0;
    this.#end = 0;
    this.span.clear();
  }

  /** Takes what the next page in the direction has of the range. */
  #bringPage(): void {
    assert(this.#run !== null, "the run is not being scanned");
    const { pages } = this.#run;
    const ascending = this.#direction === "ascending";
    const page = Math.floor((ascending ? this.#begin : this.#end - 1) / pages.valuesPerPage);
    const pageBegin = page * pages.valuesPerPage;
    const begin = Math.max(this.#begin, pageBegin);
    const end = Math.min(this.#end, pageBegin + pages.countOf(page));
    assert(begin < end, () => `page ${page} has nothing of ${this.#begin}..${this.#end}`);
    pages.read(page, 1, this.#page);
    this.span.setAll(this.#page + (begin - pageBegin) * pages.valueSizeBytes, end - begin, pages.valueSizeBytes);
    if (ascending) this.#begin = end;
    else this.#end = begin;
  }
}
