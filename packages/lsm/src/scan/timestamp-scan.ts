/**
 * What all scans have in common that yield timestamps: scans of a tree, and unions and intersections of such.
 *
 * @module
 */
/** The order in which a scan yields. */
export type Direction = "ascending" | "descending";

/** Whether a scan has a value, needs blocks to be read first, or is at its end. */
export type ScanState = "value" | "needsRead" | "finished";

/** A sequence of objects in strict order of their timestamps, or of index entries in the order of the index. */
export interface TimestampScan {
  readonly direction: Direction;
  /** Comes to the next value, as far as memory goes. May be asked again. */
  settle(): ScanState;
  /** After a `value`: where its timestamp is, as a lane. Good until `advance`, `probe`, `read` or `close`. */
  readonly timestampLane: number;
  /** Goes beyond the value that was settled. */
  advance(): void;
  /** Skips values before the timestamp at `lane`. Never goes back. Not for scans of whole indexes. */
  probe(lane: number): void;
  /** After `needsRead`: reads. The callback runs once, never from inside the call; then the scan can be settled. */
  read(callback: () => void): void;
  /** Gives back what it holds. */
  close(): void;
}

/** Negative, 0 or positive, as the timestamp at lane `a` comes before that at `b`, is the same, or comes after it. */
export function compareTimestamps(lanes: Uint32Array, a: number, b: number, direction: Direction): number {
  const high = (lanes[a + 1] as number) - (lanes[b + 1] as number);
  const difference = high !== 0 ? high : (lanes[a] as number) - (lanes[b] as number);
  return direction === "ascending" ? difference : -difference;
}
