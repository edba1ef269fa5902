/**
 * Union and intersection of scans (spec 05 §17.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  compareTimestamps,
  type Direction,
  type ScanState,
  type Timestamp,
  type TimestampScan,
} from "./timestamp-scan.ts";

/** What both have in common: operands of one direction, loaded together. */
abstract class MergedScan implements TimestampScan {
  readonly direction: Direction;
  protected readonly operands: readonly TimestampScan[];
  #loading = 0;

  constructor(operands: readonly TimestampScan[]) {
    const [first] = operands;
    assert(first !== undefined && operands.length > 1, () => `${operands.length} scans are not merged`);
    this.direction = first.direction;
    assert(
      operands.every(({ direction }) => direction === this.direction),
      "scans of two directions are not merged",
    );
    this.operands = operands;
  }

  abstract readonly high: number;
  abstract readonly low: number;
  abstract state(): ScanState;
  abstract take(): void;

  probe(timestamp: Timestamp): void {
    for (const operand of this.operands) operand.probe(timestamp);
  }

  load(callback: () => void): void {
    assert(this.#loading === 0, "the scan is loading");
    const pending = this.operands.filter((operand) => operand.state() === "pending");
    assert(pending.length > 0, "no operand waits for blocks");
    this.#loading = pending.length;
    for (const operand of pending) {
      operand.load(() => {
        this.#loading -= 1;
        if (this.#loading === 0) callback();
      });
    }
  }

  close(): void {
    for (const operand of this.operands) operand.close();
  }
}

/** The timestamps that at least one operand yields, each once. */
export class UnionScan extends MergedScan {
  #next: TimestampScan | null = null;

  get high(): number {
    return this.#current().high;
  }

  get low(): number {
    return this.#current().low;
  }

  state(): ScanState {
    this.#next = null;
    for (const operand of this.operands) {
      const state = operand.state();
      if (state === "pending") return "pending";
      if (state === "end") continue;
      if (this.#next === null || compareTimestamps(operand, this.#next, this.direction) < 0) this.#next = operand;
    }
    return this.#next === null ? "end" : "value";
  }

  take(): void {
    const { high, low } = this.#current();
    for (const operand of this.operands) {
      if (operand.state() === "value" && operand.high === high && operand.low === low) operand.take();
    }
    this.#next = null;
  }

  #current(): TimestampScan {
    assert(this.#next !== null, "the union has no value");
    return this.#next;
  }
}

/** The timestamps that all operands yield: each is moved to the furthest of them, until they agree. */
export class IntersectionScan extends MergedScan {
  get high(): number {
    return this.#first().high;
  }

  get low(): number {
    return this.#first().low;
  }

  state(): ScanState {
    for (;;) {
      let furthest: Timestamp | null = null;
      let pending = false;
      for (const operand of this.operands) {
        const state = operand.state();
        if (state === "end") return "end";
        if (state === "pending") pending = true;
        else if (furthest === null || compareTimestamps(operand, furthest, this.direction) > 0) furthest = operand;
      }
      if (furthest === null) return "pending";
      const { high, low } = furthest;
      // What waits for blocks may then wait for fewer.
      for (const operand of this.operands) operand.probe({ high, low });
      const agree = this.operands.every(
        (operand) => operand.state() === "value" && operand.high === high && operand.low === low,
      );
      if (agree) return "value";
      if (pending || this.operands.some((operand) => operand.state() === "pending")) return this.#stateOfPending();
    }
  }

  take(): void {
    for (const operand of this.operands) operand.take();
  }

  #stateOfPending(): ScanState {
    const states = this.operands.map((operand) => operand.state());
    return states.includes("end") ? "end" : states.includes("pending") ? "pending" : this.state();
  }

  #first(): TimestampScan {
    const [first] = this.operands;
    assert(first !== undefined, "the intersection has operands");
    return first;
  }
}
