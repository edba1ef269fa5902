/**
 * The next key and the one before: where a scan goes on behind what it has read.
 *
 * @module
 */
import { keySlotSizeBytes } from "@stagbeetle/kernels";
import type { KeyPointer } from "./key.ts";

const KEY_LANES = keySlotSizeBytes / 4;
const LANE_MAX = 0xffff_ffff;

/** Adds one to a key. Returns false, with the key 0, if it was the largest of all. */
export function incrementKey(lanes: Uint32Array, key: KeyPointer): boolean {
  const at = key >>> 2;
  for (let lane = 0; lane < KEY_LANES; lane += 1) {
    const next = (lanes[at + lane] as number) === LANE_MAX ? 0 : (lanes[at + lane] as number) + 1;
    lanes[at + lane] = next;
    if (next !== 0) return true;
  }
  return false;
}

/** Takes one from a key. Returns false, with the largest key, if it was 0. */
export function decrementKey(lanes: Uint32Array, key: KeyPointer): boolean {
  const at = key >>> 2;
  for (let lane = 0; lane < KEY_LANES; lane += 1) {
    const former = lanes[at + lane] as number;
    lanes[at + lane] = former === 0 ? LANE_MAX : former - 1;
    if (former !== 0) return true;
  }
  return false;
}
