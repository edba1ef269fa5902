/**
 * Going through a file entry by entry (spec 06 §2.7, §2.8).
 *
 * @module
 */
import type { Config } from "@stagbeetle/vsr-protocol";
import type { AOFEntry } from "./entry.ts";
import { type EntryFault, EntryReader } from "./entry-reader.ts";
import type { ReadableFile } from "./file.ts";

/** What is wrong at a place of the file. */
export type AOFFault = EntryFault | "AOFChecksumChainMismatch";

/** One step of an iterator: an entry, good until the next step; something else than an entry; or the end. */
export type IteratorStep =
  | { readonly kind: "entry"; readonly entry: AOFEntry; readonly offset: number }
  | { readonly kind: "fault"; readonly fault: AOFFault; readonly offset: number }
  | { readonly kind: "end" };

/** How to make an iterator. */
export interface IteratorOptions {
  readonly config: Config;
  readonly file: ReadableFile;
  /** Whether every entry must be the child of the one before it; true unless said otherwise. */
  readonly validateChain?: boolean;
  /** To share the buffer of several iterators that are used one at a time. */
  readonly reader?: EntryReader;
}

const END: IteratorStep = { kind: "end" };

/**
 * Steps from entry to entry. At a fault it stays where it is: `skip` goes on behind it.
 *
 * @example
 * ```ts
 * for (let step = iterator.next(); step.kind !== "end"; step = iterator.next()) {
 *   if (step.kind === "entry") console.log(step.entry.header.op);
 *   else iterator.skipFault(step.fault);
 * }
 * ```
 */
export class Iterator {
  readonly #file: ReadableFile;
  readonly #reader: EntryReader;
  readonly #validateChain: boolean;
  #offset = 0;
  #lastChecksum: bigint | null = null;

  constructor({ config, file, validateChain = true, reader = new EntryReader(config) }: IteratorOptions) {
    this.#file = file;
    this.#reader = reader;
    this.#validateChain = validateChain;
  }

  /** Where the next step looks, in bytes. */
  get offset(): number {
    return this.#offset;
  }

  /** The size of the file in bytes. */
  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /** The entry at the offset, which moves behind it. */
  next(): IteratorStep {
    const offset = this.#offset;
    if (offset >= this.#file.sizeBytes) return END;
    const entry = this.#reader.read(this.#file, offset);
    if (typeof entry === "string") return { kind: "fault", fault: entry, offset };
    const { header } = entry;
    if (this.#validateChain && this.#lastChecksum !== null && header.parent !== this.#lastChecksum) {
      return { kind: "fault", fault: "AOFChecksumChainMismatch", offset };
    }
    this.#lastChecksum = header.checksum;
    this.#offset = offset + entry.sizeDisk;
    return { kind: "entry", entry, offset };
  }

  /**
   * Moves to the next magic number that is `count` or more bytes behind the offset, or to the end.
   *
   * @returns how many bytes are passed over.
   */
  skip(count: number): number {
    const offset = Math.min(this.#offset + count, this.#file.sizeBytes);
    const skipped = this.#reader.find(this.#file, offset) - this.#offset;
    this.#offset += skipped;
    return skipped;
  }

  /**
   * Goes on behind a fault that `next` returned: at the next magic number, but not at the one that it is about; where only the
   * chain is broken, with the same entry as the beginning of another chain.
   *
   * @returns how many bytes are passed over.
   */
  skipFault(fault: AOFFault): number {
    if (fault !== "AOFChecksumChainMismatch") return this.skip(fault === "AOFMagicNumberMismatch" ? 0 : 1);
    this.#lastChecksum = null;
    return 0;
  }

  /** Goes on at an offset that was seen before. What is there begins a chain of its own. */
  moveTo(offset: number): void {
    this.#offset = offset;
    this.#lastChecksum = null;
  }

  /** Begins again. */
  reset(): void {
    this.moveTo(0);
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}
