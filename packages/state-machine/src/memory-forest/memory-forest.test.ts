import type { GrooveDeclaration } from "@stagbeetle/lsm";
import { readThing, type Thing, THING_SIZE_BYTES, thingsGroove, writeThing } from "@stagbeetle/lsm/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Direction, type Groove, NOT_FOUND, ORPHANED, type Pointer, type Scan } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { TIMESTAMP_MAX } from "../timestamp.ts";
import { CallQueue } from "./call-queue.ts";
import { MemoryForest } from "./memory-forest.ts";

const ROOM = 64;

const groove = thingsGroove(ROOM);

const THINGS: GrooveDeclaration = {
  ...groove,
  indexes: [
    ...groove.indexes,
    { name: "seen", treeId: 7, kind: "u64", source: { from: "hand" }, valuesPerBatch: ROOM },
  ],
};

class Things {
  readonly queue = new CallQueue();
  readonly forest: MemoryForest;
  readonly groove: Groove;
  readonly #scratch: Pointer;
  readonly #results: Pointer;
  readonly key = new Uint32Array(4);

  constructor(memorySizeBytesMax = 64 * 1024 * 1024) {
    this.forest = new MemoryForest({ grooves: [THINGS], nextTick: this.queue.push, scansMax: 6, memorySizeBytesMax });
    this.groove = this.forest.groove("things");
    this.#scratch = this.forest.memory.allocate(THING_SIZE_BYTES, 16, "scratch");
    this.#results = this.forest.memory.allocate(1024 * THING_SIZE_BYTES, 16, "results");
    this.forest.open(() => undefined);
    this.queue.run();
    this.begin();
  }

  /** Begins the next operation. */
  begin(): void {
    this.forest.prefetchBegin(0);
    this.groove.prefetch(() => undefined);
    this.queue.run();
  }

  write(pointer: Pointer, thing: Thing): void {
    writeThing(this.forest.memory, pointer, thing);
  }

  read(pointer: Pointer): Thing {
    return readThing(this.forest.memory, pointer);
  }

  insert(thing: Thing): void {
    this.write(this.groove.slot(), thing);
    const object = this.groove.insert();
    const seen = new Uint32Array(4);
    u64.fromBigInt(seen, 0, thing.owner);
    this.groove.putEntry(this.groove.indexOf("seen"), seen, 0, object);
  }

  get(id: bigint): Pointer {
    u128.fromBigInt(this.key, 0, id);
    return this.groove.get(this.key, 0);
  }

  update(id: bigint, thing: Thing): void {
    this.write(this.#scratch, thing);
    this.groove.update(this.get(id), this.#scratch);
  }

  scan(build: (direction: Direction) => Scan, direction: Direction, countMax = 1000): Thing[] {
    let found: Thing[] | null = null;
    const into = { groove: this.groove, destination: this.#results, countMax };
    this.forest.scans.read(build(direction), into, (count) => {
      found = Array.from({ length: count }, (_, index) => this.read(this.#results + index * THING_SIZE_BYTES));
    });
    expect(found, "the callback runs later").toBeNull();
    this.queue.run();
    this.forest.scans.release();
    return found ?? [];
  }

  prefix(index: string, value: bigint, range: { min: bigint; max: bigint }, direction: Direction): Scan {
    const lanes = new Uint32Array(4);
    u128.fromBigInt(lanes, 0, value);
    return this.forest.scans.prefix(this.groove, this.groove.indexOf(index), lanes, 0, range, direction);
  }
}

const ALL = { min: 1n, max: TIMESTAMP_MAX };

/** One step of an operation. Ids, owners, colors and dues come from few, so that they meet. */
type Step =
  | { kind: "insert"; owner: bigint; color: number; due: number; late: boolean }
  | { kind: "update"; which: number; color: number }
  | { kind: "remove"; which: number };

const small = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("insert" as const),
      owner: small.map(BigInt),
      color: small,
      due: small,
      late: fc.nat(9).map((chance) => chance === 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("update" as const), which: fc.nat(), color: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), which: fc.nat() }) },
);
const operation = fc.record({
  steps: fc.array(step, { maxLength: 12 }),
  scope: fc.constantFrom("none" as const, "persist" as const, "discard" as const),
});

/** The obvious version of a groove. */
class Model {
  things: Thing[] = [];
  /** Ids whose entry in `due` was removed. */
  removed = new Set<bigint>();
  #nextId = 1n;
  #nextTimestamp = 100n;

  apply(step: Step, things: Things): void {
    switch (step.kind) {
      case "insert": {
        this.#nextTimestamp += 10n;
        const id = this.#nextId;
        this.#nextId += 1n;
        const timestamp = step.late ? this.#nextTimestamp - 95n : this.#nextTimestamp;
        if (this.things.some((other) => other.timestamp === timestamp)) return;
        const thing = { id, owner: step.owner, timestamp, color: step.color, due: step.due };
        this.things.push(thing);
        things.insert(thing);
        return;
      }
      case "update": {
        const thing = this.things[step.which % Math.max(1, this.things.length)];
        if (thing === undefined || thing.color === step.color) return;
        const next = { ...thing, color: step.color };
        this.things[this.things.indexOf(thing)] = next;
        things.update(thing.id, next);
        return;
      }
      case "remove": {
        const thing = this.things[step.which % Math.max(1, this.things.length)];
        if (thing === undefined || thing.due === 0 || this.removed.has(thing.id)) return;
        this.removed.add(thing.id);
        things.groove.removeEntry(things.groove.indexOf("due"), things.get(thing.id));
        return;
      }
    }
  }

  run({ steps, scope }: { steps: Step[]; scope: "none" | "persist" | "discard" }, things: Things): void {
    const before = { things: [...this.things], removed: new Set(this.removed) };
    if (scope !== "none") things.groove.scopeOpen();
    for (const each of steps) this.apply(each, things);
    if (scope === "none") return;
    things.groove.scopeClose(scope);
    if (scope === "discard") Object.assign(this, before);
  }

  select(condition: (thing: Thing) => boolean, direction: Direction, range = ALL): Thing[] {
    const selected = this.things
      .filter((thing) => condition(thing) && thing.timestamp >= range.min && thing.timestamp <= range.max)
      .toSorted((a, b) => Number(a.timestamp - b.timestamp));
    return direction === "ascending" ? selected : selected.toReversed();
  }
}

describe("a forest in memory answers as its definition says", () => {
  test("after any operations, with scopes kept and discarded, for every kind of scan", () => {
    const scenario = fc.tuple(
      fc.array(operation, { maxLength: 12 }),
      fc.array(fc.bigInt({ min: 1n, max: 500n }), { minLength: 2, maxLength: 2 }),
      fc.nat(20),
    );
    fc.assert(
      fc.property(scenario, ([operations, bounds, limit]) => {
        const things = new Things();
        const model = new Model();
        const [a = 1n, b = 1n] = bounds;
        const range = a < b ? { min: a, max: b } : { min: b, max: a };
        for (const each of operations) {
          model.run(each, things);
          things.begin();
          expectSame(things, model, range, limit);
        }
      }),
      { numRuns: Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 60) },
    );
  });
});

function expectSame(things: Things, model: Model, range: { min: bigint; max: bigint }, limit: number): void {
  for (const thing of model.things) {
    expect(things.read(things.get(thing.id))).toEqual(thing);
    u64.fromBigInt(things.key, 0, thing.timestamp);
    expect(things.read(things.groove.getByTimestamp(things.key, 0))).toEqual(thing);
  }
  const { scans } = things.forest;
  for (const direction of ["ascending", "descending"] as const) {
    const objects = things.scan((to) => scans.objects(things.groove, range, to), direction, limit);
    expect(objects).toEqual(model.select(() => true, direction, range).slice(0, limit));
    const owners = things.scan((to) => things.prefix("owner", 1n, range, to), direction);
    expect(owners).toEqual(model.select(({ owner }) => owner === 1n, direction, range));
    const red = things.scan((to) => things.prefix("red", 0n, ALL, to), direction);
    expect(red).toEqual(model.select(({ color }) => color === 1, direction));
    const due = things.scan((to) => things.prefix("due", 2n, ALL, to), direction);
    expect(due).toEqual(model.select(({ due: at, id }) => at === 2 && !model.removed.has(id), direction));
    const either = things.scan(
      (to) => scans.union([things.prefix("owner", 2n, range, to), things.prefix("color", 2n, range, to)]),
      direction,
    );
    expect(either).toEqual(model.select(({ owner, color }) => owner === 2n || color === 2, direction, range));
    const both = things.scan(
      (to) =>
        scans.intersection([
          scans.union([things.prefix("owner", 1n, ALL, to), things.prefix("owner", 2n, ALL, to)]),
          things.prefix("color", 3n, ALL, to),
          things.prefix("due", 1n, ALL, to),
        ]),
      direction,
    );
    const wanted = ({ owner, color, due: at, id }: Thing): boolean =>
      (owner === 1n || owner === 2n) && color === 3 && at === 1 && !model.removed.has(id);
    expect(both).toEqual(model.select(wanted, direction));
  }
  const entries = things.scan(() => scans.entries(things.groove, things.groove.indexOf("due")), "ascending");
  const expected = model
    .select(({ due, id }) => due !== 0 && !model.removed.has(id), "ascending")
    .toSorted((x, y) => x.due - y.due);
  expect(entries).toEqual(expected);
  expect(
    things.forest
      .entriesOf(7)
      .map(([, timestamp]) => timestamp)
      .toSorted(ascending),
  ).toEqual(model.select(() => true, "ascending").map(({ timestamp }) => timestamp));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}

const THING: Thing = { id: 1n, owner: 1n, timestamp: 10n, color: 0, due: 0 };

test("a burnt key is found as such, and by no scan", () => {
  const things = new Things();
  u128.fromBigInt(things.key, 0, 5n);
  things.groove.insertOrphan(things.key, 0);
  expect(things.get(5n)).toBe(ORPHANED);
  expect(things.get(6n)).toBe(NOT_FOUND);
  expect(things.scan((to) => things.forest.scans.objects(things.groove, ALL, to), "ascending")).toEqual([]);
});

test("objects of the same operation are found by key but not by timestamp", () => {
  const things = new Things();
  things.insert(THING);
  u64.fromBigInt(things.key, 0, THING.timestamp);
  expect(things.groove.getByTimestamp(things.key, 0)).toBe(NOT_FOUND);
  expect(things.groove.newerThanAll(things.key, 0)).toBe(false);
  expect(things.get(1n)).not.toBe(NOT_FOUND);
});

test("a scan that is stopped tells so, and takes nothing more", () => {
  const things = new Things();
  for (const timestamp of [10n, 20n, 30n]) things.insert({ ...THING, id: timestamp, timestamp });
  things.begin();
  const { scans, memory } = things.forest;
  const destination = memory.allocate(10 * THING_SIZE_BYTES, 16, "test");
  const seen: bigint[] = [];
  const ends: [number, string][] = [];
  const inspect = (lanes: Uint32Array, at: number): "take" | "skip" | "stop" => {
    seen.push(u64.toBigInt(lanes, at + 8));
    return seen.length === 1 ? "skip" : seen.length === 2 ? "take" : "stop";
  };
  const objects = (): Scan => scans.objects(things.groove, ALL, "ascending");
  scans.read(objects(), { groove: things.groove, destination, countMax: 10, inspect }, (...end) => ends.push(end));
  scans.read(objects(), { groove: things.groove, destination, countMax: 3 }, (...end) => ends.push(end));
  scans.read(objects(), { groove: things.groove, destination, countMax: 4 }, (...end) => ends.push(end));
  things.queue.run();
  expect(seen).toEqual([10n, 20n, 30n]);
  expect(ends).toEqual([
    [1, "finished"],
    [3, "full"],
    [3, "finished"],
  ]);
});

describe("what a forest refuses", () => {
  test("an update that changes nothing", () => {
    const things = new Things();
    things.insert(THING);
    expect(() => things.update(1n, THING)).toThrow("changes nothing");
  });

  test("a key that exists", () => {
    const things = new Things();
    things.insert(THING);
    expect(() => things.insert({ ...THING, timestamp: 11n })).toThrow("in the table already");
  });

  test("an object without a valid timestamp", () => {
    expect(() => new Things().insert({ ...THING, timestamp: 0n })).toThrow("without a timestamp");
    expect(() => new Things().insert({ ...THING, timestamp: 1n << 63n })).toThrow("without a timestamp");
  });

  test("scopes that nest, that are left open, and orphans in them", () => {
    const things = new Things();
    things.groove.scopeOpen();
    expect(() => things.groove.scopeOpen()).toThrow("do not nest");
    expect(() => things.groove.insertOrphan(things.key, 0)).toThrow("inside a scope");
    expect(() => things.begin()).toThrow("left open");
    things.groove.scopeClose("discard");
    expect(() => things.groove.scopeClose("discard")).toThrow("no scope");
  });

  test("more trees in one query than it was made for", () => {
    const things = new Things();
    for (let tree = 0; tree < 6; tree += 1) things.prefix("owner", 1n, ALL, "ascending");
    expect(() => things.prefix("owner", 1n, ALL, "ascending")).toThrow("more than 6 trees");
    things.forest.scans.release();
    things.prefix("owner", 1n, ALL, "ascending");
  });

  test("scans that were merged already, or that run in both directions", () => {
    const things = new Things();
    const { scans } = things.forest;
    const used = things.prefix("owner", 1n, ALL, "ascending");
    scans.union([used]);
    expect(() => scans.union([used])).toThrow("each once");
    const up = things.prefix("owner", 1n, ALL, "ascending");
    const down = things.prefix("owner", 1n, ALL, "descending");
    expect(() => scans.union([up, down])).toThrow("both directions");
  });

  test("growing beyond its limit, before the operation that would need it", () => {
    const things = new Things(4 * 1024 * 1024);
    let count = 0n;
    const fill = (): void => {
      for (;;) {
        for (let index = 0; index < ROOM; index += 1) {
          count += 1n;
          things.insert({ ...THING, id: count, timestamp: count });
        }
        things.begin();
      }
    };
    expect(fill).toThrow("the in-memory store is full");
    expect(count % BigInt(ROOM)).toBe(0n);
    expect(things.read(things.get(count)).timestamp).toBe(count);
  });

  test("tree ids that are used twice", () => {
    const grooves = [THINGS, { ...THINGS, name: "others" }];
    expect(() => new MemoryForest({ grooves, nextTick: () => undefined, scansMax: 6 })).toThrow("not unique");
  });
});
