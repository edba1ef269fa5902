/**
 * `inspect integrity`: reads everything that a replica relies on and checks it (spec 06 §6.11).
 *
 * All damage is listed, not only the first that is found. A damaged copy of the superblock is damage even while the others
 * suffice.
 */
import type { Progress } from "@stagbeetle/command-line";
import { IndexMetadata, indexValueBlock, ValueMetadata } from "@stagbeetle/grid";
import type { Block } from "@stagbeetle/grid";
import { BlockType, blockTypeName, Header, PrepareHeader, ReplyHeader } from "@stagbeetle/vsr-protocol";
import type { BlockReference, Checksums, Config, SuperBlockImage } from "@stagbeetle/vsr-protocol";

import { messageValid } from "./data-file-reader.ts";
import type { DataFileReader } from "./data-file-reader.ts";
import type { StoredFreeSet } from "./grid.ts";
import { liveTables } from "./manifest-log.ts";
import type { ManifestEntry, StoredManifestLog } from "./manifest-log.ts";
import type { Trailer } from "./trailer.ts";
import { ledgerTreesById } from "./trees.ts";
import { readWal } from "./wal.ts";

/** Takes one finding: where, and what is wrong there. */
export type Found = (damage: string) => void;

/** What is wrong with the copies of a superblock beside the chosen one. */
export function superblockDamage(copies: readonly SuperBlockImage[], chosen: SuperBlockImage): readonly string[] {
  return copies.flatMap((copy, slot) => {
    if (!copy.checksumValid()) return [`superblock copy ${slot}: damaged`];
    if (!copy.contentEquals(chosen)) return [`superblock copy ${slot}: not that of sequence ${chosen.header.sequence}`];
    return copy.header.copy === slot ? [] : [`superblock copy ${slot}: it is copy ${copy.header.copy}`];
  });
}

/**
 * What is wrong with a slot of the write-ahead log.
 *
 * @param redundant the header in the ring of headers.
 * @param prepare the prepare: at least its header, and its body if the header is valid.
 */
export function walSlotDamage(redundant: Uint8Array, prepare: Uint8Array, checksums: Checksums): readonly string[] {
  const damage: string[] = [];
  const header = new PrepareHeader(redundant);
  const stored = new PrepareHeader(prepare);
  if (!checksums.valid(header)) damage.push("the redundant header is damaged");
  if (!messageValid(stored, prepare, checksums)) damage.push("the prepare is damaged");
  if (damage.length === 0 && header.checksum !== stored.checksum) {
    damage.push(`the redundant header is that of op ${header.op}, the prepare has op ${stored.op}`);
  }
  return damage;
}

/** Whether a slot of the client replies is empty or holds a message. */
export function replySlotValid(bytes: Uint8Array, checksums: Checksums): boolean {
  const header = new Header(bytes);
  return (header.checksum === 0n && header.checksumBody === 0n) || messageValid(header, bytes, checksums);
}

/** Checks all slots of the write-ahead log. */
export async function checkWal(reader: DataFileReader, progress: Progress, found: Found): Promise<void> {
  await readWal(reader, progress, (slot, redundant, prepare) => {
    for (const damage of walSlotDamage(redundant, prepare, reader.checksums)) found(`wal slot ${slot}: ${damage}`);
  });
}

/** Checks all slots of the client replies. */
export async function checkReplies(reader: DataFileReader, found: Found): Promise<void> {
  for (let slot = 0; slot < reader.config.cluster.clientsMax; slot += 1) {
    const bytes = await reader.readMessage("clientReplies", slot, ReplyHeader);
    if (!replySlotValid(bytes, reader.checksums)) found(`client reply ${slot}: damaged`);
  }
}

/** What a checkpoint consists of beside its tables. */
export interface StoredCheckpoint {
  readonly freeSet: StoredFreeSet;
  readonly clientSessions: Trailer;
  readonly manifestLog: StoredManifestLog;
}

/** How many blocks a checkpoint has: those in use, and those that the free set itself is in. */
export function gridBlockCount({ acquired, released, acquiredTrailer, releasedTrailer }: StoredFreeSet): number {
  return acquired.count - released.count + acquiredTrailer.blocks.length + releasedTrailer.blocks.length;
}

/**
 * Reads all blocks of all tables, and holds what the checkpoint refers to against its free set; the latter only if nothing
 * is missing, because everything behind a damaged block would seem to be in use by nobody.
 */
export async function checkGrid(
  reader: DataFileReader,
  checkpoint: StoredCheckpoint,
  seed: bigint,
  progress: Progress,
  found: Found,
): Promise<void> {
  const { freeSet, clientSessions, manifestLog } = checkpoint;
  const visited = new Set<number>();
  let complete = clientSessions.fault === null && manifestLog.fault === null;
  const foundInTable = (damage: string): void => {
    complete = false;
    found(damage);
  };
  const visit = ({ address }: BlockReference, what: string): void => {
    if (visited.has(address)) found(`block ${address}: ${what}, but it is in use elsewhere`);
    visited.add(address);
    progress.advance();
  };
  for (const { reference } of manifestLog.blocks) visit(reference, "of the manifest log");
  for (const block of clientSessions.blocks) visit(block, "of the client sessions");
  for (const entry of fromRandomPoint(liveTables(manifestLog), seed)) {
    await checkTable(reader, entry, visit, foundInTable);
  }
  if (complete) for (const damage of freeSetDamage(freeSet, visited)) found(damage);
  const { acquiredTrailer, releasedTrailer } = freeSet;
  for (const block of [...acquiredTrailer.blocks, ...releasedTrailer.blocks]) visit(block, "of the free set");
}

/** A tour that begins anywhere: two that are cut short have not read the same. */
function fromRandomPoint<T>(all: readonly T[], seed: bigint): readonly T[] {
  if (all.length === 0) return all;
  const start = Number(seed % BigInt(all.length));
  return [...all.slice(start), ...all.slice(0, start)];
}

type Visit = (block: BlockReference, what: string) => void;

async function checkTable(reader: DataFileReader, entry: ManifestEntry, visit: Visit, found: Found): Promise<void> {
  const where = `tree ${entry.treeId} level ${entry.level}`;
  visit(entry.index, `index of ${where}`);
  const result = await reader.readBlock(entry.index, BlockType.index);
  if ("fault" in result) {
    found(`block ${entry.index.address} (index, ${where}): ${result.fault}`);
    return;
  }
  const damage = indexDamage(reader.config, entry, result.block);
  if (damage !== null) found(`block ${entry.index.address} (index, ${where}): ${damage}`);
  let values = 0;
  for (const reference of valueBlocks(result.block)) {
    visit(reference, `values of ${where}`);
    const value = await reader.readBlock(reference, BlockType.value);
    if ("fault" in value) {
      found(`block ${reference.address} (${blockTypeName(BlockType.value)}, ${where}): ${value.fault}`);
      return;
    }
    const { treeId, valueCount } = value.block.metadata(ValueMetadata);
    if (treeId !== entry.treeId) found(`block ${reference.address} (value, ${where}): it is of tree ${treeId}`);
    values += valueCount;
  }
  if (values !== entry.valueCount) {
    found(`block ${entry.index.address} (index, ${where}): ${values} values, the manifest says ${entry.valueCount}`);
  }
}

function indexDamage(config: Config, entry: ManifestEntry, block: Block): string | null {
  const { treeId, keySize } = block.metadata(IndexMetadata);
  const tree = ledgerTreesById(config).get(entry.treeId);
  if (tree === undefined) return "there is no such tree";
  if (treeId !== entry.treeId) return `it is of tree ${treeId}`;
  return keySize === tree.keySizeBytes ? null : `keys of ${keySize} bytes`;
}

/** In memory of their own: the next block is read over the index block. */
function valueBlocks(index: Block): readonly BlockReference[] {
  const { valueBlockCount } = index.metadata(IndexMetadata);
  return Array.from({ length: valueBlockCount }, (_, number) => indexValueBlock(index.header, number));
}

/** Where the blocks that are referred to, `visited`, are not those that the free set says are in use. */
export function freeSetDamage({ acquired, released }: StoredFreeSet, visited: ReadonlySet<number>): readonly string[] {
  const damage: string[] = [];
  for (const address of released.addresses()) {
    if (!acquired.has(address)) damage.push(`block ${address}: released, but free`);
  }
  for (const address of visited) {
    if (!acquired.has(address)) damage.push(`block ${address}: in use, but free`);
    else if (released.has(address)) damage.push(`block ${address}: in use, but released`);
  }
  for (const address of acquired.addresses()) {
    if (!released.has(address) && !visited.has(address)) damage.push(`block ${address}: acquired, but not in use`);
  }
  return damage;
}
