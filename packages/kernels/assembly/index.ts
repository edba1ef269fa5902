// What the module exports. Pointers and sizes are bytes in the imported memory; ../src/kernels.ts checks them.

import { deriveSeed } from "./aegis";
import { deriveTables } from "./aes-tables";

export { checksum, checksumBegin, checksumFinish, checksumUpdate, seedBlockBytes } from "./aegis";
export { deriveEntries } from "./entries";
export { idIndexGet, idIndexGetMany, idIndexInsert, idIndexRemove, idIndexReplace } from "./hash-index";
export { u64IndexGet, u64IndexGetMany, u64IndexInsert } from "./hash-index";
export { u64IndexRemove, u64IndexReplace } from "./hash-index";
export { keyFilterAddMany, keyFilterMayHave } from "./key-filter";
export { manifestLeastOverlap } from "./manifest";
export { mergeStepBlocks, mergeStepRuns, runMergeOpen, runMergeResume } from "./merge";
export { copyRecord, equalRecords } from "./records";
export { valueSort } from "./sort";
export { createSimpleTransfers } from "./transfers";
export { keyLowerBound, valueBound, valueCompare, valueFindMany, valueFirstDisorder, valueKeyRange, valueWriteKey } from "./values";
export { allZero, equal16 } from "./zero";

const READY: usize = memory.data(16, 16);
const READY_MARK: u32 = 0x53424b31;

/** Fills the static data, unless this memory has it: other threads may be reading it then. */
export function initialize(): void {
  if (load<u32>(READY) == READY_MARK) return;
  deriveTables();
  deriveSeed();
  store<u32>(READY, READY_MARK);
}

/** The first byte above the static data. */
export function heapBase(): usize {
  return __heap_base;
}
