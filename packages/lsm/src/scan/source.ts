/**
 * One of the sorted sequences that a scan merges: a run of a memory table, or the tables of a level.
 *
 * @module
 */
import type { Pointer } from "@stagbeetle/kernels";
import type { ReadableTree } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import type { Direction } from "./timestamp-scan.ts";

/** What brings values to hand, for a sequence that does not lie in memory as a whole. */
export interface SpanSource {
  /** The values that are at hand. */
  readonly span: ValueSpan;
  /** Sees to it that the span has values, or that there are no more. False if blocks have to be read for that. */
  prepare(): boolean;
  /** Skips to `key` in the direction; it is not behind what was yielded last. */
  probe(key: KeyPointer): void;
}

/** Values with ascending keys that lie one behind the other. They are taken from either end. */
export class ValueSpan {
  #begin: Pointer = 0;
  #end: Pointer = 0;

  get empty(): boolean {
    return this.#begin === this.#end;
  }

  clear(): void {
    this.#begin = 0;
    this.#end = 0;
  }

  /** Takes those of `count` values that have keys from `min` to `max`. */
  set(tree: ReadableTree, values: Pointer, count: number, min: KeyPointer, max: KeyPointer): void {
    const { sizeBytes } = tree.schema.layout;
    this.#begin = values + tree.values.lowerBound(values, count, min) * sizeBytes;
    this.#end = Math.max(this.#begin, values + tree.values.upperBound(values, count, max) * sizeBytes);
  }

  /** Takes all of `count` values. */
  setAll(values: Pointer, count: number, sizeBytes: number): void {
    this.#begin = values;
    this.#end = values + count * sizeBytes;
  }

  /** The next value in the direction; there is one. */
  head(sizeBytes: number, direction: Direction): Pointer {
    return direction === "ascending" ? this.#begin : this.#end - sizeBytes;
  }

  /** Drops the next value. */
  advance(sizeBytes: number, direction: Direction): void {
    if (direction === "ascending") this.#begin += sizeBytes;
    else this.#end -= sizeBytes;
  }

  /** Drops values before `key` in the direction. */
  probe(tree: ReadableTree, key: KeyPointer, direction: Direction): void {
    const { sizeBytes } = tree.schema.layout;
    const count = (this.#end - this.#begin) / sizeBytes;
    if (count === 0) return;
    if (direction === "ascending") this.#begin += tree.values.lowerBound(this.#begin, count, key) * sizeBytes;
    else this.#end = this.#begin + tree.values.upperBound(this.#begin, count, key) * sizeBytes;
  }
}
