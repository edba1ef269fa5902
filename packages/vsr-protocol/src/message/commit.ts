/**
 * `commit` (9): the primary's heartbeat to all other replicas and standbys (spec 01 §4.13).
 *
 * @module
 */
import { isZero, type RecordClass } from "../layout.ts";
import { CHECKSUM_EMPTY } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `commit`. */
export const COMMIT_LAYOUT = {
  commitChecksum: { type: "u128", offset: 128 },
  commitChecksumPadding: { type: "u128", offset: 144 },
  checkpointId: { type: "u128", offset: 160 },
  checkpointOp: { type: "u53", offset: 176 },
  commit: { type: "u53", offset: 184 },
  timestampMonotonic: { type: "u64", offset: 192 },
  reserved: { type: "bytes", offset: 200, size: 56 },
} as const;

/** A view of the header of a `commit`, 256 bytes. */
export type CommitHeader = HeaderOf<typeof COMMIT_LAYOUT>;
export const CommitHeader: RecordClass<typeof FRAME_LAYOUT & typeof COMMIT_LAYOUT> = headerClass(COMMIT_LAYOUT);

/** Why a `commit` whose frame is valid is invalid, or null if it is not. */
export function invalidCommit(header: CommitHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release !== 0) return "release is not 0";
  if (header.commit < header.checkpointOp) return "commit is below checkpoint_op";
  if (isZero(header, COMMIT_LAYOUT.timestampMonotonic)) return "timestamp_monotonic is 0";
  if (!isZero(header, COMMIT_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
