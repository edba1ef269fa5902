/**
 * What a value says of itself (spec 05 §3.3).
 *
 * @module
 */
import type { Pointer, ValueLayout } from "@stagbeetle/kernels";

/** Where the timestamp of a value is, as a lane. */
export function timestampLane(layout: ValueLayout, value: Pointer): number {
  return (value + layout.timestampOffset) >>> 2;
}

/** Whether the value marks its key as deleted: bit 63 of its timestamp. */
export function isTombstone(lanes: Uint32Array, layout: ValueLayout, value: Pointer): boolean {
  return (lanes[timestampLane(layout, value) + 1] as number) >>> 31 === 1;
}
