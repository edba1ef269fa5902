/**
 * Who has to be told when which tick comes.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/**
 * Things with a deadline, by the tick at which it passes. Adding and removing cost the same however many wait; a tick costs as
 * much as there are different ticks at which something expires.
 */
export class Deadlines<Item> {
  readonly #itemsByTick: Map<number, Set<Item>> = new Map();
  readonly #tickByItem: Map<Item, number> = new Map();
  #now = 0;

  /** How many wait. */
  get size(): number {
    return this.#tickByItem.size;
  }

  /** Adds an item whose deadline passes with the `afterTicks`-th tick (at least 1) from now. */
  add(item: Item, afterTicks: number): void {
    assert(Number.isSafeInteger(afterTicks) && afterTicks > 0, () => `a deadline after ${afterTicks} ticks`);
    assert(!this.#tickByItem.has(item), "the item has a deadline already");
    const tick = this.#now + afterTicks;
    this.#tickByItem.set(item, tick);
    const items = this.#itemsByTick.get(tick);
    if (items === undefined) this.#itemsByTick.set(tick, new Set([item]));
    else items.add(item);
  }

  /** Forgets an item, if it is there. */
  remove(item: Item): void {
    const tick = this.#tickByItem.get(item);
    if (tick === undefined) return;
    this.#tickByItem.delete(item);
    const items = this.#itemsByTick.get(tick);
    assert(items !== undefined, () => `nothing expires at tick ${tick}`);
    items.delete(item);
    if (items.size === 0) this.#itemsByTick.delete(tick);
  }

  /** Lets ticks pass and takes out what has expired, the earliest first. */
  advance(ticks: number): Item[] {
    assert(Number.isSafeInteger(ticks) && ticks > 0, () => `${ticks} ticks pass`);
    this.#now += ticks;
    const due = [...this.#itemsByTick.keys()].filter((tick) => tick <= this.#now).toSorted((a, b) => a - b);
    const expired = due.flatMap((tick) => [...(this.#itemsByTick.get(tick) ?? [])]);
    for (const item of expired) this.remove(item);
    return expired;
  }
}
