/**
 * How the blocks that compaction may hold (`--memory-lsm-compaction`) are divided: the more, the more is read ahead and the more
 * may be on its way to the disk. What is merged, and what is written where, is the same with any number.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** Blocks that compaction cannot do without (spec 06 §4.3). */
export const COMPACTION_BLOCKS_MIN = 21;
/** Blocks that compaction has unless told otherwise (spec 06 §4.3). */
export const COMPACTION_BLOCKS_DEFAULT = 38;

/** One reader for each level that is merged. */
const READERS = 2;
/** Index blocks of a reader: of the table that is merged, and of the next one. */
export const READER_INDEX_BLOCKS = 2;
/** A value block and an index block that are being filled. */
const OPEN_BLOCKS = 2;
/** One in so many blocks is a value block of a reader, and as many are of the other one. */
const BLOCKS_PER_VALUE_BLOCK = 9;

/** Numbers of blocks. */
export interface CompactionBlocks {
  /** Value blocks of one reader: the one that is merged, and those that are read ahead. */
  readonly readerValueBlocks: number;
  /** Blocks of new tables that wait for checksums or are being written. */
  readonly outputs: number;
}

/** Divides `count` blocks, {@link COMPACTION_BLOCKS_MIN} or more. */
export function divideCompactionBlocks(count: number): CompactionBlocks {
  assert(
    Number.isSafeInteger(count) && count >= COMPACTION_BLOCKS_MIN,
    () => `${count} blocks for compaction: it needs ${COMPACTION_BLOCKS_MIN}`,
  );
  const readerValueBlocks = Math.floor(count / BLOCKS_PER_VALUE_BLOCK);
  const outputs = count - READERS * (READER_INDEX_BLOCKS + readerValueBlocks) - OPEN_BLOCKS;
  assert(readerValueBlocks > 1 && outputs > readerValueBlocks, () => `${outputs} of ${count} blocks are for outputs`);
  return { readerValueBlocks, outputs };
}
