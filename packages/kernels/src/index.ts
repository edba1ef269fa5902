/**
 * Work that touches every byte or every event of a batch, in WebAssembly over one linear memory: the checksum, hash
 * indexes and a test for zeroes. Also the assertion that every package uses.
 *
 * @packageDocumentation
 */
export { assert, AssertionError, fail } from "./assert.ts";
export { checksumInto, checksumOf, checksumOfNothing } from "./checksum-bytes.ts";
export { ChecksumStream } from "./checksum-stream.ts";
export { KeyFilter } from "./key-filter.ts";
export { EntryKernel } from "./entry-kernel.ts";
export type { EntryCondition, EntrySource } from "./entry-kernel.ts";
export { absent } from "./hash-index.ts";
export type { HashIndex, HashIndexOptions } from "./hash-index.ts";
export { IdIndex } from "./id-index.ts";
export { detectSimd } from "./kernel-module.ts";
export type { Simd } from "./kernel-module.ts";
export { checksumSizeBytes, checksumStateSizeBytes, createKernels } from "./kernels.ts";
export type { Kernels, KernelsOptions } from "./kernels.ts";
export { LinearMemory, MemoryExhaustedError, linearMemorySizeMaxBytes } from "./linear-memory.ts";
export type { LinearMemoryOptions, MemoryUsage, Pointer } from "./linear-memory.ts";
export { MergeStep, RunMerge } from "./run-merge.ts";
export type { Run, RunSource } from "./run-merge.ts";
export { TransfersKernel } from "./transfers-kernel.ts";
export type { TransferBatch } from "./transfers-kernel.ts";
export { U64Index } from "./u64-index.ts";
export { keySizeBytesOf, keySlotSizeBytes, sortScratchSizeBytes, ValueKernels } from "./value-kernels.ts";
export type { ValueKey, ValueLayout } from "./value-kernels.ts";
