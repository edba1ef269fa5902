/**
 * What reading needs of the forest and of the grid.
 *
 * @module
 */
import type { LinearMemory, Pointer, ValueKernels } from "@stagbeetle/kernels";
import type { BlockStore } from "./block-store.ts";
import type { KeyPointer, KeyRange } from "./key.ts";
import type { TableInfoView } from "./manifest/table-info.ts";
import type { TreeMemory } from "./memory-table/tree-memory.ts";
import type { Spill } from "./spill/spill.ts";
import type { TreeSchema } from "./tree-schema.ts";

/** The grid, to who only reads. */
export type BlockReader = Pick<BlockStore, "readBlock" | "readBlockFromMemory" | "nextTick">;

/** The memory that trees and blocks are in, and the way to blocks that are not. */
export interface ReadContext {
  readonly memory: LinearMemory;
  readonly store: BlockReader;
  readonly infos: TableInfoView;
  /** Where memory tables keep what waits to be flushed; null if in memory. */
  readonly spill: Spill | null;
}

/** The tables of one level, as far as reading goes. */
export interface LevelTables {
  /** The table that may have the key, among those that the snapshot sees; or 0. */
  lookup(snapshot: number, key: KeyPointer): Pointer;
  /** The first live table in the direction that has keys from `min` to `max`; or 0. */
  edge(min: KeyPointer, max: KeyPointer, direction: "ascending" | "descending"): Pointer;
}

/** A tree, as far as reading goes. */
export interface ReadableTree {
  readonly schema: TreeSchema;
  readonly values: ValueKernels;
  readonly memory: TreeMemory;
  readonly levels: readonly LevelTables[];
  /** No other key need be looked up. */
  readonly keyRange: KeyRange;
}
