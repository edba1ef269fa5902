/**
 * The frame: bytes 0 to 127 that the headers of all commands share (spec 01 §4.1).
 *
 * @module
 */
import { Command, commandKnown } from "../command.ts";
import type { Config } from "../config/config.ts";
import {
  isZero,
  type Layout,
  recordBytes,
  recordClass,
  type RecordClass,
  type RecordOf,
  type RecordView,
} from "../layout.ts";

/** The size of every message header in bytes. */
export const HEADER_SIZE_BYTES = 256;

/** The version of the protocol that all messages of this release have. */
export const PROTOCOL_VERSION = 0;

/** The fields that all headers share. Offsets in bytes. */
export const FRAME_LAYOUT = {
  checksum: { type: "u128", offset: 0 },
  checksumPadding: { type: "u128", offset: 16 },
  checksumBody: { type: "u128", offset: 32 },
  checksumBodyPadding: { type: "u128", offset: 48 },
  nonceReserved: { type: "u128", offset: 64 },
  cluster: { type: "u128", offset: 80 },
  size: { type: "u32", offset: 96 },
  epoch: { type: "u32", offset: 100 },
  view: { type: "u32", offset: 104 },
  release: { type: "u32", offset: 108 },
  protocol: { type: "u16", offset: 112 },
  command: { type: "u8", offset: 114 },
  replica: { type: "u8", offset: 115 },
  reservedFrame: { type: "bytes", offset: 116, size: 12 },
} as const;

type FrameFields = typeof FRAME_LAYOUT;

/** A header of which only the frame is looked at: any command. */
export type Header = RecordOf<FrameFields>;
export const Header: RecordClass<FrameFields> = recordClass(HEADER_SIZE_BYTES, FRAME_LAYOUT);

/** A header with the fields of one command after the frame. */
export type HeaderOf<Fields extends Layout> = RecordOf<FrameFields & Fields>;

/** Makes the header class of one command from the fields in its bytes 128 to 255. */
export function headerClass<Fields extends Layout>(fields: Fields): RecordClass<FrameFields & Fields> {
  return recordClass(HEADER_SIZE_BYTES, { ...FRAME_LAYOUT, ...fields });
}

/** The frame of a header of any command, to write to. */
type HeaderOfAnyCommand = RecordView & { cluster: bigint; size: number; command: number };

/** Makes the bytes those of an empty header: all zero but cluster, command and a size of 256. Checksums come last. */
export function initHeader(header: HeaderOfAnyCommand, command: Command, cluster: bigint): void {
  recordBytes(header).fill(0);
  header.cluster = cluster;
  header.size = HEADER_SIZE_BYTES;
  header.command = command;
}

/** Why the frame of a header with a valid checksum is invalid, or null if it is not (spec 01 §4.4, checks 1 to 9). */
export function invalidFrame(header: Header, config: Config): string | null {
  if (!isZero(header, FRAME_LAYOUT.checksumPadding)) return "checksum_padding is not zero";
  if (!isZero(header, FRAME_LAYOUT.checksumBodyPadding)) return "checksum_body_padding is not zero";
  if (!isZero(header, FRAME_LAYOUT.nonceReserved)) return "nonce_reserved is not zero";
  if (header.size < HEADER_SIZE_BYTES) return "size is below 256";
  if (header.size > config.cluster.messageSizeMax) return "size is above message_size_max";
  if (header.epoch !== 0) return "epoch is not 0";
  if (!isZero(header, FRAME_LAYOUT.reservedFrame)) return "reserved_frame is not zero";
  // A block may be as old as the data file; everything else is of this version.
  const protocolValid =
    header.command === Command.block ? header.protocol <= PROTOCOL_VERSION : header.protocol === PROTOCOL_VERSION;
  if (!protocolValid) return "protocol is another version";
  if (!commandKnown(header.command)) return "command is unknown";
  return null;
}
