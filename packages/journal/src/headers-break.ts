/**
 * The newest break in the hash chain of the headers (spec 04 §10.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { isParentOf, type OpRange, type PrepareHeader } from "@stagbeetle/vsr-protocol";
import type { SlotStates } from "./slot-states.ts";

/**
 * The newest run of ops in `opMin` to `opMax` whose headers are missing or do not lead to the head, or null if there is
 * none. It never holds `opMax`, whose header must be there: the head gives meaning to all that is below it.
 */
export function findLatestHeadersBreakBetween(slots: SlotStates, opMin: number, opMax: number): OpRange | null {
  assert(opMin <= opMax, () => `from op ${opMin} to ${opMax}`);
  let child = slots.headerWithOp(opMax);
  assert(child !== null, () => `no header for op ${opMax}`);
  let found: { opMin: number; opMax: number } | null = null;
  for (let op = opMax - 1; op >= opMin; op -= 1) {
    const header = slots.headerWithOp(op);
    if (found === null) {
      if (header === null || broken(header, child)) found = { opMin: op, opMax: op };
    } else if (header === null || belongs(header, child, opMin)) {
      found.opMin = op;
    } else {
      break;
    }
    child = header;
  }
  assert(found === null || found.opMax < opMax, "a break never holds the head");
  return found;
}

/** Whether `child` is there and not the child of `header`. */
function broken(header: PrepareHeader, child: PrepareHeader | null): boolean {
  return child !== null && !isParentOf(header, child);
}

/** Whether `header`, below an op that is part of the break, is part of it too. */
function belongs(header: PrepareHeader, child: PrepareHeader | null, opMin: number): boolean {
  // Above it is a gap, so the break ends here. Or it is the lowest op, which is committed.
  if (child === null || header.op === opMin) return false;
  // The primary of a view chains its ops. Of two that are not chained one is forged, which the disk cannot tell: ask for both.
  return !broken(header, child) || header.view <= child.view;
}
