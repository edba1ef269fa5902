/**
 * Unions and intersections of scans (spec 05 §17.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { compareTimestamps, type Direction, type ScanState, type TimestampScan } from "./timestamp-scan.ts";

/** What unions and intersections have in common: their operands, which they settle and read together. */
abstract class MergeScan implements TimestampScan {
  readonly direction: Direction;
  protected readonly operands: readonly TimestampScan[];
  protected readonly lanes: Uint32Array;
  /** States of the operands after {@link settleAll}. */
  protected readonly states: ScanState[];
  #reading = 0;

  constructor(lanes: Uint32Array, operands: readonly TimestampScan[]) {
    const direction = operands[0]?.direction;
    assert(direction !== undefined, "nothing is merged");
    assert(
      operands.every((operand) => operand.direction === direction),
      "scans of both directions are merged",
    );
    this.lanes = lanes;
    this.direction = direction;
    this.operands = operands;
    this.states = operands.map(() => "finished");
  }

  abstract settle(): ScanState;
  abstract get timestampLane(): number;
  abstract advance(): void;

  probe(lane: number): void {
    for (const operand of this.operands) operand.probe(lane);
  }

  /** Reads all operands that need it, at once. */
  read(callback: () => void): void {
    assert(this.#reading === 0, "the scan is being read");
    const waiting = this.operands.filter((_, number) => this.states[number] === "needsRead");
    assert(waiting.length > 0, "nothing has to be read");
    this.#reading = waiting.length;
    for (const operand of waiting) {
      operand.read(() => {
        this.#reading -= 1;
        if (this.#reading === 0) callback();
      });
    }
  }

  close(): void {
    for (const operand of this.operands) operand.close();
  }

  /** Settles all operands. */
  protected settleAll(): void {
    for (const [number, operand] of this.operands.entries()) this.states[number] = operand.settle();
  }
}

/** The timestamps that at least one operand yields, each once. */
export class UnionScan extends MergeScan {
  #first: TimestampScan | null = null;

  settle(): ScanState {
    this.settleAll();
    this.#first = null;
    if (this.states.includes("needsRead")) return "needsRead";
    for (const [number, operand] of this.operands.entries()) {
      if (this.states[number] === "finished") continue;
      if (this.#first === null || this.#compare(operand, this.#first) < 0) this.#first = operand;
    }
    return this.#first === null ? "finished" : "value";
  }

  get timestampLane(): number {
    assert(this.#first !== null, "no value was settled");
    return this.#first.timestampLane;
  }

  advance(): void {
    const first = this.#first;
    assert(first !== null, "no value was settled");
    this.#first = null;
    for (const [number, operand] of this.operands.entries()) {
      // The first one last: the others are compared with its value.
      if (operand !== first && this.states[number] === "value" && this.#compare(operand, first) === 0)
        operand.advance();
    }
    first.advance();
  }

  override probe(lane: number): void {
    this.#first = null;
    super.probe(lane);
  }

  #compare(a: TimestampScan, b: TimestampScan): number {
    return compareTimestamps(this.lanes, a.timestampLane, b.timestampLane, this.direction);
  }
}

/** The timestamps that all operands yield: a zig-zag join, in which those behind skip to the furthest one. */
export class IntersectionScan extends MergeScan {
  settle(): ScanState {
    for (;;) {
      this.settleAll();
      if (this.states.includes("finished")) return "finished";
      if (this.states.includes("needsRead")) return "needsRead";
      if (!this.#skip(this.#furthest())) return "value";
    }
  }

  get timestampLane(): number {
    return this.#operand(0).timestampLane;
  }

  advance(): void {
    for (const operand of this.operands) operand.advance();
  }

  /** The operand whose value comes last. */
  #furthest(): TimestampScan {
    let furthest = this.#operand(0);
    for (const operand of this.operands) {
      if (compareTimestamps(this.lanes, operand.timestampLane, furthest.timestampLane, this.direction) > 0)
        furthest = operand;
    }
    return furthest;
  }

  /** Lets all operands that are behind skip to `furthest`. False if there are none. */
  #skip(furthest: TimestampScan): boolean {
    const lane = furthest.timestampLane;
    let behind = false;
    for (const operand of this.operands) {
      if (compareTimestamps(this.lanes, operand.timestampLane, lane, this.direction) === 0) continue;
      operand.probe(lane);
      behind = true;
    }
    return behind;
  }

  #operand(number: number): TimestampScan {
    const operand = this.operands[number];
    assert(operand !== undefined, () => `there is no operand ${number}`);
    return operand;
  }
}
