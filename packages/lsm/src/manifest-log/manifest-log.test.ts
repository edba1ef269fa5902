import { propertyRuns } from "@stagbeetle/kernels/testing";
import { createKernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import {
  type BlockReference,
  type Config,
  MANIFEST_EMPTY,
  type ManifestReferences,
  PRODUCTION,
  Random,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Tables } from "../../test/builders.ts";
import { ManifestLogFuzz } from "../../test/manifest-log-fuzz.ts";
import { emptyImage, MemoryStore, type MemoryStoreImage } from "../../test/memory-store.ts";
import { ManifestEvent, TableInfoPool, TableInfoView } from "../manifest/table-info.ts";
import { ManifestLog } from "./manifest-log.ts";
import { ManifestPace } from "./pace.ts";

const { insert, update, remove } = ManifestEvent;
const TREES = 33;
const TABLES_MAX = 400;
const ENTRIES_PER_BLOCK = 30;

interface SubjectOptions {
  readonly config?: Config;
  readonly image?: MemoryStoreImage;
  readonly tablesMax?: number;
  readonly random?: Random;
}

/** A manifest log on a store in memory, and what it tells its observer. */
class Subject {
  readonly store: MemoryStore;
  readonly log: ManifestLog;
  readonly infos: TableInfoView;
  readonly tables: Tables;
  readonly memory: LinearMemory;
  readonly events: string[] = [];
  readonly closed: BlockReference[] = [];

  constructor({ config = TEST_MIN, image = emptyImage(), tablesMax = TABLES_MAX, random }: SubjectOptions = {}) {
    this.memory = new LinearMemory({ sizeBytes: 16 * 1024 * 1024, shared: false });
    const kernels = createKernels({ memory: this.memory });
    const pace = new ManifestPace(config, TREES, tablesMax);
    const storeOptions = { config, kernels, blocksMax: pace.buffersMax + 1 };
    this.store = new MemoryStore(random === undefined ? storeOptions : { ...storeOptions, random }, image);
    this.infos = new TableInfoView(this.memory);
    this.tables = new Tables(this.memory, this.infos, new TableInfoPool(this.memory, 4 * TABLES_MAX));
    this.log = new ManifestLog({
      kernels,
      store: this.store,
      pace,
      observer: {
        appended: (event, table) => {
          this.events.push(`${["", "insert", "update", "remove"][event]} ${this.infos.address(table)}`);
        },
        closed: (block, entryCount) => {
          this.closed.push(block);
          this.events.push(`close ${block.address} with ${entryCount}`);
        },
        compacted: (block, droppedCount, entryCount) => {
          this.events.push(`compacted ${block.address}, dropped ${droppedCount} of ${entryCount}`);
        },
      },
    });
  }

  /** Opens and returns the tables, by address with their levels. */
  open(references: ManifestReferences = MANIFEST_EMPTY): Map<number, number> {
    const opened = new Map<number, number>();
    const onTable = (table: Pointer): void => void opened.set(this.infos.address(table), this.infos.level(table));
    this.store.wait((done) => this.log.open(references, onTable, done));
    return opened;
  }

  /** A half-bar in which `events` happen. */
  halfBar(events: () => void = () => undefined): void {
    this.store.wait((done) => this.log.compact(done));
    events();
    this.log.compactEnd();
  }

  checkpoint(): ManifestReferences {
    this.store.checkpointDurable();
    this.store.wait((done) => this.log.checkpoint(done));
    this.store.checkpoint();
    return this.log.references();
  }

  table(address: number): Pointer {
    return this.tables.make({ keyMin: address, keyMax: address + 1, address });
  }

  /** Inserts tables with these addresses into level 0. */
  insert(...addresses: readonly number[]): Pointer[] {
    return addresses.map((address) => {
      const table = this.table(address);
      this.log.append(insert, 0, table);
      return table;
    });
  }
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** A log that was opened empty. */
function opened(options: SubjectOptions = {}): Subject {
  const subject = new Subject(options);
  subject.open();
  return subject;
}

describe("the blocks of a manifest log", () => {
  test("have the bytes of the worked example", () => {
    // Production layout, the first block of the log, at address 3 (spec 05 §23.2).
    const subject = opened({ config: PRODUCTION, image: emptyImage(3), tablesMax: 100 });
    const { memory, tables } = subject;
    const table = tables.make({ keyMin: 1, keyMax: 2, address: 2, snapshotMin: 64, valueCount: 2, treeId: 25 });
    memory.bytes.set(Buffer.from("d2d2270cc0a8255bfa7dd76a9dcffec4", "hex"), subject.infos.checksumPointer(table));
    subject.halfBar(() => subject.log.append(insert, 0, table));
    const reference = { address: 3, checksum: 0x7e11e2c0d84bd6b989230cc5997d1cfan };
    expect(subject.checkpoint()).toEqual({ oldest: reference, newest: reference, blockCount: 1 });
    const block = Buffer.from(subject.store.disk.get(3) ?? []);
    expect(block).toHaveLength(4096);
    expect(block.readUInt32LE(96)).toBe(384);
    expect(block.subarray(32, 48).reverse().toString("hex")).toBe("6e414403983596406247399abc8aac11");
  });

  test("are closed when they are full, and name the block before them", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(...range(1000, ENTRIES_PER_BLOCK + 1)));
    expect(subject.closed).toHaveLength(1);
    const { oldest, newest, blockCount } = subject.checkpoint();
    expect(blockCount).toBe(2);
    expect([oldest, newest]).toEqual(subject.closed);
    const block = Buffer.from(subject.store.disk.get(newest.address) ?? []);
    expect(block.readBigUInt64LE(128 + 32)).toBe(BigInt(oldest.address));
    expect(block.readUInt32LE(128 + 40)).toBe(1);
  });

  test("take their addresses from the half-bar's reservation when they are begun", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(1000));
    // The open block has address 1, and keeps it; the next comes from the next reservation.
    subject.halfBar(() => subject.insert(...range(1001, ENTRIES_PER_BLOCK)));
    expect(subject.closed.map(({ address }) => address)).toEqual([1]);
    expect(subject.checkpoint().newest.address).toBe(2);
    expect(subject.store.usedCount).toBe(2);
  });

  test("are written at the next compaction or checkpoint, not before", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(...range(1000, ENTRIES_PER_BLOCK)));
    while (subject.store.step());
    expect(subject.store.disk.size).toBe(0);
    subject.halfBar();
    expect([...subject.store.disk.keys()]).toEqual([1]);
  });
});

describe("a manifest log", () => {
  test("without blocks has no references, and opens to nothing", () => {
    const subject = opened();
    expect(subject.checkpoint()).toEqual(MANIFEST_EMPTY);
    expect(new Subject().open()).toEqual(new Map());
  });

  test("opens with the latest entry of each live table", () => {
    const subject = opened();
    subject.halfBar(() => {
      const [first, second] = subject.insert(1000, 1001, 1002) as [Pointer, Pointer, Pointer];
      subject.log.append(update, 1, first);
      subject.log.append(update, 2, first);
      subject.log.append(remove, 0, second);
    });
    const references = subject.checkpoint();
    const copy = new Subject({ image: subject.store.image() });
    expect(copy.open(references)).toEqual(
      new Map([
        [1000, 2],
        [1002, 0],
      ]),
    );
  });

  test("opens with the newer of two tables that had the same address", () => {
    const subject = opened();
    subject.halfBar(() => {
      const [older] = subject.insert(1000, 1001) as [Pointer, Pointer];
      subject.log.append(update, 3, older);
      subject.log.append(remove, 3, older);
      subject.insert(1000);
    });
    const references = subject.checkpoint();
    expect(new Subject({ image: subject.store.image() }).open(references)).toEqual(
      new Map([
        [1000, 0],
        [1001, 0],
      ]),
    );
  });

  test("does not open the older of two tables that had the same address and are both gone", () => {
    const subject = opened();
    subject.halfBar(() => {
      for (let incarnation = 0; incarnation < 2; incarnation += 1) {
        const [table] = subject.insert(1000) as [Pointer];
        subject.log.append(remove, 0, table);
      }
    });
    const references = subject.checkpoint();
    expect(new Subject({ image: subject.store.image() }).open(references)).toEqual(new Map());
  });

  test("appends again what is still current, in order, and drops the rest with the oldest block", () => {
    const subject = opened();
    let tables: Pointer[] = [];
    subject.halfBar(() => {
      tables = subject.insert(...range(1000, ENTRIES_PER_BLOCK));
    });
    subject.halfBar(() => {
      for (const table of tables.slice(2)) subject.log.append(remove, 0, table);
      subject.log.append(update, 1, tables[1] as Pointer);
    });
    subject.events.length = 0;
    subject.halfBar();
    // The first block was not written when the second half-bar began; now it is the oldest that is.
    expect(subject.events).toEqual(["insert 1000", "close 2 with 30", "compacted 1, dropped 29 of 30"]);
    const references = subject.checkpoint();
    expect(references.oldest.address).toBe(2);
    // The block that the oldest one names has left the log.
    expect(new Subject({ image: subject.store.image() }).open(references)).toEqual(
      new Map([
        [1000, 0],
        [1001, 1],
      ]),
    );
  });

  test("compacts a block even if nothing in it can be dropped", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(...range(1000, ENTRIES_PER_BLOCK)));
    subject.halfBar();
    subject.events.length = 0;
    subject.halfBar();
    expect(subject.events.at(-1)).toBe("compacted 1, dropped 0 of 30");
    expect(subject.log.extents.count).toBe(ENTRIES_PER_BLOCK);
  });

  test("never compacts a block that is not written", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(...range(1000, 2 * ENTRIES_PER_BLOCK)));
    subject.events.length = 0;
    subject.halfBar();
    expect(subject.events).toEqual([]);
  });

  test("takes events of tables only as they can happen, and only in a half-bar", () => {
    const subject = opened();
    const table = subject.table(1000);
    expect(() => subject.log.append(insert, 0, table)).toThrow("while the manifest log is idle");
    subject.halfBar(() => {
      expect(() => subject.log.append(update, 0, table)).toThrow("an unknown table 1000");
      expect(() => subject.log.append(remove, 0, table)).toThrow("an unknown table 1000");
      subject.log.append(insert, 0, table);
      expect(() => subject.log.append(insert, 0, table)).toThrow("a known table 1000");
    });
  });

  test("ends the process when a forest has more tables than it can have", () => {
    const subject = opened({ tablesMax: 40 });
    subject.halfBar(() => {
      subject.insert(...range(1000, 40));
      expect(() => subject.insert(1040)).toThrow("which is all it can have");
    });
  });

  test("does not open with another number of blocks, or another oldest block", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(...range(1000, 3 * ENTRIES_PER_BLOCK)));
    const references = subject.checkpoint();
    const open = (changed: Partial<ManifestReferences>) => () =>
      new Subject({ image: subject.store.image() }).open({ ...references, ...changed });
    expect(open({})().size).toBe(3 * ENTRIES_PER_BLOCK);
    expect(open({ blockCount: 2 })).toThrow("more than 2 manifest blocks");
    expect(open({ blockCount: 4 })).toThrow("3 manifest blocks of 4");
    expect(open({ oldest: { ...references.oldest, checksum: 1n } })).toThrow("is another");
  });

  test("does not open a block that is not one of a manifest", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(1000));
    const references = subject.checkpoint();
    const { store } = subject;
    const block = store.lendBlock();
    block.buffer.set(store.disk.get(1) ?? []);
    block.buffer[256 + 126] = 0;
    store.sealBlockNow(block, 384);
    store.disk.set(1, block.sectors().slice());
    const newest = block.reference();
    expect(() => new Subject({ image: store.image() }).open({ ...references, oldest: newest, newest })).toThrow(
      "manifest block 1: entry 0 of 1: event is reserved",
    );
  });

  test("opens again after a reset in the midst of anything, and holds no blocks then", () => {
    const subject = opened();
    subject.halfBar(() => subject.insert(...range(1000, 2 * ENTRIES_PER_BLOCK + 3)));
    const references = subject.checkpoint();
    const { available } = subject.store;
    for (let steps = 0; steps < 12; steps += 1) {
      // Two blocks to write, and as many to compact as the pace asks for.
      subject.halfBar(() => subject.insert(...range(2000, 2 * ENTRIES_PER_BLOCK)));
      subject.log.compact(() => undefined);
      for (let step = 0; step < steps; step += 1) subject.store.step();
      subject.store.cancel();
      subject.log.reset();
      expect([subject.log.state, subject.log.extents.count, subject.store.available]).toEqual(["closed", 0, available]);
      expect(subject.open(references).size).toBe(2 * ENTRIES_PER_BLOCK + 3);
    }
  });

  test("is the same in whatever order its writes complete", () => {
    const run = (random?: Random): ManifestReferences => {
      const subject = opened(random === undefined ? {} : { random });
      let live: Pointer[] = [];
      for (let halfBar = 0; halfBar < 12; halfBar += 1) {
        subject.halfBar(() => {
          for (const table of live.slice(0, 20)) subject.log.append(remove, 0, table);
          live = [...live.slice(20), ...subject.insert(...range(1000 + 100 * halfBar, 45))];
        });
      }
      return subject.checkpoint();
    };
    const expected = run();
    expect(expected.blockCount).toBeGreaterThan(5);
    for (let seed = 0; seed < 3; seed += 1) expect(run(new Random(seed))).toEqual(expected);
  });

  test("keeps exactly the live tables over half-bars, checkpoints and crashes", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (seed) => {
        const counts = new ManifestLogFuzz(seed).run(50);
        expect(counts.entriesAppended).toBeGreaterThan(counts.blocksMax);
      }),
      { numRuns: propertyRuns(5) },
    );
  });

  test("never outgrows its bound, however much is appended", { timeout: 60_000 }, () => {
    const { tablesMax, logBlocksFullMax, logBlocksMax } = ManifestLogFuzz.pace;
    const counts = new ManifestLogFuzz(3, { always: true, crashes: false, tablesTarget: tablesMax - 400 }).run(100);
    expect(counts.entriesAppended / ENTRIES_PER_BLOCK).toBeGreaterThan(2 * logBlocksMax);
    expect(counts.blocksMax).toBeGreaterThan(2 * logBlocksFullMax);
    expect(counts.blocksMax).toBeLessThanOrEqual(logBlocksMax);
  });
});
