/**
 * The memory that a replica's messages, blocks, caches and indexes live in: one `WebAssembly.Memory`, handed out once
 * at start-up and never grown. TypeScript sees it through views made once, kernels see it as pointers.
 */

import { assert, AssertionError, fail } from "./assert.ts";
import { heapBase } from "./generated/heap-base.ts";

/** A place in a {@link LinearMemory}: bytes from its start. Pointer 0 is never handed out. */
export type Pointer = number;

/** Bytes in a page of WebAssembly memory; the size of a memory is a multiple of it. */
export const pageSizeBytes: number = 65_536;

/** The largest memory, in bytes: what a pointer of 32 bits reaches. */
export const linearMemorySizeMaxBytes: number = 2 ** 32;

/** The size and kind of a {@link LinearMemory}. */
export interface LinearMemoryOptions {
  /** Size in bytes, rounded up to whole pages. Pages that nobody touches take no resident memory. */
  readonly sizeBytes: number;
  /**
   * Whether workers can share it; true unless said otherwise. A web page needs cross-origin isolation for it, so give
   * false where that is not sure.
   */
  readonly shared?: boolean;
}

/**
 * An allocation that a memory has no room for. Where sizes come from an operator, whoever composes turns it into a line for
 * him; anywhere else the memory was made too small, which is a mistake of the program.
 */
export class MemoryExhaustedError extends AssertionError {}

/** Part of a memory's bytes, as {@link LinearMemory.usage} reports them. */
export interface MemoryUsage {
  readonly label: string;
  readonly sizeBytes: number;
}

/**
 * One memory of fixed size with a bump allocator: what is allocated stays allocated.
 *
 * @example
 * const memory = new LinearMemory({ sizeBytes: 1 << 20 });
 * const header = memory.allocate(256, 16, "header");
 * memory.bytes.fill(0, header, header + 256);
 */
export class LinearMemory {
  /** What a kernel imports, and what a worker is given to {@link LinearMemory.attach}. */
  readonly memory: WebAssembly.Memory;
  readonly sizeBytes: number;
  readonly shared: boolean;
  /** All of the memory as bytes: `bytes[pointer]`. */
  readonly bytes: Uint8Array;
  /** All of the memory for single values: `view.getUint32(pointer, true)`. */
  readonly view: DataView;
  /** All of the memory as little-endian words: `u32[pointer / 4]`. */
  readonly u32: Uint32Array;
  /** All of the memory as little-endian double words: `u64[pointer / 8]`. */
  readonly u64: BigUint64Array;

  readonly #usage: Map<string, number> = new Map([["kernel tables", heapBase]]);
  #next: Pointer = heapBase;

  /** Reserves the address space; throws {@link AssertionError} for a size that no memory has. */
  constructor(options: LinearMemoryOptions, existing?: WebAssembly.Memory) {
    const { sizeBytes, shared = true } = options;
    assert(
      Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes <= linearMemorySizeMaxBytes,
      () => `a memory of ${sizeBytes} bytes: expected 1..${linearMemorySizeMaxBytes}`,
    );
    assert(isLittleEndian(), "the kernels' memory is little-endian, and this machine is not");
    const pages = Math.ceil(sizeBytes / pageSizeBytes);
    this.memory = existing ?? new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
    this.sizeBytes = pages * pageSizeBytes;
    this.shared = shared;
    const buffer = this.memory.buffer;
    assert(
      buffer.byteLength === this.sizeBytes,
      () => `memory of ${buffer.byteLength} bytes, expected ${this.sizeBytes}`,
    );
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.u32 = new Uint32Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    if (existing !== undefined) this.#next = this.sizeBytes;
  }

  /**
   * The shared memory of another thread, in a worker that was sent its `memory`. Its owner alone allocates: here every
   * `allocate` fails, and pointers come by message.
   */
  static attach(memory: WebAssembly.Memory): LinearMemory {
    return new LinearMemory({ sizeBytes: memory.buffer.byteLength, shared: true }, memory);
  }

  /** Bytes that are not allocated yet, before alignment. */
  get freeSizeBytes(): number {
    return this.sizeBytes - this.#next;
  }

  /**
   * Hands out `sizeBytes` zero bytes at a multiple of `alignment` (a power of two, up to a page), for good. `label`
   * says whose they are, for {@link usage}; padding counts for whoever asked for the alignment.
   */
  allocate(sizeBytes: number, alignment: number, label: string = "other"): Pointer {
    assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, () => `allocate ${sizeBytes} bytes for ${label}`);
    assert(
      Number.isSafeInteger(alignment) && alignment > 0 && alignment <= pageSizeBytes && isPowerOfTwo(alignment),
      () => `alignment ${alignment} for ${label}: expected a power of two up to ${pageSizeBytes}`,
    );
    const pointer = Math.ceil(this.#next / alignment) * alignment;
    const end = pointer + sizeBytes;
    if (end > this.sizeBytes) {
      throw new MemoryExhaustedError(
        `${label} needs ${sizeBytes} bytes at a multiple of ${alignment}: ` +
          `${this.freeSizeBytes} of ${this.sizeBytes} bytes are left\n${this.describe()}`,
      );
    }
    this.#usage.set(label, (this.#usage.get(label) ?? 0) + end - this.#next);
    this.#next = end;
    return pointer;
  }

  /** Asserts that `sizeBytes` bytes from `pointer` are in this memory and above the kernels' own data. */
  assertRange(pointer: Pointer, sizeBytes: number): void {
    if (
      !Number.isSafeInteger(pointer) ||
      !Number.isSafeInteger(sizeBytes) ||
      pointer < heapBase ||
      sizeBytes < 0 ||
      pointer + sizeBytes > this.sizeBytes
    ) {
      fail(`bytes ${pointer} + ${sizeBytes} are not in the memory's ${heapBase}..${this.sizeBytes}`);
    }
  }

  /** What was allocated, by label, in the order of first use. */
  usage(): readonly MemoryUsage[] {
    return [...this.#usage].map(([label, sizeBytes]) => ({ label, sizeBytes }));
  }

  /** {@link usage} as a table for people, with the total and what is free. */
  describe(): string {
    const free = { label: "free", sizeBytes: this.freeSizeBytes };
    const total = { label: "total", sizeBytes: this.sizeBytes };
    const rows = [...this.usage(), free, total];
    const width = Math.max(...rows.map((row) => row.label.length));
    return rows
      .map((row) => `${row.label.padEnd(width)} ${(row.sizeBytes / 2 ** 20).toFixed(3).padStart(10)} MiB`)
      .join("\n");
  }
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}
