/**
 * Scans: streams of timestamps in one direction, which can be merged (spec 05 §17).
 *
 * @module
 */

/** The order in which a scan yields. */
export type Direction = "ascending" | "descending";

/** What a scan has next: a value; nothing before blocks were loaded; nothing any more. */
export type ScanState = "value" | "pending" | "end";

/** A timestamp in two lanes, which compare faster than an integer of 64 bits. */
export interface Timestamp {
  readonly high: number;
  readonly low: number;
}

/**
 * A scan. `state` says what is next; if that is a value, `high` and `low` are its timestamp until `take` or `probe`. If it is
 * `pending`, `load` brings more.
 */
export interface TimestampScan extends Timestamp {
  readonly direction: Direction;
  state(): ScanState;
  /** Goes past the value. */
  take(): void;
  /** Goes to the first value that is not before this timestamp, in the scan's direction. Never goes back. */
  probe(timestamp: Timestamp): void;
  /** Loads what the scan waits for. The callback never runs from inside the call. */
  load(callback: () => void): void;
  /** Gives back all blocks. */
  close(): void;
}

/** Negative, 0 or positive as `a` comes before, with or after `b` in the direction. */
export function compareTimestamps(a: Timestamp, b: Timestamp, direction: Direction): number {
  const order = a.high - b.high || a.low - b.low;
  return direction === "ascending" ? order : -order;
}
