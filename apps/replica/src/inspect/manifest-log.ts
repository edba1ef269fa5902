/**
 * The manifest log as it is on disk: which tables there are (spec 05 §5.4, §8).
 */
import { ManifestMetadata, TABLE_INFO_SIZE_BYTES } from "@stagbeetle/grid";
import { ManifestEvent } from "@stagbeetle/lsm";
import { BlockType, recordClass } from "@stagbeetle/vsr-protocol";
import type { BlockReference, CheckpointState, RecordClass, RecordOf } from "@stagbeetle/vsr-protocol";

import type { DataFileReader } from "./data-file-reader.ts";

/** An entry of a manifest block: 128 bytes. Keys are 32 bytes, little-endian. */
const TABLE_INFO_LAYOUT = {
  keyMin: { type: "bytes", offset: 0, size: 32 },
  keyMax: { type: "bytes", offset: 32, size: 32 },
  checksum: { type: "u128", offset: 64 },
  checksumPadding: { type: "u128", offset: 80 },
  address: { type: "u53", offset: 96 },
  snapshotMin: { type: "u64", offset: 104 },
  snapshotMax: { type: "u64", offset: 112 },
  valueCount: { type: "u32", offset: 120 },
  treeId: { type: "u16", offset: 124 },
  label: { type: "u8", offset: 126 },
  reserved: { type: "bytes", offset: 127, size: 1 },
} as const;

type TableInfo = RecordOf<typeof TABLE_INFO_LAYOUT>;
const TableInfo: RecordClass<typeof TABLE_INFO_LAYOUT> = recordClass(TABLE_INFO_SIZE_BYTES, TABLE_INFO_LAYOUT);

/** Of a label: the level in the lower bits, the event above. */
const EVENT_SHIFT = 6;
const LEVEL_MASK = (1 << EVENT_SHIFT) - 1;

/** One thing that happened to a table. */
export interface ManifestEntry {
  /** `ManifestEvent`, or another number. */
  readonly event: number;
  readonly level: number;
  readonly treeId: number;
  readonly keyMin: bigint;
  readonly keyMax: bigint;
  /** The table's index block. */
  readonly index: BlockReference;
  readonly snapshotMin: bigint;
  /** 2^64 − 1 for a table that is not replaced yet. */
  readonly snapshotMax: bigint;
  readonly valueCount: number;
}

/** One block of the log. */
export interface ManifestBlock {
  readonly reference: BlockReference;
  /** In the order in which they happened. */
  readonly entries: readonly ManifestEntry[];
}

/** The log as it was read. */
export interface StoredManifestLog {
  /** The newest first. */
  readonly blocks: readonly ManifestBlock[];
  /** Why the next block could not be read, or null if all were. */
  readonly fault: string | null;
}

/** @param body what is in a manifest block behind its header: whole entries. */
export function manifestEntries(body: Uint8Array): readonly ManifestEntry[] {
  return Array.from({ length: body.length / TABLE_INFO_SIZE_BYTES }, (_, index) => {
    const info = new TableInfo(body, index * TABLE_INFO_SIZE_BYTES);
    return {
      event: info.label >>> EVENT_SHIFT,
      level: info.label & LEVEL_MASK,
      treeId: info.treeId,
      keyMin: keyInteger(info.keyMin),
      keyMax: keyInteger(info.keyMax),
      index: { address: info.address, checksum: info.checksum },
      snapshotMin: info.snapshotMin,
      snapshotMax: info.snapshotMax,
      valueCount: info.valueCount,
    };
  });
}

const BITS_PER_BYTE = 8n;

function keyInteger(bytes: Uint8Array): bigint {
  return bytes.reduceRight((integer, byte) => (integer << BITS_PER_BYTE) | BigInt(byte), 0n);
}

/** Walks the log of a checkpoint from its newest block to its oldest. */
export async function readManifestLog(reader: DataFileReader, checkpoint: CheckpointState): Promise<StoredManifestLog> {
  const blocks: ManifestBlock[] = [];
  let next: BlockReference = { address: checkpoint.manifestNewestAddress, checksum: checkpoint.manifestNewestChecksum };
  for (let left = checkpoint.manifestBlockCount; left > 0; left -= 1) {
    const result = await reader.readBlock(next, BlockType.manifest);
    if ("fault" in result) return { blocks, fault: `block ${next.address}: ${result.fault}` };
    const { block } = result;
    blocks.push({ reference: next, entries: manifestEntries(block.body().slice()) });
    const { previousManifestBlockAddress, previousManifestBlockChecksum } = block.metadata(ManifestMetadata);
    next = { address: previousManifestBlockAddress, checksum: previousManifestBlockChecksum };
  }
  const oldest = blocks.at(-1)?.reference.address ?? 0;
  if (oldest === checkpoint.manifestOldestAddress) return { blocks, fault: null };
  return { blocks, fault: `it ends with block ${oldest}, not ${checkpoint.manifestOldestAddress}` };
}

/**
 * The tables that the log leaves: the newest entry of a table decides.
 *
 * @returns the entries that say of their tables that they are there, the newest first.
 */
export function liveTables({ blocks }: StoredManifestLog): readonly ManifestEntry[] {
  const decided = new Set<bigint>();
  const live: ManifestEntry[] = [];
  for (const { entries } of blocks) {
    for (const entry of entries.toReversed()) {
      if (decided.has(entry.index.checksum)) continue;
      decided.add(entry.index.checksum);
      if (entry.event !== ManifestEvent.remove) live.push(entry);
    }
  }
  return live;
}
