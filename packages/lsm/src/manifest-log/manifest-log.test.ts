import { createKernels, type Kernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import { MANIFEST_EMPTY, type ManifestReferences, Random, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { StubStore } from "../../test/stub-store.ts";
import { ManifestEvent, TABLE_INFO_SIZE_BYTES, TableInfoView } from "../manifest/table-info.ts";
import { ManifestLog } from "./manifest-log.ts";
import { ManifestPace } from "./pace.ts";

const TREES = 20;
const ENTRIES_PER_BLOCK = 30;
const TABLES_MAX = 100 * ENTRIES_PER_BLOCK;
const INPUTS_MAX = 4 * 5;
const seeds = 3 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);

interface Opened {
  readonly kernels: Kernels;
  readonly store: StubStore;
  readonly log: ManifestLog;
  readonly tables: Map<number, string>;
}

function hexOf(kernels: Kernels, table: Pointer): string {
  return Buffer.from(kernels.memory.bytes.slice(table, table + TABLE_INFO_SIZE_BYTES)).toString("hex");
}

/** A log opened on what is on disk, and the tables that it names. */
function open(references: ManifestReferences, blocks: Map<number, Uint8Array>): Opened {
  const kernels = createKernels({ memory: new LinearMemory({ sizeBytes: 8 << 20, shared: false }) });
  const store = new StubStore(TEST_MIN, kernels, blocks);
  const log = new ManifestLog({ kernels, store, pace: new ManifestPace(TEST_MIN, TREES, TABLES_MAX) });
  const infos = new TableInfoView(kernels.memory);
  const tables = new Map<number, string>();
  const onTable = (table: Pointer): void => {
    expect(tables.has(infos.address(table))).toBe(false);
    tables.set(infos.address(table), hexOf(kernels, table));
  };
  let opened = false;
  log.open(references, onTable, () => {
    opened = true;
  });
  store.run();
  expect(opened).toBe(true);
  return { kernels, store, log, tables };
}

/** A log beside a map from addresses to the latest entries. */
class Subject {
  readonly random: Random;
  readonly opened: Opened = open(MANIFEST_EMPTY, new Map());
  readonly infos: TableInfoView;
  readonly table: Pointer;
  readonly keys: Pointer;
  readonly model = new Map<number, string>();
  readonly replaced = new Set<number>();
  tableNext = 1;

  constructor(seed: number) {
    const { memory } = this.opened.kernels;
    this.random = new Random(seed);
    this.infos = new TableInfoView(memory);
    this.table = memory.allocate(TABLE_INFO_SIZE_BYTES, 16);
    this.keys = memory.allocate(96, 16);
  }

  append(event: ManifestEvent, level: number): void {
    const { kernels, log } = this.opened;
    log.append(event, level, this.table);
    const address = this.infos.address(this.table);
    if (event === ManifestEvent.remove) this.model.delete(address);
    else this.model.set(address, hexOf(kernels, this.table));
  }

  insert(treeId: number): void {
    if (this.model.size >= TABLES_MAX - INPUTS_MAX * TREES) return;
    // Addresses are used again, once their table is gone.
    const reused = this.tableNext - this.random.index(50);
    const address = reused > 0 && !this.model.has(reused) ? reused : this.tableNext;
    this.tableNext = Math.max(this.tableNext, address + 1);
    const { memory } = this.opened.kernels;
    memory.view.setBigUint64(this.keys + 32, BigInt(this.random.index(1000)), true);
    const [keyMin, keyMax, checksum] = [this.keys, this.keys + 32, this.keys + 64];
    this.infos.init(this.table, { keyMin, keyMax, checksum, address, snapshotMin: 5, valueCount: 1, treeId });
    this.append(ManifestEvent.insert, this.random.index(7));
  }

  load(address: number): boolean {
    const hex = this.model.get(address);
    if (hex === undefined) return false;
    this.opened.kernels.memory.bytes.set(Buffer.from(hex, "hex"), this.table);
    return true;
  }

  /** The events of one half-bar. */
  halfBar(most: boolean): void {
    for (let treeId = 1; treeId <= TREES; treeId += 1) {
      const live = [...this.model.keys()];
      if (live.length > 0 && this.random.chance(1, 10)) {
        if (this.load(live[this.random.index(live.length)] ?? 0)) this.append(ManifestEvent.update, 3);
        continue;
      }
      const count = most ? INPUTS_MAX : this.random.index(INPUTS_MAX + 1);
      for (let each = 0; each < count; each += 1) this.insert(treeId);
      for (let each = 0; each < Math.min(count, live.length); each += 1) this.replace(live);
    }
    for (const address of this.replaced) if (this.load(address)) this.append(ManifestEvent.remove, 1);
    this.replaced.clear();
  }

  replace(live: readonly number[]): void {
    const address = live[this.random.index(live.length)] ?? 0;
    if (this.replaced.has(address) || !this.load(address)) return;
    this.infos.setSnapshotMax(this.table, 9);
    this.replaced.add(address);
    this.append(ManifestEvent.update, 1);
  }

  compact(most: boolean): void {
    const { log, store } = this.opened;
    let compacted = false;
    log.compact(() => {
      compacted = true;
    });
    store.run();
    expect(compacted).toBe(true);
    this.halfBar(most);
    log.compactEnd();
  }

  checkpoint(): void {
    const { log, store } = this.opened;
    log.checkpoint(() => undefined);
    store.run();
    expect([log.empty, store.lentCount]).toEqual([true, 0]);
  }
}

describe("the manifest log", () => {
  test.each(Array.from({ length: seeds }, (_, seed) => seed + 1))(
    "opens with the latest entry of each live table, and never outgrows its bound (seed %d)",
    (seed) => {
      const subject = new Subject(seed);
      const most = seed % 3 === 0;
      for (let round = 0; round < 60; round += 1) {
        subject.compact(most);
        if (!subject.random.chance(1, 6)) continue;
        subject.checkpoint();
        const { log, store } = subject.opened;
        const again = open(log.references(), new Map(store.blocks));
        expect(again.tables).toEqual(subject.model);
        expect(again.log.extents.count).toBe(log.extents.count);
        expect(again.log.references()).toEqual(log.references());
      }
      expect(subject.model.size).toBe(subject.opened.log.extents.count);
    },
  );

  test("takes entries only between the compaction of its blocks and its end", () => {
    const subject = new Subject(1);
    expect(() => subject.insert(1)).toThrow("while the manifest log is idle");
  });

  test("refuses an update of a table that it does not know", () => {
    const subject = new Subject(1);
    subject.opened.log.compact(() => undefined);
    subject.opened.store.run();
    subject.insert(1);
    subject.append(ManifestEvent.remove, 0);
    expect(() => subject.append(ManifestEvent.update, 0)).toThrow("an unknown table");
  });

  test("a fresh one has no blocks", () => {
    expect(open(MANIFEST_EMPTY, new Map()).log.references()).toEqual(MANIFEST_EMPTY);
  });
});
