/**
 * Slots: the positions of the two rings (spec 04 §9).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

declare const slotBrand: unique symbol;

/** The index of a slot: 0 to `journal_slot_count` − 1. Branded, so that an op is never used as one. */
export type Slot = number & { readonly [slotBrand]: true };

/** The slot with this index, of `slotCount`. */
export function slotAt(index: number, slotCount: number): Slot {
  assert(Number.isInteger(index) && index >= 0 && index < slotCount, () => `slot ${index} of ${slotCount}`);
  return index as Slot;
}

/** The slot in which an op lives: op modulo the number of slots. */
export function slotForOp(op: number, slotCount: number): Slot {
  assert(Number.isSafeInteger(op) && op >= 0, () => `not an op: ${op}`);
  return (op % slotCount) as Slot;
}

/**
 * The slots from `head` to `tail`, both included, around the end of the ring if need be. It is never empty: if both
 * are the same slot, the range is that slot.
 */
export class SlotRange {
  readonly head: Slot;
  readonly tail: Slot;

  constructor(head: Slot, tail: Slot) {
    this.head = head;
    this.tail = tail;
  }

  /** Whether the range holds the slot. */
  contains(slot: Slot): boolean {
    if (this.head <= this.tail) return this.head <= slot && slot <= this.tail;
    return slot >= this.head || slot <= this.tail;
  }
}
