/**
 * References from the superblock into the grid (spec 04 §6.3): where a block is, and which bytes it must have.
 *
 * @module
 */
import { CHECKSUM_EMPTY } from "./message/checksums.ts";

/** One block. Address 0 with checksum 0 means that there is none. */
export interface BlockReference {
  /** The checksum of the block's header (u128). */
  readonly checksum: bigint;
  /** The block's address, from 1. */
  readonly address: number;
}

/** An encoding that is spread over a chain of blocks: found from its last block. */
export interface TrailerReference {
  readonly lastBlock: BlockReference;
  /** The size of the encoding in bytes, without block headers. */
  readonly size: number;
  /** The checksum of the whole encoding. */
  readonly checksum: bigint;
}

/** The manifest log: found from both ends. */
export interface ManifestReferences {
  readonly oldest: BlockReference;
  readonly newest: BlockReference;
  readonly blockCount: number;
}

/** No block. */
export const NO_BLOCK: BlockReference = { checksum: 0n, address: 0 };

/** An encoding of no bytes, which has no block. */
export const TRAILER_EMPTY: TrailerReference = { lastBlock: NO_BLOCK, size: 0, checksum: CHECKSUM_EMPTY };

/** A manifest log without blocks. */
export const MANIFEST_EMPTY: ManifestReferences = { oldest: NO_BLOCK, newest: NO_BLOCK, blockCount: 0 };
