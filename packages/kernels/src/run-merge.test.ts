import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hex, kernelsOf } from "../test/variants.ts";
import { deduplicated, encode, keyOf, layouts, puts, sorted } from "../test/values.ts";
import type { Value } from "../test/values.ts";
import { MergeStep, RunMerge } from "./run-merge.ts";
import type { Run, RunSource } from "./run-merge.ts";
import { ValueKernels } from "./value-kernels.ts";
import type { ValueLayout } from "./value-kernels.ts";
import type { Pointer } from "./linear-memory.ts";

const propertyRuns = 60 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const countMax = 120;

/** A memory with room for the inputs and the output of merges. */
class Bench {
  readonly kernels = kernelsOf({ shared: false, simd: "plain" }, 1 << 20);
  readonly values: ValueKernels;
  readonly runs: RunMerge;
  readonly step: MergeStep;
  readonly inputs: number;
  readonly blockB: number;
  readonly output: number;
  readonly pieces: number;
  readonly layout: ValueLayout;

  constructor(layout: ValueLayout) {
    this.layout = layout;
    this.values = new ValueKernels(this.kernels, layout);
    this.runs = new RunMerge(this.kernels, "test");
    this.step = new MergeStep(this.kernels, "test");
    const { memory } = this.kernels;
    this.inputs = memory.allocate(countMax * layout.sizeBytes, 16);
    this.blockB = memory.allocate(countMax * layout.sizeBytes, 16);
    this.output = memory.allocate(2 * countMax * layout.sizeBytes, 16);
    this.pieces = memory.allocate(2 * countMax * layout.sizeBytes, 16);
  }

  write(at: number, values: readonly Value[]): number {
    const { sizeBytes } = this.layout;
    values.forEach((value, number) =>
      this.kernels.memory.bytes.set(encode(this.layout, value), at + number * sizeBytes),
    );
    return at + values.length * sizeBytes;
  }

  outputUpTo(end: number): string[] {
    const { sizeBytes } = this.layout;
    const count = (end - this.output) / sizeBytes;
    const at = (number: number): number => this.output + number * sizeBytes;
    return Array.from({ length: count }, (_, number) =>
      hex(this.kernels.memory.bytes.slice(at(number), at(number + 1))),
    );
  }

  hexOf(values: readonly Value[]): string[] {
    return values.map((value) => hex(encode(this.layout, value)));
  }

  /** Puts as the runs that suffix sorts at the cuts make of them. */
  writeRuns(values: readonly Value[], cuts: readonly number[]): Run[] {
    const places = [...new Set([0, ...cuts.map((cut) => cut % (values.length + 1)), values.length])].toSorted(
      (a, b) => a - b,
    );
    const runs: Run[] = [];
    let at = this.inputs;
    for (const [number, begin] of places.slice(0, -1).entries()) {
      const run = deduplicated(this.layout, sorted(this.layout, values.slice(begin, places[number + 1])));
      const end = this.write(at, run);
      if (run.length > 0) runs.push({ begin: at, end });
      at = end;
    }
    return runs;
  }
}

/** A run in pieces, which two places take in turn, so that one that is no longer there would be noticed. */
class Pieces implements RunSource {
  readonly #bench: Bench;
  readonly #run: Run;
  readonly #pieceSizeBytes: number;
  readonly #places: readonly Pointer[];
  #at: Pointer;
  #count = 0;

  constructor(bench: Bench, run: Run, valuesPerPiece: number) {
    this.#bench = bench;
    this.#run = run;
    this.#at = run.begin;
    this.#pieceSizeBytes = valuesPerPiece * bench.layout.sizeBytes;
    this.#places = [bench.pieces, bench.pieces + this.#pieceSizeBytes];
  }

  get left(): number {
    return (this.#run.end - this.#at) / this.#bench.layout.sizeBytes;
  }

  next(): Run {
    const { bytes } = this.#bench.kernels.memory;
    const begin = this.#places[this.#count % 2] ?? 0;
    const sizeBytes = Math.min(this.#pieceSizeBytes, this.#run.end - this.#at);
    bytes.fill(0xff, begin, begin + this.#pieceSizeBytes);
    bytes.copyWithin(begin, this.#at, this.#at + sizeBytes);
    this.#at += sizeBytes;
    this.#count += 1;
    return { begin, end: begin + sizeBytes };
  }
}

/** One step: what came out and how many values were consumed for it. */
type Step = readonly [output: readonly string[], consumed: number];

function mergeAll(bench: Bench, older: readonly Value[], popsMax: number): Step[] {
  const { step, runs, layout } = bench;
  const steps: Step[] = [];
  let b = bench.blockB;
  const bEnd = bench.write(b, older);
  while (runs.remaining > 0) {
    const before = runs.remaining;
    step.setB(b, bEnd);
    step.setTarget(bench.output, bench.output + countMax * layout.sizeBytes);
    step.mergeRuns(bench.values, runs, false, popsMax);
    steps.push([bench.outputUpTo(step.target), before - runs.remaining]);
    b = step.b;
  }
  return steps;
}

describe.each(layouts)("values of $sizeBytes bytes by $key", (layout) => {
  const bench = new Bench(layout);
  const cuts = fc.array(fc.nat({ max: countMax }), { maxLength: 12 });

  test("of many runs come out once each, the newest of each key", () => {
    fc.assert(
      fc.property(puts(layout, countMax), cuts, fc.integer({ min: 1, max: 30 }), (values, at, popsMax) => {
        const runs = bench.writeRuns(values, at);
        if (runs.length === 0) return;
        bench.runs.open(bench.values, runs);
        const { step } = bench;
        let end = bench.output;
        let consumed = 0;
        while (bench.runs.remaining > 0) {
          const before = bench.runs.remaining;
          step.setB(0, 0);
          step.setTarget(end, end + countMax * layout.sizeBytes);
          step.mergeRuns(bench.values, bench.runs, false, popsMax);
          consumed += before - bench.runs.remaining;
          expect(bench.runs.remaining).toBeLessThan(before);
          end = step.target;
        }
        expect(consumed).toBe(bench.runs.input);
        expect(bench.outputUpTo(end)).toEqual(bench.hexOf(deduplicated(layout, sorted(layout, values))));
      }),
      { numRuns: propertyRuns },
    );
  });

  test("merge in the same steps whether the oldest run is in memory or comes in pieces", () => {
    const pieces = fc.integer({ min: 2, max: 12 });
    fc.assert(
      fc.property(
        puts(layout, countMax),
        puts(layout, countMax),
        cuts,
        fc.integer({ min: 1, max: 30 }),
        pieces,
        (values, below, at, popsMax, valuesPerPiece) => {
          const [oldest, ...younger] = bench.writeRuns(values, at);
          if (oldest === undefined) return;
          // What a level below can have: in a secondary index a value of each tombstone that goes down, and no other.
          const older = layout.secondary ? [] : deduplicated(layout, sorted(layout, below));
          bench.runs.open(bench.values, [oldest, ...younger]);
          const expected = mergeAll(bench, older, popsMax);
          bench.runs.open(bench.values, younger, new Pieces(bench, oldest, valuesPerPiece));
          expect(bench.runs.input).toBe(
            (younger.at(-1) ?? oldest).end / layout.sizeBytes - oldest.begin / layout.sizeBytes,
          );
          expect(mergeAll(bench, older, popsMax)).toEqual(expected);
        },
      ),
      { numRuns: propertyRuns },
    );
  });

  test("of two blocks merge until one of them or the room is used up", () => {
    fc.assert(
      fc.property(
        puts(layout, countMax),
        fc.nat({ max: countMax }),
        fc.integer({ min: 1, max: 80 }),
        (values, cut, room) => {
          const older = deduplicated(layout, sorted(layout, values.slice(0, cut)));
          const newer = deduplicated(layout, sorted(layout, values.slice(cut)));
          if (older.length + newer.length === 0) return;
          const { step } = bench;
          let a = bench.inputs;
          let b = bench.blockB;
          const aEnd = bench.write(a, newer);
          const bEnd = bench.write(b, older);
          let end = bench.output;
          while (a < aEnd || b < bEnd) {
            step.setA(a, aEnd);
            step.setB(b, bEnd);
            step.setTarget(end, end + room * layout.sizeBytes);
            step.mergeBlocks(bench.values, false);
            const roomLeft = end + room * layout.sizeBytes - step.target;
            expect(roomLeft === 0 || step.a === aEnd || step.b === bEnd).toBe(true);
            [a, b, end] = [step.a, step.b, step.target];
          }
          expect(bench.outputUpTo(end)).toEqual(bench.hexOf(deduplicated(layout, sorted(layout, values))));
        },
      ),
      { numRuns: propertyRuns },
    );
  });
});

const object: ValueLayout = { key: "timestamp", sizeBytes: 16, timestampOffset: 0, secondary: false };
const index: ValueLayout = { key: "composite64", sizeBytes: 16, timestampOffset: 8, secondary: true };
const valueOf = (timestamp: bigint, tombstone = false): Value => ({ field: 0n, timestamp, tombstone, payload: 0 });

test("tombstones of the upper level are dropped where nothing is below, those of the lower level never", () => {
  const bench = new Bench(object);
  const a = [valueOf(1n, true), valueOf(2n), valueOf(3n, true)];
  const b = [valueOf(3n), valueOf(4n, true)];
  bench.step.setA(bench.inputs, bench.write(bench.inputs, a));
  bench.step.setB(bench.blockB, bench.write(bench.blockB, b));
  bench.step.setTarget(bench.output, bench.output + 160);
  bench.step.mergeBlocks(bench.values, true);
  expect(bench.outputUpTo(bench.step.target)).toEqual(bench.hexOf([valueOf(2n)]));
  bench.step.setA(0, 0);
  bench.step.setB(bench.step.b, bench.blockB + 32);
  bench.step.setTarget(bench.output, bench.output + 160);
  bench.step.mergeBlocks(bench.values, true);
  expect(bench.outputUpTo(bench.step.target)).toEqual(bench.hexOf([valueOf(4n, true)]));
});

test("a tombstone of a secondary index with nothing below is a broken invariant", () => {
  const bench = new Bench(index);
  bench.step.setA(bench.inputs, bench.write(bench.inputs, [valueOf(1n, true)]));
  bench.step.setB(0, 0);
  bench.step.setTarget(bench.output, bench.output + 160);
  expect(() => bench.step.mergeBlocks(bench.values, true)).toThrow("a tombstone of a secondary index");
});

test("duplicates count as dropped when their key is first looked at (spec 05 §23.3)", () => {
  const bench = new Bench(index);
  const runs = bench.writeRuns(
    [1n, 2n, 3n, 4n, 5n].map((key) => valueOf(key)),
    [],
  );
  const second = runs[0]?.end ?? 0;
  const third = bench.write(second, [valueOf(1n, true), valueOf(6n)]);
  const end = bench.write(third, [valueOf(1n)]);
  bench.runs.open(bench.values, [...runs, { begin: second, end: third }, { begin: third, end }]);
  expect([bench.runs.input, bench.runs.remaining]).toEqual([8, 8]);
  bench.step.setB(bench.blockB, bench.write(bench.blockB, [valueOf(0n)]));
  bench.step.setTarget(bench.output, bench.output + 16);
  bench.step.mergeRuns(bench.values, bench.runs, false, 8);
  expect(bench.runs.remaining).toBe(6);
  expect(keyOf(index, valueOf(0n))).toBe(0n);
});

describe.each(layouts.filter(({ secondary }) => secondary))("entries of $sizeBytes bytes by $key", (layout) => {
  const bench = new Bench(layout);

  test("chains of pairs that go end where they should, over whatever pieces", () => {
    const chain = fc.record({ pairs: fc.nat({ max: 12 }), left: fc.integer({ min: 0, max: 2 }) });
    fc.assert(
      fc.property(
        fc.array(chain, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 2, max: 4 }),
        (chains, popsMax, valuesPerPiece) => {
          const stays = chains.flatMap(({ pairs, left }) => [
            ...Array.from({ length: pairs }, () => false),
            ...Array.from({ length: left }, () => true),
          ]);
          if (stays.length === 0) return;
          const oldest = stays.map((_, number) => ({
            field: 1n,
            timestamp: BigInt(1 + number),
            tombstone: false,
            payload: 0,
          }));
          const kept = oldest.filter((_, number) => stays[number]);
          const removed = oldest.filter((_, number) => !stays[number]);
          const end = bench.write(bench.blockB, oldest);
          const younger = bench.writeRuns(
            removed.map((value) => ({ ...value, tombstone: true })),
            [],
          );
          const pieces = new Pieces(bench, { begin: bench.blockB, end }, valuesPerPiece);
          bench.runs.open(bench.values, younger, pieces);
          expect(mergeAll(bench, [], popsMax).flatMap(([output]) => output)).toEqual(bench.hexOf(kept));
          expect(pieces.left).toBe(0);
        },
      ),
      { numRuns: propertyRuns },
    );
  });
});
