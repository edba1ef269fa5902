/**
 * `inspect wal`: the slots of the write-ahead log (spec 06 §6.6).
 */
import { hex128, lines } from "@stagbeetle/command-line";
import type { Progress } from "@stagbeetle/command-line";
import { formatRelease, HEADER_SIZE_BYTES, PrepareHeader, zoneSize } from "@stagbeetle/vsr-protocol";
import type { Checksums } from "@stagbeetle/vsr-protocol";

import { messageValid } from "./data-file-reader.ts";
import type { DataFileReader } from "./data-file-reader.ts";
import { groupCopies } from "./groups.ts";
import { operationText, underscored } from "./text.ts";

/** One header of a slot, and where it is: in the ring of headers, in front of the prepare, or both. */
export interface WalEntry {
  /** The redundant header, then the prepare. */
  readonly marks: string;
  readonly checksum: string;
  readonly release: string;
  readonly view: number;
  readonly op: bigint;
  readonly sizeBytes: number;
  readonly operation: string;
}

/** What one slot holds: one entry if the redundant header is that of the prepare. */
export interface WalSlot {
  readonly slot: number;
  readonly entries: readonly WalEntry[];
}

/** All slots. */
export interface WalReport {
  readonly slots: readonly WalSlot[];
}

/**
 * @param redundant the header in the ring of headers: 256 bytes.
 * @param prepare the prepare: at least its header, and its body if the header is valid.
 */
export function walSlot(slot: number, redundant: Uint8Array, prepare: Uint8Array, checksums: Checksums): WalSlot {
  const header = new PrepareHeader(prepare);
  const copies = [
    { bytes: redundant, valid: checksums.valid(new PrepareHeader(redundant)) },
    { bytes: prepare.subarray(0, HEADER_SIZE_BYTES), valid: messageValid(header, prepare, checksums) },
  ];
  return { slot, entries: groupCopies(copies).map(({ marks, bytes }) => walEntry(marks, bytes)) };
}

/** As the reference prints it. */
export function walText({ slots }: WalReport): string {
  return lines(slots.flatMap(({ slot, entries }) => entries.map((entry) => entryText(slot, entry))));
}

const SLOT_WIDTH = 4;

function entryText(slot: number, { marks, checksum, release, view, op, sizeBytes, operation }: WalEntry): string {
  const place = `${marks}${underscored(slot, SLOT_WIDTH)}`;
  return `${place}: checksum=0x${checksum} release=${release} view=${view} op=${op} size=${sizeBytes} operation=${operation} `;
}

function walEntry(marks: string, bytes: Uint8Array): WalEntry {
  const header = new PrepareHeader(bytes);
  return {
    marks,
    checksum: hex128(header.checksum),
    release: formatRelease(header.release),
    view: header.view,
    // A damaged header can have any op.
    op: header.dataView.getBigUint64(PrepareHeader.layout.op.offset, true),
    sizeBytes: header.size,
    operation: operationText(header.operation),
  };
}

/** Calls `onSlot` with the redundant header and the prepare of each slot, in order. */
export async function readWal(
  reader: DataFileReader,
  progress: Progress,
  onSlot: (slot: number, redundant: Uint8Array, prepare: Uint8Array) => void,
): Promise<void> {
  const { config } = reader;
  const ring = (await reader.read("walHeaders", 0, zoneSize(config, "walHeaders"))).slice();
  for (let slot = 0; slot < config.cluster.journalSlotCount; slot += 1) {
    const at = slot * HEADER_SIZE_BYTES;
    const prepare = await reader.readMessage("walPrepares", slot, PrepareHeader);
    onSlot(slot, ring.slice(at, at + HEADER_SIZE_BYTES), prepare);
    progress.advance();
  }
}

/** Reads all slots. */
export async function walReport(reader: DataFileReader, progress: Progress): Promise<WalReport> {
  const slots: WalSlot[] = [];
  await readWal(reader, progress, (slot, redundant, prepare) => {
    slots.push(walSlot(slot, redundant, prepare, reader.checksums));
  });
  return { slots };
}
