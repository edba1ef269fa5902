/**
 * Counts the newest events by type, in a window that one `get_change_events` can answer (spec 07 §15.7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ChangeEventType } from "../accounting/results.ts";

/** A part of the history with all that happened in it. */
export interface ChangeWindow {
  readonly timestampMin: bigint;
  readonly timestampMax: bigint;
  /** By {@link ChangeEventType}. */
  readonly counts: readonly number[];
}

/** The number of events in a window. */
export function changeCount(window: ChangeWindow): number {
  return window.counts.reduce((sum, count) => sum + count, 0);
}

const TYPES = 5;

/** Grows a window until it is full, and then begins the next. */
export class ChangeTracker {
  readonly #countMax: number;
  #window: ChangeWindow | null = null;
  /** The window that a request under way asks for. */
  #acquired: ChangeWindow | null = null;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Adds events of one type, the last of which has this timestamp and the others the ones before. */
  add(type: ChangeEventType, timestamp: bigint, count: number): void {
    assert(count > 0, "no change");
    if (count > this.#countMax) {
      this.#window = null;
      return;
    }
    const current = this.#window;
    const full = current === null || changeCount(current) + count > this.#countMax;
    const counts = full ? Array.from({ length: TYPES }, () => 0) : [...current.counts];
    counts[type] = (counts[type] ?? 0) + count;
    const timestampMin = full ? timestamp - BigInt(count) + 1n : current.timestampMin;
    assert(full || timestamp > current.timestampMax, () => `a change at ${timestamp} is not the newest`);
    this.#window = { timestampMin, timestampMax: timestamp, counts };
  }

  /** The window as it is, for one request; null if there is none or another request has one. */
  acquire(): ChangeWindow | null {
    if (this.#window === null || this.#acquired !== null) return null;
    this.#acquired = this.#window;
    return this.#window;
  }

  /** The window that was acquired, once its request is answered. */
  release(): ChangeWindow {
    const acquired = this.#acquired;
    assert(acquired !== null, "no window was acquired");
    this.#acquired = null;
    return acquired;
  }

  /** The window that a request under way asks for. */
  get acquired(): ChangeWindow | null {
    return this.#acquired;
  }
}
