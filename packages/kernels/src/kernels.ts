/**
 * Kernels: loops over bytes and batches that are too hot for TypeScript, called with pointers into one
 * {@link LinearMemory}. All arguments are asserted here; the WebAssembly below trusts them.
 */

import { fail } from "./assert.ts";
import { detectSimd, instantiate } from "./kernel-module.ts";
import type { KernelExports, Simd } from "./kernel-module.ts";
import type { LinearMemory, Pointer } from "./linear-memory.ts";

/** Bytes in a checksum. */
export const checksumSizeBytes: number = 16;

/** Bytes of the state of a checksum in progress, and of the scratch that each {@link Kernels} needs of its own. */
export const checksumStateSizeBytes: number = 176;

/** What {@link createKernels} takes. */
export interface KernelsOptions {
  readonly memory: LinearMemory;
  /** Vector instructions; "detect" (the default) takes the fastest that the engine has. */
  readonly simd?: Simd | "detect";
  /**
   * {@link checksumStateSizeBytes} bytes at a multiple of 16 that no other thread uses. Allocated unless given; a worker on
   * an attached memory must be given it by the memory's owner.
   */
  readonly scratch?: Pointer;
}

/**
 * Instantiates the kernels on a memory, synchronously. The first of them on a memory also derives the tables in it,
 * which takes a few milliseconds; a second thread attaches after that.
 *
 * @example
 * const memory = new LinearMemory({ sizeBytes: 1 << 20 });
 * const kernels = createKernels({ memory });
 * const block = memory.allocate(4096, 4096, "block");
 * const result = memory.allocate(16, 16, "checksum");
 * kernels.checksum(block, 4096, result);
 */
export function createKernels(options: KernelsOptions): Kernels {
  const { memory, simd: wanted = "detect" } = options;
  const simd = wanted === "detect" ? detectSimd() : wanted;
  const scratch = options.scratch ?? memory.allocate(checksumStateSizeBytes, 64, "kernel scratch");
  memory.assertRange(scratch, checksumStateSizeBytes);
  return new Kernels(memory, simd, instantiate(memory, simd), scratch);
}

/** The kernels on one memory, for one thread. Made by {@link createKernels}. */
export class Kernels {
  readonly memory: LinearMemory;
  readonly simd: Simd;
  /** The bare functions, without assertions, for the classes of this package. */
  readonly exports: KernelExports;
  readonly #scratch: Pointer;

  constructor(memory: LinearMemory, simd: Simd, exports: KernelExports, scratch: Pointer) {
    this.memory = memory;
    this.simd = simd;
    this.exports = exports;
    this.#scratch = scratch;
  }

  /**
   * Writes the checksum of `sizeBytes` bytes at `pointer` to the 16 bytes at `result`, in memory order. Any size and
   * alignment; `result` may lie within the data, as it is written last.
   */
  checksum(pointer: Pointer, sizeBytes: number, result: Pointer): void {
    this.memory.assertRange(pointer, sizeBytes);
    this.memory.assertRange(result, checksumSizeBytes);
    this.exports.checksum(this.#scratch, pointer, sizeBytes, result);
  }

  /** Whether the 16 bytes at `a` and at `b` are the same. */
  checksumEquals(a: Pointer, b: Pointer): boolean {
    this.memory.assertRange(a, checksumSizeBytes);
    this.memory.assertRange(b, checksumSizeBytes);
    return this.exports.equal16(a, b) !== 0;
  }

  /** Copies a record of a multiple of 16 bytes to a place that does not overlap it. */
  copyRecord(target: Pointer, source: Pointer, sizeBytes: number): void {
    this.#assertRecords(target, source, sizeBytes);
    this.exports.copyRecord(target, source, sizeBytes);
  }

  /** Whether two records of a multiple of 16 bytes are the same. */
  equalRecords(a: Pointer, b: Pointer, sizeBytes: number): boolean {
    this.#assertRecords(a, b, sizeBytes);
    return this.exports.equalRecords(a, b, sizeBytes) !== 0;
  }

  /** Whether `sizeBytes` bytes at `pointer` are all zero; true for none. */
  allZero(pointer: Pointer, sizeBytes: number): boolean {
    this.memory.assertRange(pointer, sizeBytes);
    return this.exports.allZero(pointer, sizeBytes) !== 0;
  }

  /**
   * Of the live tables of a level the first that is over the fewest live tables of the level below, at most `overlapMax`: where
   * its record is, or 0. A level is a list of nodes (u32 pointer of the first element, u32 count of at least 1); an element is a u32
   * pointer to a table's record.
   */
  manifestLeastOverlap(
    nodes: Pointer,
    nodeCount: number,
    belowNodes: Pointer,
    belowNodeCount: number,
    overlapMax: number,
  ): Pointer {
    this.memory.assertRange(nodes, 8 * nodeCount);
    this.memory.assertRange(belowNodes, 8 * belowNodeCount);
    return this.exports.manifestLeastOverlap(nodes, nodeCount, belowNodes, belowNodeCount, overlapMax) >>> 0;
  }

  #assertRecords(a: Pointer, b: Pointer, sizeBytes: number): void {
    if (sizeBytes % 16 !== 0) fail(`records of ${sizeBytes} bytes`);
    this.memory.assertRange(a, sizeBytes);
    this.memory.assertRange(b, sizeBytes);
  }
}
