/**
 * `exit_view` (10): a replica wants to leave a view for the one in `view`, to all other replicas (spec 01 §4.14).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `exit_view`. */
export const EXIT_VIEW_LAYOUT = {
  reserved: { type: "bytes", offset: 128, size: 128 },
} as const;

/** A view of the header of an `exit_view`, 256 bytes. */
export type ExitViewHeader = HeaderOf<typeof EXIT_VIEW_LAYOUT>;
export const ExitViewHeader: RecordClass<typeof FRAME_LAYOUT & typeof EXIT_VIEW_LAYOUT> = headerClass(EXIT_VIEW_LAYOUT);

/** Why a `exit_view` whose frame is valid is invalid, or null if it is not. */
export function invalidExitView(header: ExitViewHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release !== 0) return "release is not 0";
  if (!isZero(header, EXIT_VIEW_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
