/**
 * The port to the clocks.
 *
 * @module
 */

/** The clocks of one replica or client. All values in nanoseconds. */
export interface Time {
  /** Never steps back, does not follow the wall clock and is never 0 (spec 03 §35.2). */
  monotonic(): bigint;
  /** The wall clock, since the Unix epoch. May step in either direction. */
  realtime(): bigint;
}
