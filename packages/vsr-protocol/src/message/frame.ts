/**
 * The frame: bytes 0 to 127 that the headers of all commands share (spec 01 §4.1).
 *
 * @module
 */
import { type Layout, recordClass, type RecordClass, type RecordOf } from "../layout.ts";

/** The size of every message header in bytes. */
export const HEADER_SIZE_BYTES = 256;

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
