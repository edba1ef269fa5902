import { type Config, MemorySpill, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { smallSpill } from "../../test/small-spill.ts";
import { ForestOnGrid, type ForestOnGridOptions } from "../../test/forest-on-grid.ts";
import { TestGrid, type TestGridParts } from "../../test/test-grid.ts";
import { lanesOf, readThing, type Thing, THING_SIZE_BYTES, thingsGroove, writeThing } from "../../test/things.ts";
import { forestBlocksMax } from "../forest.ts";
import type { ScanInspector } from "../scan/scan-reader.ts";
import { scanBlocksMax, Scans } from "../scan/scans.ts";
import type { Direction, TimestampScan } from "../scan/timestamp-scan.ts";
import { type GrooveDeclaration, treesOf } from "./declaration.ts";
import { Groove, NOT_FOUND, ORPHANED } from "./groove.ts";

const runs = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const OPS = 150;
const TIMEOUT_MS = 60_000;
const ROOM = 30;
const TIMESTAMPS_MAX = 6;
const TIMESTAMP_MAX = (1n << 63n) - 1n;
const ALL = { min: 1n, max: TIMESTAMP_MAX };
const MEMORY_SIZE_BYTES = 64 * 1024 * 1024;

const THINGS = thingsGroove(ROOM);

/** The same objects by timestamp alone, and looked up by nobody. */
const NOTES: GrooveDeclaration = {
  ...THINGS,
  name: "notes",
  treeId: 7,
  primaryKey: "timestamp",
  orphans: false,
  objectCache: false,
  indexes: [{ name: "seen", treeId: 8, kind: "u64", source: { from: "hand" }, valuesPerBatch: ROOM }],
};

class Grooves extends ForestOnGrid {
  readonly things: Groove;
  readonly notes: Groove;
  readonly scans: Scans;
  readonly scratch: number;

  constructor(parts: TestGridParts, cacheObjects: number, options: ForestOnGridOptions) {
    super(parts, treesOf([THINGS, NOTES]), options);
    const { kernels, config } = parts;
    // Just enough: with nothing more, what a bar looks up pushes out what the bar before wrote.
    const limits = { keysPerOp: 2 * ROOM, objectsPerOp: ROOM + TIMESTAMPS_MAX, cacheObjects };
    const groove = (declaration: GrooveDeclaration): Groove =>
      new Groove({ ...parts, forest: this.forest, declaration, limits });
    this.things = groove(THINGS);
    this.notes = groove(NOTES);
    this.scans = new Scans({ config, kernels, store: parts.store, forest: this.forest });
    this.scratch = kernels.memory.allocate(64 * THING_SIZE_BYTES, 16, "test");
  }

  override reset(): void {
    this.scans.reset();
    this.things.reset();
    this.notes.reset();
    super.reset();
  }
}

/** What the store has for an id. */
type Known = Thing | "orphan";

/** The store as a map, which is never changed but replaced. */
type State = ReadonlyMap<bigint, Known>;

/** Grooves beside a map, driven through whole ops, checkpoints and crashes. */
class Model {
  readonly random: Random;
  readonly grid: TestGrid<Grooves>;
  /** Where values wait to be flushed. */
  readonly disk = new MemorySpill();
  readonly config: Config = TEST_MIN;
  known = new Map<bigint, Known>();
  /** The states after ops: that of a checkpoint is where a crash leads back to. */
  readonly states = new Map<number, State>([[0, new Map()]]);
  op = 0;
  /** Never repeated, even after a crash. */
  timestamp = 1000n;

  /** @param spills whether memory tables keep the runs of older bars on a disk. */
  constructor(seed: number, cacheObjects: number, spills: boolean = false) {
    const options = spills ? { spill: smallSpill(this.disk, 2 * THING_SIZE_BYTES) } : {};
    this.random = new Random(seed);
    this.grid = new TestGrid({
      config: TEST_MIN,
      random: new Random(seed + 1000),
      memorySizeBytes: MEMORY_SIZE_BYTES,
      blocksOfUsers: forestBlocksMax(TEST_MIN, 8) + scanBlocksMax(TEST_MIN),
      cacheBlocks: 64,
      create: (parts) => new Grooves(parts, cacheObjects, options),
    });
  }

  get things(): Groove {
    return this.grid.users.things;
  }

  get all(): Thing[] {
    const things = [...this.known.values()].filter((known) => known !== "orphan");
    return things.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  }

  write(pointer: number, thing: Thing): void {
    writeThing(this.grid.users.parts.kernels.memory, pointer, thing);
  }

  readAt(pointer: number): Thing {
    return readThing(this.grid.users.parts.kernels.memory, pointer);
  }

  randomId(): bigint {
    const number = this.random.boolean() ? this.random.index(12) : this.random.index(2000);
    return BigInt(1 + number) << 62n;
  }

  randomThing(id: bigint): Thing {
    this.timestamp += BigInt(1 + this.random.index(3));
    return this.changed({ id, owner: 0n, timestamp: this.timestamp, color: 0, due: 0 });
  }

  changed(thing: Thing): Thing {
    const owner = BigInt(this.random.index(4)) << 70n;
    return { ...thing, owner, color: this.random.index(4), due: this.random.index(5) };
  }

  get snapshot(): number {
    const { users, checkpointOp } = this.grid;
    const replayed = users.forest.beats.compactedBefore(this.op, checkpointOp);
    return replayed ? checkpointOp + this.config.cluster.lsmCompactionOps + 1 : this.op;
  }

  step(): void {
    this.op += 1;
    const { users } = this.grid;
    users.scans.begin(this.snapshot);
    users.things.prefetchBegin(this.snapshot);
    users.notes.prefetchBegin(this.snapshot);
    const ids = [...new Set(Array.from({ length: ROOM - this.random.index(15) }, () => this.randomId()))];
    for (const id of ids) this.things.enqueue(lanesOf(id), 0);
    const timestamps = this.enqueueTimestamps();
    if (this.random.boolean()) this.expectScans();
    this.grid.wait((done) => this.things.prefetch(done));
    for (const id of ids) this.expectId(id);
    this.expectTimestamps(timestamps);
    this.writeAll(ids);
    for (const id of ids) this.expectId(id);
    this.expectTimestamps(timestamps.filter((timestamp) => this.all.every((thing) => thing.timestamp !== timestamp)));
    this.compact();
  }

  enqueueTimestamps(): bigint[] {
    if (this.random.boolean()) return [];
    const some = this.all.filter(() => this.random.chance(1, 40)).slice(0, TIMESTAMPS_MAX);
    const timestamps = [...some.map(({ timestamp }) => timestamp), 0n, 1n << 63n, this.timestamp + 9n, 1500n];
    for (const timestamp of timestamps) this.things.enqueueTimestamp(lanesOf(timestamp), 0);
    return timestamps;
  }

  expectId(id: bigint): void {
    const object = this.things.get(lanesOf(id), 0);
    const known = this.known.get(id);
    if (known === undefined) expect(object, `id ${id}`).toBe(NOT_FOUND);
    else if (known === "orphan") expect(object, `id ${id}`).toBe(ORPHANED);
    else expect(this.readAt(object)).toEqual(known);
  }

  expectTimestamps(timestamps: readonly bigint[]): void {
    for (const timestamp of timestamps) {
      const object = this.things.getByTimestamp(lanesOf(timestamp), 0);
      const known = this.all.find((thing) => thing.timestamp === timestamp);
      if (known === undefined) expect(object === NOT_FOUND || this.readAt(object).timestamp === timestamp).toBe(true);
      else expect(this.readAt(object)).toEqual(known);
    }
    const newest = this.all.at(-1);
    if (newest !== undefined) expect(this.things.newerThanAll(lanesOf(newest.timestamp), 0)).toBe(false);
    expect(this.things.newerThanAll(lanesOf(this.timestamp + 1n), 0)).toBe(true);
  }

  writeAll(ids: readonly bigint[]): void {
    const before = new Map(this.known);
    const scope = this.random.chance(1, 3);
    if (scope) this.things.scopeOpen();
    for (const id of ids) this.writeOne(id, !scope);
    if (!scope) return;
    const outcome = this.random.boolean() ? "persist" : "discard";
    this.things.scopeClose(outcome);
    if (outcome === "discard") this.known = before;
  }

  writeOne(id: bigint, orphans: boolean): void {
    const known = this.known.get(id);
    if (known === "orphan") return;
    if (known === undefined) {
      if (orphans && this.random.chance(1, 10)) {
        this.things.insertOrphan(lanesOf(id), 0);
        this.known.set(id, "orphan");
        return;
      }
      const thing = this.randomThing(id);
      this.write(this.things.slot(), thing);
      expect(this.readAt(this.things.insert())).toEqual(thing);
      this.known.set(id, thing);
      return;
    }
    const object = this.things.get(lanesOf(id), 0);
    if (this.random.chance(1, 4)) {
      this.things.remove(object);
      this.known.delete(id);
      return;
    }
    const next = this.changed(known);
    if (next.owner === known.owner && next.color === known.color && next.due === known.due) return;
    this.write(this.grid.users.scratch, next);
    this.things.update(object, this.grid.users.scratch);
    this.known.set(id, next);
  }

  compact(): void {
    const { users } = this.grid;
    this.grid.beforeCompact(this.op);
    this.grid.wait((done) => users.forest.compact(this.op, this.grid.checkpointOp, done));
    if (users.forest.beats.endsBar(this.op)) {
      users.things.barEnded();
      users.notes.barEnded();
    }
    this.states.set(this.op, new Map(this.known));
    this.grid.afterCompact(this.op);
  }

  /** Loses what is not in the checkpoint. Other ops follow than those that were lost. */
  crash(): void {
    if (this.random.boolean()) this.grid.crash();
    else this.resetMidway();
    this.op = this.grid.checkpointOp;
    this.known = new Map(this.states.get(this.op));
  }

  /** A state sync begins while objects are looked up and a scan is read. */
  resetMidway(): void {
    const { users } = this.grid;
    this.op += 1;
    users.scans.begin(this.snapshot);
    users.things.prefetchBegin(this.snapshot);
    for (let count = 0; count < ROOM; count += 1) users.things.enqueue(lanesOf(this.randomId()), 0);
    const scan = this.prefix("owner", 1n << 70n, ALL, "descending");
    users.scans.read(scan, { groove: users.things, destination: users.scratch, countMax: 64 }, () => undefined);
    users.things.prefetch(() => undefined);
    for (let steps = this.random.index(12); steps > 0; steps -= 1) this.grid.step();
    this.grid.reset();
  }

  prefix(name: string, value: bigint, range: typeof ALL, direction: Direction): TimestampScan {
    return this.grid.users.scans.prefix(this.things, this.things.indexOf(name), lanesOf(value), 0, range, direction);
  }

  /** Reads a scan to its end, a few objects at a time. */
  read(scan: TimestampScan, inspect?: ScanInspector): Thing[] {
    const { scans, scratch } = this.grid.users;
    const countMax = 1 + this.random.index(60);
    const found: Thing[] = [];
    for (let ended = false; !ended;) {
      this.grid.wait((done) => {
        const into = { groove: this.things, destination: scratch, countMax };
        scans.read(scan, inspect === undefined ? into : { ...into, inspect }, (count, end) => {
          for (let at = 0; at < count; at += 1) found.push(this.readAt(scratch + at * THING_SIZE_BYTES));
          expect(count).toBeLessThanOrEqual(countMax);
          ended = end === "finished";
          done();
        });
      });
    }
    scans.release();
    return found;
  }

  expectScans(): void {
    const { scans } = this.grid.users;
    const direction: Direction = this.random.boolean() ? "ascending" : "descending";
    const min = 1n + BigInt(this.random.index(Number(this.timestamp)));
    const range = this.random.boolean() ? ALL : { min, max: min + 300n };
    const select = (condition: (thing: Thing) => boolean): Thing[] => {
      const selected = this.all.filter(
        (thing) => thing.timestamp >= range.min && thing.timestamp <= range.max && condition(thing),
      );
      return direction === "ascending" ? selected : selected.toReversed();
    };
    const owner = (value: bigint): TimestampScan => this.prefix("owner", value << 70n, range, direction);
    const color = (value: bigint): TimestampScan => this.prefix("color", value, range, direction);
    const owned = ({ owner: of }: Thing, ...values: bigint[]): boolean => values.some((value) => of === value << 70n);
    expect(this.read(scans.objects(this.things, range, direction))).toEqual(select(() => true));
    expect(this.read(owner(1n))).toEqual(select((thing) => owned(thing, 1n)));
    expect(this.read(this.prefix("red", 0n, range, direction))).toEqual(select((thing) => thing.color === 1));
    expect(this.read(color(0n)), "zero is not indexed").toEqual([]);
    expect(this.read(scans.union([owner(0n), owner(2n), color(3n)]))).toEqual(
      select((thing) => owned(thing, 0n, 2n) || thing.color === 3),
    );
    const both = scans.intersection([
      scans.union([owner(0n), owner(1n), owner(2n)]),
      color(2n),
      this.prefix("due", 1n, range, direction),
    ]);
    expect(this.read(both)).toEqual(
      select((thing) => owned(thing, 0n, 1n, 2n) && thing.color === 2 && thing.due === 1),
    );
    this.expectEntries();
  }

  /** What is due up to a time, as a pulse reads it. */
  expectEntries(): void {
    const { scans } = this.grid.users;
    const inspect: ScanInspector = (lanes, at) =>
      (lanes[at] as number) > 3 ? "stop" : lanes[at] === 2 ? "skip" : "take";
    const found = this.read(scans.entries(this.things, this.things.indexOf("due")), inspect);
    const due = this.all.filter((thing) => thing.due === 1 || thing.due === 3).toSorted((a, b) => a.due - b.due);
    expect(found).toEqual(due);
  }
}

describe("grooves answer as a map does", () => {
  for (let seed = 1; seed <= 2 * runs; seed += 1) {
    test.each([0, 200])(
      `by key, by timestamp and by scan, through crashes, seed ${seed}, %d objects cached`,
      (cacheObjects) => {
        const spills = seed % 2 === 0;
        const model = new Model(seed, cacheObjects, spills);
        for (let count = 0; count < OPS; count += 1) {
          model.step();
          if (model.random.chance(1, 50)) model.crash();
        }
        expect(model.known.size).toBeGreaterThan(100);
        const { levels } = model.things.trees.objects;
        expect(levels.filter((level) => level.tableCount > 0).length).toBeGreaterThan(0);
      },
      TIMEOUT_MS,
    );
  }
});

describe("a groove refuses", () => {
  const thing: Thing = { id: 1n, owner: 1n, timestamp: 10n, color: 0, due: 0 };

  test("an object without a valid timestamp, or with a key that exists", () => {
    const model = new Model(1, 0);
    model.write(model.things.slot(), { ...thing, timestamp: 0n });
    expect(() => model.things.insert()).toThrow("without a timestamp");
    model.write(model.things.slot(), thing);
    model.things.insert();
    model.write(model.things.slot(), { ...thing, timestamp: 11n });
    expect(() => model.things.insert()).toThrow("in the cache already");
  });

  test("an update that changes nothing, or that changes what is not in the cache", () => {
    const model = new Model(1, 0);
    model.write(model.things.slot(), thing);
    const object = model.things.insert();
    const { scratch } = model.grid.users;
    model.write(scratch, thing);
    expect(() => model.things.update(object, scratch)).toThrow("changes nothing");
    expect(() => model.things.update(scratch, object)).toThrow("no object");
  });

  test("an index over a field that lies across two lanes, which an insert and an update would read differently", () => {
    const { parts, forest } = new Model(1, 0).grid.users;
    const limits = { keysPerOp: 1, objectsPerOp: 1, cacheObjects: 0 };
    const make = (offset: number, sizeBytes: 1 | 2 | 4 | 8): Groove => {
      const source = { from: "field", offset, sizeBytes, zero: "indexed" } as const;
      const indexes = THINGS.indexes.map((index) => (index.name === "color" ? { ...index, source } : index));
      return new Groove({ ...parts, forest, declaration: { ...THINGS, indexes }, limits });
    };
    for (const [offset, sizeBytes] of [
      [39, 2],
      [41, 2],
      [42, 4],
      [34, 8],
    ] as const) {
      expect(() => make(offset, sizeBytes)).toThrow(`color: a field of ${sizeBytes} bytes at ${offset}`);
    }
  });

  test("lookups where there are none, timestamps that were not asked for, and orphans in scopes", () => {
    const model = new Model(1, 0);
    const key = lanesOf(5n);
    expect(() => model.grid.users.notes.get(key, 0)).toThrow("no lookups");
    expect(() => model.things.getByTimestamp(key, 0)).toThrow("not asked for");
    model.things.scopeOpen();
    expect(() => model.things.insertOrphan(key, 0)).toThrow("orphan in a scope");
    expect(() => model.things.prefetchBegin(1)).toThrow("left open");
  });

  test("scans that were merged already, of more trees than there is room for, or of what has no order of timestamps", () => {
    const model = new Model(1, 0);
    const { scans } = model.grid.users;
    const used = model.prefix("owner", 1n, ALL, "ascending");
    scans.union([used]);
    expect(() => scans.union([used])).toThrow("each once");
    expect(() => scans.union([scans.entries(model.things, model.things.indexOf("due"))])).toThrow("by timestamp");
    for (let tree = 2; tree < TEST_MIN.cluster.lsmScansMax; tree += 1) model.prefix("owner", 1n, ALL, "ascending");
    expect(() => model.prefix("owner", 1n, ALL, "ascending")).toThrow("more than 12 trees");
    expect(() => scans.entries(model.things, model.things.indexOf("red"))).toThrow("void index");
    scans.release();
    expect(() => scans.read(used, { groove: model.things, destination: 0, countMax: 1 }, () => undefined)).toThrow(
      "released",
    );
  });
});

test("objects of a groove without lookups are inserted and scanned, with entries put by hand", () => {
  const model = new Model(1, 0);
  const { notes, scans, scratch } = model.grid.users;
  scans.begin(1);
  const written: Thing[] = [];
  for (let number = 1n; number <= 5n; number += 1n) {
    const note = { id: number, owner: 0n, timestamp: 10n * number, color: 0, due: 0 };
    model.write(notes.slot(), note);
    notes.putEntry(notes.indexOf("seen"), lanesOf(7n), 0, notes.insert());
    written.push(note);
  }
  const scan = scans.prefix(notes, notes.indexOf("seen"), lanesOf(7n), 0, { min: 20n, max: 40n }, "descending");
  let found: Thing[] = [];
  model.grid.wait((done) =>
    scans.read(scan, { groove: notes, destination: scratch, countMax: 10 }, (count) => {
      found = Array.from({ length: count }, (_, at) => model.readAt(scratch + at * THING_SIZE_BYTES));
      done();
    }),
  );
  expect(found).toEqual(written.slice(1, 4).toReversed());
});
