/**
 * `inspect grid --block`: all that one block holds (spec 06 §6.8).
 */
import { hex128, lines } from "@stagbeetle/command-line";
import {
  IndexMetadata,
  indexValueBlock,
  ManifestMetadata,
  METADATA_OFFSET,
  METADATA_SIZE_BYTES,
  TrailerMetadata,
  ValueMetadata,
} from "@stagbeetle/grid";
import type { Block } from "@stagbeetle/grid";
import { ManifestEvent } from "@stagbeetle/lsm";
import type { TreeSchema } from "@stagbeetle/lsm";
import {
  ACCOUNT_EVENT_LAYOUT,
  ACCOUNT_LAYOUT,
  TRANSFER_LAYOUT,
  TRANSFER_PENDING_LAYOUT,
} from "@stagbeetle/state-machine";
import { BlockType, blockTypeName, Command, describeHeader, headerFields } from "@stagbeetle/vsr-protocol";
import type { Config, Layout } from "@stagbeetle/vsr-protocol";

import type { DataFileReader } from "./data-file-reader.ts";
import { InspectError } from "./inspect-error.ts";
import { manifestEntries } from "./manifest-log.ts";
import type { ManifestEntry } from "./manifest-log.ts";
import { elementFields } from "./message-body.ts";
import type { ElementFields } from "./message-body.ts";
import { underscored } from "./text.ts";
import { ledgerTreesById } from "./trees.ts";

/** What a block's body consists of. */
export type BlockBody =
  | { readonly kind: "entries"; readonly entries: readonly ManifestEntryReport[] }
  | { readonly kind: "value_blocks"; readonly valueBlocks: readonly { address: number; checksum: string }[] }
  /** Values of an index of a field: the field and a timestamp. */
  | { readonly kind: "index_values"; readonly tree: string; readonly values: readonly IndexValue[] }
  | { readonly kind: "values"; readonly tree: string; readonly values: readonly ElementFields[] }
  /** The sets of blocks and the sessions have commands of their own. */
  | { readonly kind: "unimplemented" };

/** An entry of the manifest log. */
export interface ManifestEntryReport {
  readonly event: string;
  readonly level: number;
  readonly address: number;
  readonly checksum: string;
  readonly tree: string;
  readonly keyMin: string;
  readonly keyMax: string;
  readonly snapshotMin: bigint;
  /** 2^64 − 1 for a table that is not replaced yet. */
  readonly snapshotMax: bigint;
  readonly valueCount: number;
}

/** Bit 63 of the timestamp marks a tombstone. */
export interface IndexValue {
  readonly field: string;
  readonly timestamp: bigint;
}

/** One block. */
export interface GridBlockReport {
  readonly address: number;
  /** The address in its header; another one if a write went astray. */
  readonly addressInHeader: number;
  /** In the reference's form. */
  readonly header: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly blockType: string;
  readonly metadata: ElementFields;
  readonly body: BlockBody;
}

/** Reads one block. @throws InspectError if it is not what was once written. */
export async function readGridBlock(reader: DataFileReader, address: number): Promise<GridBlockReport> {
  const result = await reader.readBlockAt(address);
  if ("fault" in result) throw new InspectError(`block ${address}: ${result.fault}`);
  return gridBlockReport(reader.config, address, result.block);
}

/** @param block that was found at the address, with right checksums and metadata. */
export function gridBlockReport(config: Config, address: number, block: Block): GridBlockReport {
  const { header } = block;
  const blockType = blockTypeName(header.blockType);
  return {
    address,
    addressInHeader: header.address,
    header: describeHeader(header, Command.block),
    fields: Object.fromEntries(headerFields(header, Command.block)),
    blockType,
    metadata: elementFields(metadataLayout(header.blockType), metadataOf(block)),
    body: bodyOf(config, block),
  };
}

function metadataOf(block: Block): Uint8Array {
  return block.buffer.subarray(METADATA_OFFSET, METADATA_OFFSET + METADATA_SIZE_BYTES);
}

function metadataLayout(blockType: number): Layout {
  switch (blockType) {
    case BlockType.freeSet:
    case BlockType.clientSessions:
      return TrailerMetadata.layout;
    case BlockType.manifest:
      return ManifestMetadata.layout;
    case BlockType.index:
      return IndexMetadata.layout;
    case BlockType.value:
      return ValueMetadata.layout;
    default:
      return { bytes: { type: "bytes", offset: 0, size: METADATA_SIZE_BYTES } };
  }
}

function bodyOf(config: Config, block: Block): BlockBody {
  switch (block.header.blockType) {
    case BlockType.manifest:
      return { kind: "entries", entries: manifestEntries(block.body()).map((entry) => entryReport(config, entry)) };
    case BlockType.index: {
      const { valueBlockCount } = block.metadata(IndexMetadata);
      const references = Array.from({ length: valueBlockCount }, (_, index) => indexValueBlock(block.header, index));
      const valueBlocks = references.map(({ address, checksum }) => ({ address, checksum: hex128(checksum) }));
      return { kind: "value_blocks", valueBlocks };
    }
    case BlockType.value:
      return valuesOf(config, block);
    default:
      return { kind: "unimplemented" };
  }
}

const EVENTS: ReadonlyMap<number, string> = new Map(
  Object.entries(ManifestEvent).map(([name, event]) => [event, name]),
);

function entryReport(config: Config, entry: ManifestEntry): ManifestEntryReport {
  const { event, level, treeId, keyMin, keyMax, index, snapshotMin, snapshotMax, valueCount } = entry;
  return {
    event: EVENTS.get(event) ?? `${event}!`,
    level,
    address: index.address,
    checksum: hex128(index.checksum),
    tree: ledgerTreesById(config).get(treeId)?.name ?? `${treeId}!`,
    keyMin: keyMin.toString(16),
    keyMax: keyMax.toString(16),
    snapshotMin,
    snapshotMax,
    valueCount,
  };
}

/** The records of the object trees, by the trees' names. */
const OBJECT_LAYOUTS: Readonly<Record<string, Layout>> = {
  accounts: ACCOUNT_LAYOUT,
  transfers: TRANSFER_LAYOUT,
  transfers_pending: TRANSFER_PENDING_LAYOUT,
  account_events: ACCOUNT_EVENT_LAYOUT,
};

/** A value of an index of unique ids. */
const ID_LAYOUT: Layout = {
  id: { type: "u128", offset: 0 },
  timestamp: { type: "u64", offset: 16 },
  padding: { type: "bytes", offset: 24, size: 8 },
};

function valuesOf(config: Config, block: Block): BlockBody {
  const { treeId, valueCount } = block.metadata(ValueMetadata);
  const tree = ledgerTreesById(config).get(treeId);
  if (tree === undefined) return { kind: "unimplemented" };
  const { sizeBytes } = tree.layout;
  // The checksum is right, so the count is; a block of another configuration may still have fewer bytes.
  const count = Math.min(valueCount, Math.floor(block.body().length / sizeBytes));
  const bytesOf = (index: number): Uint8Array => block.body().subarray(index * sizeBytes, (index + 1) * sizeBytes);
  const layout = OBJECT_LAYOUTS[tree.name] ?? (tree.layout.secondary ? null : ID_LAYOUT);
  const indexes = Array.from({ length: count }, (_, index) => index);
  if (layout === null) {
    return { kind: "index_values", tree: tree.name, values: indexes.map((index) => indexValue(tree, bytesOf(index))) };
  }
  return { kind: "values", tree: tree.name, values: indexes.map((index) => elementFields(layout, bytesOf(index))) };
}

/** A field in front of a timestamp; an index of nothing has no field. */
function indexValue({ layout }: TreeSchema, bytes: Uint8Array): IndexValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const timestamp = view.getBigUint64(layout.timestampOffset, true);
  if (layout.timestampOffset === 0) return { field: "void", timestamp };
  const low = view.getBigUint64(0, true);
  const high = layout.timestampOffset === 16 ? view.getBigUint64(8, true) : 0n;
  return { field: String((high << 64n) | low), timestamp };
}

/** As the reference prints it. */
export function gridBlockText({ header, metadata, blockType, body }: GridBlockReport): string {
  return lines([
    `header=${header}`,
    ...Object.entries(metadata).map(([name, value]) => `header.metadata.${name}=${value}`),
    ...blockBodyLines(blockType, body),
  ]);
}

const ENTRY_WIDTH = 5;
const VALUE_BLOCK_WIDTH = 3;

function blockBodyLines(blockType: string, body: BlockBody): readonly string[] {
  switch (body.kind) {
    case "entries":
      return body.entries.map(
        (entry, index) =>
          `entry[${underscored(index, ENTRY_WIDTH)}]: ${entry.event} level=${entry.level} address=${entry.address} ` +
          `checksum=${entry.checksum} tree_id=${entry.tree} key=${entry.keyMin}..${entry.keyMax} ` +
          `snapshot=${entry.snapshotMin}..${entry.snapshotMax} values=${entry.valueCount}`,
      );
    case "value_blocks":
      return body.valueBlocks.map(
        ({ address, checksum }, index) =>
          `value_blocks[${underscored(index, VALUE_BLOCK_WIDTH)}]: address=${address} checksum=${checksum}`,
      );
    case "index_values":
      return body.values.map(({ field, timestamp }, index) => `${body.tree}[${index}]: ${field} ${timestamp} `);
    case "values":
      return body.values.flatMap((fields, index) =>
        Object.entries(fields).map(([name, value]) => `${body.tree}[${index}].${name}=${value}`),
      );
    case "unimplemented":
      return [`body: unimplemented for block_type=${blockType}`];
  }
}
