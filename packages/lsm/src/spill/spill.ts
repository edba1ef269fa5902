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
  /** What is read and checked at once, in bytes: two values of any tree at least. 16 KiB unless said. */
  readonly pageSizeBytes?: number;
  /** The size from which on a run goes to the disk, in bytes. 512 KiB unless said. */
  readonly runSizeMinBytes?: number;
}

const PAGE_SIZE_DEFAULT_BYTES = 16 * 1024;
const RUN_SIZE_MIN_DEFAULT_BYTES = 512 * 1024;

/** How many pages are read or written in one go where many follow each other. */
export const PAGES_AT_ONCE = 16;

/** What the runs of all trees share. One of them at a time is searched. */
export class Spill {
  readonly kernels: Kernels;
  readonly storage: SpillStorage;
  readonly pageSizeBytes: number;
  readonly runSizeMinBytes: number;
  readonly #page: Pointer;
  #pageOwner: SpilledPages | null = null;
  #pageNumber = 0;
  #sizeBytes = 0;

  constructor(kernels: Kernels, options: SpillOptions) {
    const { storage, pageSizeBytes = PAGE_SIZE_DEFAULT_BYTES, runSizeMinBytes = RUN_SIZE_MIN_DEFAULT_BYTES } = options;
    assert(Number.isInteger(pageSizeBytes) && pageSizeBytes > 0, () => `pages of ${pageSizeBytes} bytes`);
    this.kernels = kernels;
    this.storage = storage;
    this.pageSizeBytes = pageSizeBytes;
    this.runSizeMinBytes = runSizeMinBytes;
    this.#page = kernels.memory.allocate(pageSizeBytes, 64, "spill");
  }

  /** Sets bytes of the storage aside, for good. Returns where they begin. */
  allocate(sizeBytes: number): number {
    const offset = this.#sizeBytes;
    this.#sizeBytes += sizeBytes;
    assert(Number.isSafeInteger(this.#sizeBytes), () => `${this.#sizeBytes} bytes on a disk`);
    return offset;
  }

  /** A page in memory: good until another one is asked for, or this one changes. */
  page(owner: SpilledPages, number: number): Pointer {
    if (this.#pageOwner !== owner || this.#pageNumber !== number) {
      this.#pageOwner = null;
      owner.read(number, 1, this.#page);
      this.#pageOwner = owner;
      this.#pageNumber = number;
    }
    return this.#page;
  }

  /** The pages are about to change. */
  forget(owner: SpilledPages): void {
    if (this.#pageOwner === owner) this.#pageOwner = null;
  }
}
