/** Chooses, compiles and instantiates the WebAssembly module. Compiled once a process and variant. */

import { assert } from "./assert.ts";
import { decodeBase64 } from "./base64.ts";
import { wasm as sharedPlain } from "./generated/shared-plain.ts";
import { wasm as sharedRelaxed } from "./generated/shared-relaxed.ts";
import { wasm as unsharedPlain } from "./generated/unshared-plain.ts";
import { wasm as unsharedRelaxed } from "./generated/unshared-relaxed.ts";
import type { LinearMemory, Pointer } from "./linear-memory.ts";

/** Which vector instructions a module uses. Both give the same bytes; "relaxed" is faster where it is there. */
export type Simd = "relaxed" | "plain";

/** The operations of a hash index on one kind of key, as the module exports them. */
export interface IndexExports {
  readonly get: (index: Pointer, key: Pointer) => number;
  readonly getMany: (index: Pointer, keys: Pointer, strideBytes: number, count: number, results: Pointer) => void;
  readonly insert: (index: Pointer, key: Pointer, value: number) => number;
  readonly replace: (index: Pointer, key: Pointer, value: number) => number;
  readonly remove: (index: Pointer, key: Pointer) => number;
}

/** What `assembly/index.ts` exports. Nothing here checks its arguments; pointers come back signed. */
export interface KernelExports {
  readonly initialize: () => void;
  readonly checksum: (stream: Pointer, data: Pointer, sizeBytes: number, result: Pointer) => void;
  readonly checksumBegin: (stream: Pointer) => void;
  readonly checksumUpdate: (stream: Pointer, data: Pointer, sizeBytes: number) => void;
  readonly checksumFinish: (stream: Pointer, result: Pointer) => void;
  readonly seedBlockBytes: (index: number, result: Pointer) => void;
  readonly allZero: (pointer: Pointer, sizeBytes: number) => number;
  readonly equal16: (a: Pointer, b: Pointer) => number;
  readonly idIndexGet: IndexExports["get"];
  readonly idIndexGetMany: IndexExports["getMany"];
  readonly idIndexInsert: IndexExports["insert"];
  readonly idIndexReplace: IndexExports["replace"];
  readonly idIndexRemove: IndexExports["remove"];
  readonly u64IndexGet: IndexExports["get"];
  readonly u64IndexGetMany: IndexExports["getMany"];
  readonly u64IndexInsert: IndexExports["insert"];
  readonly u64IndexReplace: IndexExports["replace"];
  readonly u64IndexRemove: IndexExports["remove"];
  readonly valueCompare: (layout: Pointer, a: Pointer, b: Pointer) => number;
  readonly valueWriteKey: (layout: Pointer, value: Pointer, key: Pointer) => void;
  readonly valueBound: (layout: Pointer, values: Pointer, count: number, key: Pointer, through: number) => number;
  readonly valueFirstDisorder: (layout: Pointer, values: Pointer, count: number) => number;
  readonly valueSort: (layout: Pointer, values: Pointer, count: number, scratch: Pointer) => number;
  readonly keyLowerBound: (keys: Pointer, strideBytes: number, count: number, key: Pointer, words: number) => number;
  readonly valueFindMany: (
    layout: Pointer,
    values: Pointer,
    count: number,
    wanted: Pointer,
    wantedCount: number,
    results: Pointer,
  ) => void;
  readonly valueKeyRange: (layout: Pointer, values: Pointer, count: number, keys: Pointer) => void;
  readonly deriveEntries: (source: Pointer, objects: Pointer, count: number, target: Pointer, end: Pointer) => number;
  readonly copyRecord: (target: Pointer, source: Pointer, sizeBytes: number) => void;
  readonly equalRecords: (a: Pointer, b: Pointer, sizeBytes: number) => number;
  readonly keyFilterAddMany: (
    bits: Pointer,
    blockMask: number,
    keys: Pointer,
    strideBytes: number,
    count: number,
  ) => void;
  readonly keyFilterMayHave: (bits: Pointer, blockMask: number, key: Pointer) => number;
  readonly createSimpleTransfers: (batch: Pointer) => number;
  readonly manifestLeastOverlap: (
    nodes: Pointer,
    nodeCount: number,
    belowNodes: Pointer,
    belowNodeCount: number,
    overlapMax: number,
  ) => Pointer;
  readonly runMergeOpen: (layout: Pointer, merge: Pointer) => void;
  readonly runMergeResume: (layout: Pointer, merge: Pointer) => void;
  readonly mergeStepBlocks: (layout: Pointer, step: Pointer) => number;
  readonly mergeStepRuns: (layout: Pointer, step: Pointer, merge: Pointer) => number;
}

interface Variant {
  readonly source: string;
  bytes?: Uint8Array<ArrayBuffer>;
  module?: WebAssembly.Module;
}

const shared: Readonly<Record<Simd, Variant>> = { relaxed: { source: sharedRelaxed }, plain: { source: sharedPlain } };
const unshared: Readonly<Record<Simd, Variant>> = {
  relaxed: { source: unsharedRelaxed },
  plain: { source: unsharedPlain },
};

function bytesOf(variant: Variant): Uint8Array<ArrayBuffer> {
  variant.bytes ??= decodeBase64(variant.source);
  return variant.bytes;
}

function moduleOf(variant: Variant): WebAssembly.Module {
  variant.module ??= new WebAssembly.Module(bytesOf(variant));
  return variant.module;
}

let detected: Simd | undefined;

/** The faster instructions that this engine has: it is asked whether the module that uses them is valid. */
export function detectSimd(): Simd {
  detected ??= WebAssembly.validate(bytesOf(unshared.relaxed)) ? "relaxed" : "plain";
  return detected;
}

/** The module's functions over `memory`, its tables in place. Throws what the engine throws for a module it lacks. */
export function instantiate(memory: LinearMemory, simd: Simd): KernelExports {
  const variant = (memory.shared ? shared : unshared)[simd];
  const instance = new WebAssembly.Instance(moduleOf(variant), { env: { memory: memory.memory } });
  assert(typeof instance.exports["initialize"] === "function", "the kernel module exports no initialize");
  // The one place where the module's types are taken on trust: build and source come from one commit.
  const exports = instance.exports as unknown as KernelExports;
  exports.initialize();
  return exports;
}
