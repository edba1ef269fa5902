/**
 * Where memory tables keep on a disk what waits to be flushed.
 *
 * The format lets values of many bars wait until half a table is full: 166 MiB in all trees of the ledger, 32 in one of them.
 * A forest that is to stay small keeps the sorted run of the bars before the last on a disk, and in memory only what the
 * last two bars wrote. It is the same run either way: the same values are consumed at the same beats, and what goes to
 * the grid is the same to the byte.
 *
 * @module
 */
import { assert, type Kernels, type Pointer } from "@stagbeetle/kernels";
import type { SpillStorage } from "@stagbeetle/vsr-protocol";
import type { SpilledPages } from "./spilled-pages.ts";

/** Where values are kept, and how. */
export interface SpillOptions {
  readonly storage: SpillStorage;
  /** What has a checksum, in bytes: two values of any tree at least. 4 KiB unless said. */
  readonly pageSizeBytes?: number;
  /** How many pages are read or written in one go where many follow each other. 64 unless said. */
  readonly pagesAtOnce?: number;
  /** The size from which on a run goes to the disk, in bytes. 512 KiB unless said. */
  readonly runSizeMinBytes?: number;
}

const PAGE_SIZE_DEFAULT_BYTES = 4 * 1024;
const PAGES_AT_ONCE_DEFAULT = 64;
const RUN_SIZE_MIN_DEFAULT_BYTES = 512 * 1024;

/** Pages that were searched and are likely to be again. */
const PAGES_CACHED = 256;
/** Spreads the pages of different owners: the first pages of all of them would share a place. */
const OWNER_STRIDE = 61;

/** What the runs of all trees share. */
export class Spill {
  readonly kernels: Kernels;
  readonly storage: SpillStorage;
  readonly pageSizeBytes: number;
  readonly pagesAtOnce: number;
  readonly runSizeMinBytes: number;
  /** Each page has one place among the cached ones, by its owner and number. */
  readonly #cache: Pointer;
  readonly #owners: (SpilledPages | null)[] = Array.from({ length: PAGES_CACHED }, () => null);
  readonly #numbers: Uint32Array = new Uint32Array(PAGES_CACHED);
  #sizeBytes = 0;
  #ownerCount = 0;

  constructor(kernels: Kernels, options: SpillOptions) {
    const { storage, pageSizeBytes = PAGE_SIZE_DEFAULT_BYTES, pagesAtOnce = PAGES_AT_ONCE_DEFAULT } = options;
    assert(Number.isInteger(pageSizeBytes) && pageSizeBytes > 0, () => `pages of ${pageSizeBytes} bytes`);
    assert(Number.isInteger(pagesAtOnce) && pagesAtOnce > 0, () => `${pagesAtOnce} pages at once`);
    this.kernels = kernels;
    this.storage = storage;
    this.pageSizeBytes = pageSizeBytes;
    this.pagesAtOnce = pagesAtOnce;
    this.runSizeMinBytes = options.runSizeMinBytes ?? RUN_SIZE_MIN_DEFAULT_BYTES;
    this.#cache = kernels.memory.allocate(PAGES_CACHED * pageSizeBytes, 64, "spill");
  }

  /** Sets bytes of the storage aside for an owner of pages, for good. Returns where they begin, and the owner's number. */
  allocate(sizeBytes: number): { readonly offset: number; readonly ownerNumber: number } {
    const offset = this.#sizeBytes;
    this.#sizeBytes += sizeBytes;
    assert(Number.isSafeInteger(this.#sizeBytes), () => `${this.#sizeBytes} bytes on a disk`);
    this.#ownerCount += 1;
    return { offset, ownerNumber: this.#ownerCount };
  }

  /** A page in memory: good until another one is asked for, or this one changes. */
  page(owner: SpilledPages, number: number): Pointer {
    const place = (owner.ownerNumber * OWNER_STRIDE + number) % PAGES_CACHED;
    const page = this.#cache + place * this.pageSizeBytes;
    if (this.#owners[place] !== owner || this.#numbers[place] !== number) {
      this.#owners[place] = null;
      owner.read(number, 1, page);
      this.#owners[place] = owner;
      this.#numbers[place] = number;
    }
    return page;
  }

  /** The owner's pages are about to change. */
  forget(owner: SpilledPages): void {
    for (let place = 0; place < PAGES_CACHED; place += 1) {
      if (this.#owners[place] === owner) this.#owners[place] = null;
    }
  }
}
