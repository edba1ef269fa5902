/**
 * `ping` (1): from a replica or standby to every other, to synchronize clocks and to tell which releases there are; the
 * releases are the body (spec 01 §4.5).
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { RELEASE_SIZE_BYTES } from "../release.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `ping`. */
export const PING_LAYOUT = {
  checkpointId: { type: "u128", offset: 128 },
  checkpointOp: { type: "u53", offset: 144 },
  pingTimestampMonotonic: { type: "u64", offset: 152 },
  releaseCount: { type: "u16", offset: 160 },
  reserved: { type: "bytes", offset: 162, size: 94 },
} as const;

/** A view of the header of a `ping`, 256 bytes. */
export type PingHeader = HeaderOf<typeof PING_LAYOUT>;
export const PingHeader: RecordClass<typeof FRAME_LAYOUT & typeof PING_LAYOUT> = headerClass(PING_LAYOUT);

/** The size of every `ping` in bytes: the header, and room for as many releases as can be installed. */
export function pingSizeBytes(config: Config): number {
  return HEADER_SIZE_BYTES + config.cluster.vsrReleasesMax * RELEASE_SIZE_BYTES;
}

/** Why a `ping` whose frame is valid is invalid, or null if it is not. */
export function invalidPing(header: PingHeader, config: Config): string | null {
  if (header.size !== pingSizeBytes(config)) return "size is not that of a ping";
  if (header.release === 0) return "release is 0";
  if (header.checkpointOp !== 0 && (header.checkpointOp + 1) % config.cluster.lsmCompactionOps !== 0) {
    return "checkpoint_op is not the last op of a bar";
  }
  if (isZero(header, PING_LAYOUT.pingTimestampMonotonic)) return "ping_timestamp_monotonic is 0";
  if (header.releaseCount === 0) return "release_count is 0";
  if (header.releaseCount > config.cluster.vsrReleasesMax) return "release_count is above the maximum";
  if (!isZero(header, PING_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
