/**
 * Timestamps: u64 nanoseconds, of which the highest bit belongs to the store (spec 02 §1).
 *
 * @module
 */

/** The smallest valid timestamp. */
export const TIMESTAMP_MIN = 1n;

/** The largest valid timestamp. Bit 63 of a stored timestamp marks a tombstone. */
export const TIMESTAMP_MAX: bigint = (1n << 63n) - 1n;

/** Whether a timestamp may be stored. */
export function timestampValid(timestamp: bigint): boolean {
  return timestamp >= TIMESTAMP_MIN && timestamp <= TIMESTAMP_MAX;
}

/** The same for a timestamp in two lanes, least significant first. */
export function timestampLanesValid(lanes: Uint32Array, at: number): boolean {
  const low = lanes[at] as number;
  const high = lanes[at + 1] as number;
  return high <= 0x7fff_ffff && (low | high) !== 0;
}
