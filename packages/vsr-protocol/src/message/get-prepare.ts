/**
 * `get_prepare` (15): asks a replica for one prepare (spec 01 §4.18).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `get_prepare`. */
export const GET_PREPARE_LAYOUT = {
  prepareChecksum: { type: "u128", offset: 128 },
  prepareChecksumPadding: { type: "u128", offset: 144 },
  prepareOp: { type: "u53", offset: 160 },
  reserved: { type: "bytes", offset: 168, size: 88 },
} as const;

/** A view of the header of a `get_prepare`, 256 bytes. */
export type GetPrepareHeader = HeaderOf<typeof GET_PREPARE_LAYOUT>;
export const GetPrepareHeader: RecordClass<typeof FRAME_LAYOUT & typeof GET_PREPARE_LAYOUT> =
  headerClass(GET_PREPARE_LAYOUT);

/** Why a `get_prepare` whose frame is valid is invalid, or null if it is not. */
export function invalidGetPrepare(header: GetPrepareHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.view !== 0 && !isZero(header, GET_PREPARE_LAYOUT.prepareChecksum))
    return "view and prepare_checksum are both given";
  if (header.release !== 0) return "release is not 0";
  if (!isZero(header, GET_PREPARE_LAYOUT.prepareChecksumPadding)) return "prepare_checksum_padding is not zero";
  if (!isZero(header, GET_PREPARE_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
