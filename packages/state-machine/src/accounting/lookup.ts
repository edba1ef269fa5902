/**
 * Looking up accounts and transfers by id (spec 02 §16.1).
 *
 * @module
 */
import { type Groove, NOT_FOUND, ORPHANED } from "../forest.ts";

const ID_LANES = 4;
/** The size of an account or a transfer in lanes. */
const OBJECT_LANES = 32;

/** Asks for the objects of all ids in `input[first…]`. */
export function enqueueIds(groove: Groove, input: Uint32Array, first: number, count: number): void {
  for (let index = 0; index < count; index += 1) groove.enqueue(input, first + index * ID_LANES);
}

/**
 * Copies the objects that exist, in the order of their ids, to `output[at…]`. Zero, the largest id and burnt ids are not
 * found; an id that is asked for twice is answered twice.
 *
 * @returns how many exist.
 */
export function lookup(
  groove: Groove,
  u32: Uint32Array,
  input: Uint32Array,
  first: number,
  count: number,
  output: Uint32Array,
  at: number,
): number {
  let found = 0;
  for (let index = 0; index < count; index += 1) {
    const object = groove.get(input, first + index * ID_LANES);
    if (object === NOT_FOUND || object === ORPHANED) continue;
    const from = object >>> 2;
    const to = at + found * OBJECT_LANES;
    for (let lane = 0; lane < OBJECT_LANES; lane += 1) output[to + lane] = u32[from + lane] as number;
    found += 1;
  }
  return found;
}
