/**
 * Checkpoint trailers as they are on disk: chains of blocks, read backwards (spec 04 §17).
 */
import { TrailerMetadata, trailerBlockCount } from "@stagbeetle/grid";
import type { BlockReference, BlockType, TrailerReference } from "@stagbeetle/vsr-protocol";

import type { DataFileReader } from "./data-file-reader.ts";

/** A trailer that was read. */
export interface Trailer {
  /** In the order in which they were read: the last one of the chain first. */
  readonly blocks: readonly BlockReference[];
  /** What they hold, from the chain's beginning. Empty if a block is missing. */
  readonly bytes: Uint8Array;
  /** What is wrong, or null. */
  readonly fault: string | null;
}

/** Follows a chain from the block that the superblock refers to. */
export async function readTrailer(
  reader: DataFileReader,
  reference: TrailerReference,
  blockType: typeof BlockType.freeSet | typeof BlockType.clientSessions,
): Promise<Trailer> {
  const { config, checksums } = reader;
  const blocks: BlockReference[] = [];
  const bodies: Uint8Array[] = [];
  let next = reference.lastBlock;
  for (let left = trailerBlockCount(config, reference.size); left > 0; left -= 1) {
    const result = await reader.readBlock(next, blockType);
    if ("fault" in result) return faulty(blocks, `block ${next.address}: ${result.fault}`);
    const { block } = result;
    blocks.push(next);
    bodies.unshift(block.body().slice());
    const { previousTrailerBlockAddress, previousTrailerBlockChecksum } = block.metadata(TrailerMetadata);
    next = { address: previousTrailerBlockAddress, checksum: previousTrailerBlockChecksum };
  }
  const bytes = new Uint8Array(Buffer.concat(bodies));
  if (next.address !== 0) return faulty(blocks, `the chain goes on to block ${next.address}`);
  if (bytes.length !== reference.size) return faulty(blocks, `${bytes.length} bytes, not ${reference.size}`);
  if (checksums.of(bytes) !== reference.checksum) return faulty(blocks, "the checksum of all blocks together is wrong");
  return { blocks, bytes, fault: null };
}

function faulty(blocks: readonly BlockReference[], fault: string): Trailer {
  return { blocks, bytes: new Uint8Array(0), fault };
}
