/**
 * Cursors over the positions of a groove's objects: what scans and their merges are made of.
 *
 * @module
 */
import type { Direction } from "../forest.ts";

/** The position of a cursor that is at its end. */
export const END = -1;

/** Yields positions in one direction, each once. */
export interface Cursor {
  readonly direction: Direction;
  /** The position it is at, or {@link END}. */
  readonly current: number;
  /** Moves to the next position. Not at the end. */
  advance(): void;
  /** Moves to the first position from here on that does not come before `position`. Never moves back. */
  seek(position: number): void;
}

/** Whether a position comes before another one in the direction. */
function before(direction: Direction, a: number, b: number): boolean {
  return direction === "ascending" ? a < b : a > b;
}

/** All positions from `low` to `high`, `high` excluded. */
export class SpanCursor implements Cursor {
  readonly direction: Direction;
  readonly #low: number;
  readonly #high: number;
  #current: number;

  constructor(low: number, high: number, direction: Direction) {
    this.direction = direction;
    this.#low = low;
    this.#high = high;
    if (low >= high) this.#current = END;
    else this.#current = direction === "ascending" ? low : high - 1;
  }

  get current(): number {
    return this.#current;
  }

  advance(): void {
    this.#moveTo(this.direction === "ascending" ? this.#current + 1 : this.#current - 1);
  }

  seek(position: number): void {
    if (this.#current !== END && before(this.direction, this.#current, position)) this.#moveTo(position);
  }

  #moveTo(position: number): void {
    this.#current = position >= this.#low && position < this.#high ? position : END;
  }
}

/** The positions in a range of an array that ascends. */
export class ListCursor implements Cursor {
  readonly direction: Direction;
  readonly #positions: Uint32Array;
  #low: number;
  #high: number;

  /** The range is `positions[low…high − 1]`. */
  constructor(positions: Uint32Array, low: number, high: number, direction: Direction) {
    this.direction = direction;
    this.#positions = positions;
    this.#low = low;
    this.#high = high;
  }

  get current(): number {
    if (this.#low >= this.#high) return END;
    return this.#positions[this.direction === "ascending" ? this.#low : this.#high - 1] as number;
  }

  advance(): void {
    if (this.direction === "ascending") this.#low += 1;
    else this.#high -= 1;
  }

  seek(position: number): void {
    if (this.direction === "ascending") this.#low = lowerBound(this.#positions, this.#low, this.#high, position);
    else this.#high = lowerBound(this.#positions, this.#low, this.#high, position + 1);
  }
}

/** The first index in `[low, high)` whose position is at least `position`; `high` if there is none. */
export function lowerBound(positions: Uint32Array, low: number, high: number, position: number): number {
  let first = low;
  let last = high;
  while (first < last) {
    const middle = (first + last) >>> 1;
    if ((positions[middle] as number) < position) first = middle + 1;
    else last = middle;
  }
  return first;
}

/** Drops the positions that a predicate rejects. */
export class FilteredCursor implements Cursor {
  readonly #source: Cursor;
  readonly #rejects: (position: number) => boolean;

  constructor(source: Cursor, rejects: (position: number) => boolean) {
    this.#source = source;
    this.#rejects = rejects;
    this.#settle();
  }

  get direction(): Direction {
    return this.#source.direction;
  }

  get current(): number {
    return this.#source.current;
  }

  advance(): void {
    this.#source.advance();
    this.#settle();
  }

  seek(position: number): void {
    this.#source.seek(position);
    this.#settle();
  }

  #settle(): void {
    while (this.#source.current !== END && this.#rejects(this.#source.current)) this.#source.advance();
  }
}

/** The positions of any operand. */
export class UnionCursor implements Cursor {
  readonly direction: Direction;
  readonly #operands: readonly Cursor[];

  constructor(operands: readonly Cursor[], direction: Direction) {
    this.direction = direction;
    this.#operands = operands;
  }

  get current(): number {
    let first = END;
    for (const operand of this.#operands) {
      const current = operand.current;
      if (current !== END && (first === END || before(this.direction, current, first))) first = current;
    }
    return first;
  }

  advance(): void {
    const current = this.current;
    for (const operand of this.#operands) {
      if (operand.current === current) operand.advance();
    }
  }

  seek(position: number): void {
    for (const operand of this.#operands) operand.seek(position);
  }
}

/** The positions of all operands: a zig-zag join. */
export class IntersectionCursor implements Cursor {
  readonly direction: Direction;
  readonly #operands: readonly Cursor[];
  #current: number = END;

  constructor(operands: readonly Cursor[], direction: Direction) {
    this.direction = direction;
    this.#operands = operands;
    this.#settle();
  }

  get current(): number {
    return this.#current;
  }

  advance(): void {
    for (const operand of this.#operands) operand.advance();
    this.#settle();
  }

  seek(position: number): void {
    for (const operand of this.#operands) operand.seek(position);
    this.#settle();
  }

  /** Moves every operand to the furthest one until all are at the same position or one is at its end. */
  #settle(): void {
    for (;;) {
      const furthest = this.#furthest();
      if (furthest === END) break;
      let agreed = true;
      for (const operand of this.#operands) {
        operand.seek(furthest);
        agreed &&= operand.current === furthest;
      }
      this.#current = furthest;
      if (agreed) return;
    }
    this.#current = END;
  }

  #furthest(): number {
    let furthest = END;
    for (const operand of this.#operands) {
      const current = operand.current;
      if (current === END) return END;
      if (furthest === END || before(this.direction, furthest, current)) furthest = current;
    }
    return furthest;
  }
}
