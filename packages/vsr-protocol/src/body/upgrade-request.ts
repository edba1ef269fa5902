/**
 * The body of `upgrade`: the release to move to (spec 01 §5.4).
 *
 * @module
 */
import { isZero, recordClass, type RecordClass, type RecordOf } from "../layout.ts";

/** The size of the body of an `upgrade` in bytes. */
export const UPGRADE_REQUEST_SIZE_BYTES = 16;

const UPGRADE_REQUEST_LAYOUT = {
  release: { type: "u32", offset: 0 },
  reserved: { type: "bytes", offset: 4, size: 12 },
} as const;

/** The primary's request to itself to move the cluster to `release`. */
export type UpgradeRequest = RecordOf<typeof UPGRADE_REQUEST_LAYOUT>;
export const UpgradeRequest: RecordClass<typeof UPGRADE_REQUEST_LAYOUT> = recordClass(
  UPGRADE_REQUEST_SIZE_BYTES,
  UPGRADE_REQUEST_LAYOUT,
);

/** Why a body of `upgrade` (16 bytes) is invalid, or null if it is not. */
export function invalidUpgradeRequest(body: UpgradeRequest): string | null {
  if (body.release === 0) return "release is 0";
  if (!isZero(body, UPGRADE_REQUEST_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
