/**
 * Which value blocks of a table have the keys that are wanted, by its index block (spec 05 §5.3, §16.4).
 *
 * @module
 */
import type { Block } from "@stagbeetle/grid";
import { keySlotSizeBytes, type LinearMemory, type Pointer } from "@stagbeetle/kernels";
import type { ReadableTree } from "../block-reader.ts";
import type { KeyPointer } from "../key.ts";
import { valueBlockCountOf } from "../table/index-block.ts";
import type { TreeSchema } from "../tree-schema.ts";

/** No value block. */
export const NO_VALUE_BLOCK = -1;

/** The only value block of a table that may have the key. */
export function valueBlockWith(tree: ReadableTree, index: Block, key: KeyPointer): number {
  const found = firstValueBlockFrom(tree, index, key);
  if (found === NO_VALUE_BLOCK) return NO_VALUE_BLOCK;
  return keyBelow(tree, key, keyMinOf(tree.schema, index, found)) ? NO_VALUE_BLOCK : found;
}

/** The first value block with a key that is not below `key`. */
export function firstValueBlockFrom({ schema, values }: ReadableTree, index: Block, key: KeyPointer): number {
  const count = valueBlockCountOf(index, schema);
  const found = values.keyLowerBound(index.pointer + schema.keyMaxOffset, schema.keySizeBytes, count, key);
  return found === count ? NO_VALUE_BLOCK : found;
}

/** The last value block with a key that is not above `key`. */
export function lastValueBlockTo(tree: ReadableTree, index: Block, key: KeyPointer): number {
  const { schema, values } = tree;
  const count = valueBlockCountOf(index, schema);
  const below = values.keyLowerBound(index.pointer + schema.keyMinOffset, schema.keySizeBytes, count, key);
  // Those before `below` begin below the key; that one may begin with it.
  if (below < count && !keyBelow(tree, key, keyMinOf(schema, index, below))) return below;
  return below - 1;
}

/** Where the first key of a value block is: key bytes, without padding. */
export function keyMinOf(schema: TreeSchema, index: Block, valueBlock: number): Pointer {
  return index.pointer + schema.keyMinOffset + valueBlock * schema.keySizeBytes;
}

/** Where the last key of a value block is. */
export function keyMaxOf(schema: TreeSchema, index: Block, valueBlock: number): Pointer {
  return index.pointer + schema.keyMaxOffset + valueBlock * schema.keySizeBytes;
}

/** Copies key bytes without padding to a key. */
export function padKey(memory: LinearMemory, schema: TreeSchema, target: KeyPointer, source: Pointer): void {
  memory.bytes.copyWithin(target, source, source + schema.keySizeBytes);
  memory.bytes.fill(0, target + schema.keySizeBytes, target + keySlotSizeBytes);
}

/** Whether one key is below another; both may be without padding. */
function keyBelow({ schema, values }: ReadableTree, a: Pointer, b: Pointer): boolean {
  return values.keyLowerBound(a, schema.keySizeBytes, 1, b) === 1;
}
