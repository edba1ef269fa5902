/**
 * The memory of an in-memory forest: one linear memory that grows between operations, up to a limit.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { fatal, FatalReason } from "@stagbeetle/vsr-protocol";
import type { ForestMemory, Pointer } from "../forest.ts";

const PAGE_SIZE_BYTES = 0x1_0000;

/** The most that 32-bit pointers reach, less one page so that sizes fit as well: 4 GiB − 64 KiB. */
export const MEMORY_SIZE_BYTES_MAX: number = 0x1_0000_0000 - PAGE_SIZE_BYTES;

/** Grown by at least this, so that growing is rare. */
const GROWTH_SIZE_BYTES_MIN = 16 * 1024 * 1024;

/** Pointers below are never given out: they would look like `NOT_FOUND` or `ORPHANED`. */
const RESERVED_SIZE_BYTES = 64;

/** A WebAssembly memory: growing keeps every pointer, costs no copy, and takes pages only when they are touched. */
export class GrowingMemory implements ForestMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #sizeBytesMax: number;
  #allocatedSizeBytes = RESERVED_SIZE_BYTES;
  #bytes: Uint8Array;
  #view: DataView;
  #u32: Uint32Array;

  /** @param sizeBytesMax what the memory may grow to; reaching it is fatal. */
  constructor(sizeBytesMax: number) {
    assert(
      sizeBytesMax >= PAGE_SIZE_BYTES && sizeBytesMax <= MEMORY_SIZE_BYTES_MAX,
      () => `a memory of at most ${sizeBytesMax} bytes`,
    );
    this.#sizeBytesMax = sizeBytesMax;
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: Math.ceil(sizeBytesMax / PAGE_SIZE_BYTES) });
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#u32 = new Uint32Array(this.#memory.buffer);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get view(): DataView {
    return this.#view;
  }

  get u32(): Uint32Array {
    return this.#u32;
  }

  /** How much was allocated, in bytes. */
  get allocatedSizeBytes(): number {
    return this.#allocatedSizeBytes;
  }

  /** @throws FatalError if the limit is reached. */
  allocate(sizeBytes: number, alignment: number, label: string): Pointer {
    assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, () => `${sizeBytes} bytes for ${label}`);
    assert(alignment >= 8 && (alignment & (alignment - 1)) === 0, () => `alignment ${alignment} for ${label}`);
    const pointer = Math.ceil(this.#allocatedSizeBytes / alignment) * alignment;
    const end = pointer + sizeBytes;
    if (end > this.#sizeBytesMax) {
      fatal(
        FatalReason.storageSizeWouldExceedLimit,
        `the in-memory store is full: ${label} needs ${sizeBytes} bytes more than the limit of ${this.#sizeBytesMax}`,
      );
    }
    if (end > this.#bytes.length) this.#grow(end);
    this.#allocatedSizeBytes = end;
    return pointer;
  }

  #grow(sizeBytes: number): void {
    const wanted = Math.max(sizeBytes, this.#bytes.length + GROWTH_SIZE_BYTES_MIN);
    const target = Math.ceil(Math.min(wanted, this.#sizeBytesMax) / PAGE_SIZE_BYTES);
    try {
      this.#memory.grow(target - this.#bytes.length / PAGE_SIZE_BYTES);
    } catch {
      fatal(FatalReason.storageSizeWouldExceedLimit, `the system refuses ${target} pages of 64 KiB of memory`);
    }
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#u32 = new Uint32Array(this.#memory.buffer);
  }
}
