import { describe, expect, test } from "vitest";
import { RecordingLogger } from "../../../test/builders.ts";
import { TestTime } from "../../../test/solo.ts";
import type { BlockReference } from "../../block-reference.ts";
import type { StoredTable, StoredTables } from "../../ports/grid.ts";
import { ReplicaTimings } from "../timings.ts";
import { TableSync } from "./table-sync.ts";

const index = (address: number): BlockReference => ({ address, checksum: BigInt(address) });

/** Tables by address, each with its first snapshot. */
class TestTables implements StoredTables {
  tables: StoredTable[];
  rewinds = 0;
  #next = 0;

  constructor(snapshots: readonly number[]) {
    this.tables = snapshots.map((snapshotMin, at) => ({ index: index(at + 1), snapshotMin }));
  }

  rewind(): void {
    this.#next = 0;
    this.rewinds += 1;
  }

  next(): StoredTable | null {
    const table = this.tables[this.#next] ?? null;
    if (table !== null) this.#next += 1;
    return table;
  }

  has({ address }: BlockReference): boolean {
    return this.tables.some((table) => table.index.address === address);
  }
}

/** Room for two tables. */
class TestGrid {
  readonly fetching: number[] = [];
  readonly done: number[] = [];
  readonly fetched: number[] = [];
  resumed: number[] = [];

  get tablesMissing(): number {
    return this.fetching.length + this.done.length;
  }

  get tablesAvailable(): number {
    return 2 - this.tablesMissing;
  }

  fetchTable({ address }: BlockReference): boolean {
    if (this.fetching.includes(address)) return false;
    this.fetching.push(address);
    this.fetched.push(address);
    return true;
  }

  reclaimTable(): BlockReference | null {
    const address = this.done.shift();
    return address === undefined ? null : index(address);
  }

  resumeTables(exists: (index: BlockReference) => boolean): void {
    this.resumed = this.fetching.filter((address) => exists(index(address)));
    this.fetching.splice(0, Infinity, ...this.resumed);
  }

  /** All blocks of the table are here. */
  complete(address: number): void {
    this.fetching.splice(this.fetching.indexOf(address), 1);
    this.done.push(address);
  }
}

class Bench {
  readonly grid = new TestGrid();
  readonly time = new TestTime();
  readonly timings = new ReplicaTimings(this.time);
  readonly tables: TestTables;
  readonly sync: TableSync;
  readonly vsrState = { syncOpMax: 0 };
  completed = 0;

  constructor(snapshots: readonly number[], syncOpMax = 0) {
    this.tables = new TestTables(snapshots);
    this.vsrState.syncOpMax = syncOpMax;
    this.sync = new TableSync({
      store: { grid: this.grid, tables: this.tables },
      superblock: { working: { vsrState: this.vsrState } },
      timings: this.timings,
      logger: new RecordingLogger(),
      onComplete: () => (this.completed += 1),
    });
  }

  /** Works until nothing is left to fetch. */
  finish(): void {
    this.sync.work();
    for (let address = this.grid.fetching[0]; address !== undefined; address = this.grid.fetching[0]) {
      this.grid.complete(address);
      this.sync.work();
    }
  }
}

describe("the tables that a sync skipped", () => {
  test("are timed, each from when it was asked for until all of its blocks are here", () => {
    const subject = new Bench([25, 26], 43);
    subject.sync.begin({ opMin: 24, opMax: 43 });
    subject.sync.work();
    subject.time.monotonicNs += 30n;
    subject.grid.complete(2);
    subject.sync.work();
    subject.time.monotonicNs += 40n;
    subject.finish();
    expect(subject.timings.summaries()).toEqual([
      { name: "replica_sync_table", of: null, minNs: 30, maxNs: 70, sumNs: 100, count: 2 },
    ]);
  });

  test("are those that commits of the skipped ops wrote", () => {
    const subject = new Bench([24, 25, 26, 43, 44, 45], 43);
    subject.sync.begin({ opMin: 24, opMax: 43 });
    subject.finish();
    // Snapshots 25 to 44: the second to the fifth table.
    expect(subject.grid.fetched).toEqual([2, 3, 4, 5]);
    expect([subject.completed, subject.sync.active]).toEqual([1, false]);
  });

  test("are fetched a few at a time", () => {
    const subject = new Bench([1, 1, 1, 1], 23);
    subject.sync.begin({ opMin: 0, opMax: 23 });
    subject.sync.work();
    expect(subject.grid.fetching).toEqual([1, 2]);
    subject.sync.work();
    expect(subject.grid.fetching).toEqual([1, 2]);
    subject.grid.complete(1);
    subject.sync.work();
    expect([subject.grid.fetching, subject.completed]).toEqual([[2, 3], 0]);
  });

  test("are complete only when the last one is", () => {
    const subject = new Bench([1], 23);
    subject.sync.begin({ opMin: 0, opMax: 23 });
    subject.sync.work();
    subject.sync.work();
    expect([subject.completed, subject.sync.active]).toEqual([0, true]);
    subject.grid.complete(1);
    subject.sync.work();
    expect([subject.completed, subject.sync.active]).toEqual([1, false]);
  });

  test("are looked for in rounds, because a forest can have millions of tables", () => {
    const subject = new Bench([...Array.from({ length: 2500 }, () => 99), 1], 23);
    subject.sync.begin({ opMin: 0, opMax: 23 });
    subject.sync.work();
    expect([subject.grid.fetched, subject.completed]).toEqual([[], 0]);
    for (let round = 0; round < 2; round += 1) subject.sync.work();
    expect(subject.grid.fetched).toEqual([2501]);
  });

  test("may be none", () => {
    const subject = new Bench([], 23);
    subject.sync.begin({ opMin: 0, opMax: 23 });
    subject.sync.work();
    expect([subject.completed, subject.sync.range]).toEqual([1, null]);
    subject.sync.work();
    expect(subject.completed).toBe(1);
  });

  test("are fetched once though they move to a deeper level on the way", () => {
    const subject = new Bench([1], 23);
    subject.sync.begin({ opMin: 0, opMax: 23 });
    subject.sync.work();
    subject.tables.tables.push({ index: index(1), snapshotMin: 1 });
    subject.sync.work();
    expect(subject.grid.fetched).toEqual([1]);
  });
});

describe("a second sync before the tables of the first are here", () => {
  test("lets the first ones come first, then those that it skipped itself", () => {
    const subject = new Bench([24, 30, 44, 50], 43);
    subject.sync.begin({ opMin: 24, opMax: 43 });
    subject.sync.work();
    expect(subject.grid.fetching).toEqual([2, 3]);
    subject.sync.begin({ opMin: 44, opMax: 63 });
    subject.vsrState.syncOpMax = 63;
    expect(subject.sync.range).toEqual({ opMin: 24, opMax: 43 });
    subject.sync.resume();
    subject.finish();
    expect(subject.grid.fetched).toEqual([2, 3, 4]);
    expect([subject.completed, subject.tables.rewinds]).toEqual([1, 2]);
  });

  test("gives up those that the new store does not have", () => {
    const subject = new Bench([30, 31], 43);
    subject.sync.begin({ opMin: 24, opMax: 43 });
    subject.sync.work();
    subject.tables.tables = subject.tables.tables.slice(1);
    subject.sync.resume();
    expect(subject.grid.resumed).toEqual([2]);
  });
});

test("a store in memory has no tables to fetch", () => {
  const sync = new TableSync({
    store: null,
    superblock: { working: { vsrState: { syncOpMax: 0 } } },
    timings: new ReplicaTimings(new TestTime()),
    logger: new RecordingLogger(),
    onComplete: () => undefined,
  });
  sync.work();
  expect(sync.active).toBe(false);
  expect(() => sync.begin({ opMin: 0, opMax: 23 })).toThrow("in memory");
});
