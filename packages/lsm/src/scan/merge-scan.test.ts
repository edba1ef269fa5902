import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { IntersectionScan, UnionScan } from "./merge-scan.ts";
import { compareTimestamps, type Direction, type ScanState, type TimestampScan } from "./timestamp-scan.ts";

const runs = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 100);

/** Timestamps in an array, which sometimes have to be "read" first. */
class ListScan implements TimestampScan {
  readonly direction: Direction;
  readonly #lanes: Uint32Array;
  readonly #from: number;
  readonly #count: number;
  readonly #random: Random;
  readonly #later: (() => void)[];
  #next = 0;
  #ready = 0;

  constructor(all: Lists, timestamps: readonly bigint[]) {
    this.direction = all.direction;
    this.#lanes = all.lanes;
    this.#random = all.random;
    this.#later = all.later;
    this.#from = all.add(timestamps);
    this.#count = timestamps.length;
  }

  settle(): ScanState {
    if (this.#next < this.#ready) return "value";
    return this.#ready === this.#count ? "finished" : "needsRead";
  }

  get timestampLane(): number {
    if (this.settle() !== "value") throw new Error("no value was settled");
    return this.#from + 2 * this.#next;
  }

  advance(): void {
    if (this.settle() !== "value") throw new Error("no value to go beyond");
    this.#next += 1;
  }

  probe(lane: number): void {
    const behind = (next: number): boolean =>
      compareTimestamps(this.#lanes, this.#from + 2 * next, lane, this.direction) < 0;
    while (this.#next < this.#count && behind(this.#next)) this.#next += 1;
    this.#ready = Math.max(this.#ready, this.#next);
  }

  read(callback: () => void): void {
    if (this.settle() !== "needsRead") throw new Error("nothing to read");
    this.#later.push(() => {
      this.#ready = Math.min(this.#count, this.#ready + 1 + this.#random.index(5));
      callback();
    });
  }

  close(): void {}
}

class Lists {
  readonly lanes = new Uint32Array(1 << 14);
  readonly later: (() => void)[] = [];
  readonly direction: Direction;
  readonly random: Random;
  #used = 0;

  constructor(direction: Direction, random: Random) {
    this.direction = direction;
    this.random = random;
  }

  add(timestamps: readonly bigint[]): number {
    const from = this.#used;
    for (const timestamp of timestamps) {
      this.lanes[this.#used] = Number(timestamp & 0xffff_ffffn);
      this.lanes[this.#used + 1] = Number(timestamp >> 32n);
      this.#used += 2;
    }
    return from;
  }

  sorted(timestamps: Iterable<bigint>): bigint[] {
    const ascending = [...new Set(timestamps)].toSorted((a, b) => (a < b ? -1 : 1));
    return this.direction === "ascending" ? ascending : ascending.toReversed();
  }

  /** All that a scan yields. */
  drain(scan: TimestampScan): bigint[] {
    const found: bigint[] = [];
    for (;;) {
      const state = scan.settle();
      if (state === "finished") return found;
      if (state === "needsRead") {
        let read = false;
        scan.read(() => {
          read = true;
        });
        expect(read, "the callback runs later").toBe(false);
        while (!read) this.later.splice(this.random.index(this.later.length), 1)[0]?.();
        continue;
      }
      const lane = scan.timestampLane;
      found.push((BigInt(this.lanes[lane + 1] as number) << 32n) | BigInt(this.lanes[lane] as number));
      scan.advance();
    }
  }
}

/** Some timestamps, of few, that need both lanes. */
function some(random: Random): Set<bigint> {
  const density = 1 + random.index(10);
  const all = Array.from({ length: 60 }, (_, number) => BigInt(number + 1) << 30n);
  return new Set(all.filter(() => random.index(10) < density));
}

interface Expression {
  readonly scan: TimestampScan;
  readonly set: Set<bigint>;
}

/** A random expression of unions and intersections, and what it means. */
function expression(lists: Lists, depth: number): Expression {
  const { random } = lists;
  if (depth === 0 || random.chance(1, 4)) {
    const set = some(random);
    return { scan: new ListScan(lists, lists.sorted(set)), set };
  }
  const operands = Array.from({ length: 1 + random.index(4) }, () => expression(lists, depth - 1));
  const scans = operands.map(({ scan }) => scan);
  const sets = operands.map(({ set }) => set);
  if (random.boolean()) {
    return { scan: new UnionScan(lists.lanes, scans), set: new Set(sets.flatMap((set) => [...set])) };
  }
  const all = [...(sets[0] ?? [])].filter((each) => sets.every((set) => set.has(each)));
  return { scan: new IntersectionScan(lists.lanes, scans), set: new Set(all) };
}

describe.each(["ascending", "descending"] as const)("merged scans, %s", (direction) => {
  test("yield what the definitions of union and intersection say, in order, each once", () => {
    for (let seed = 0; seed < runs; seed += 1) {
      const lists = new Lists(direction, new Random(seed));
      const { scan, set } = expression(lists, 3);
      expect(lists.drain(scan)).toEqual(lists.sorted(set));
    }
  });

  test("skip to a timestamp, and never back", () => {
    for (let seed = 0; seed < runs; seed += 1) {
      const lists = new Lists(direction, new Random(seed));
      const { scan, set } = expression(lists, 2);
      const probe = BigInt(1 + lists.random.index(60)) << 30n;
      // Only a scan whose operands are settled is ever probed.
      if (scan.settle() === "needsRead") continue;
      const lane = lists.add([probe]);
      scan.probe(lane);
      scan.probe(lists.add([direction === "ascending" ? 1n : 1n << 60n]));
      const wanted = [...set].filter((each) => (direction === "ascending" ? each >= probe : each <= probe));
      expect(lists.drain(scan)).toEqual(lists.sorted(wanted));
    }
  });
});

test("scans of both directions are not merged, nor is nothing", () => {
  const up = new Lists("ascending", new Random(1));
  const down = new Lists("descending", new Random(1));
  const operands = [new ListScan(up, [1n]), new ListScan(down, [1n])];
  expect(() => new UnionScan(up.lanes, operands)).toThrow("both directions");
  expect(() => new IntersectionScan(up.lanes, [])).toThrow("nothing is merged");
});
