/**
 * Drives a manifest log as a forest of many trees would, at random, and compares what it has after checkpoints and crashes with
 * a plain map (spec 05 §24.4).
 */
import { ManifestMetadata } from "@stagbeetle/grid";
import { assert, createKernels, type Kernels, LinearMemory, type Pointer } from "@stagbeetle/kernels";
import {
  ManifestEvent,
  TABLE_INFO_SIZE_BYTES,
  TableInfo,
  TableInfoPool,
  TableInfoView,
} from "../src/manifest/table-info.ts";
import { ManifestLog } from "../src/manifest-log/manifest-log.ts";
import { ManifestPace } from "../src/manifest-log/pace.ts";
import {
  type Config,
  HEADER_SIZE_BYTES,
  MANIFEST_EMPTY,
  type ManifestReferences,
  Random,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { tableHex, Tables } from "./builders.ts";
import { emptyImage, MemoryStore, type MemoryStoreImage } from "./memory-store.ts";

const CONFIG: Config = TEST_MIN;
const TREES = 20;
const BLOCKS_FULL = 100;
const MEMORY_SIZE_BYTES = 8 * 1024 * 1024;
const PACE = new ManifestPace(CONFIG, TREES, 30 * BLOCKS_FULL);

/** What one tree's compactions of a half-bar take in or give out, at most. */
const TABLES_PER_TREE_MAX = Math.ceil(CONFIG.cluster.lsmLevels / 2) * (1 + CONFIG.cluster.lsmGrowthFactor);

/** Live tables: by address, the bytes of the latest entry. */
type Model = Map<number, string>;

/** A log, and the memory and the blocks that it works on. */
interface Parts {
  readonly kernels: Kernels;
  readonly infos: TableInfoView;
  readonly pool: TableInfoPool;
  readonly tables: Tables;
  readonly store: MemoryStore;
  readonly log: ManifestLog;
}

function createParts(image: MemoryStoreImage, random: Random): Parts {
  const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES, shared: false });
  const kernels = createKernels({ memory });
  const infos = new TableInfoView(memory);
  const pool = new TableInfoPool(memory, PACE.tablesMax + 1);
  // One block more than the log's own: the one that it reads.
  const store = new MemoryStore({ config: CONFIG, kernels, blocksMax: PACE.buffersMax + 1, random }, image);
  const log = new ManifestLog({ kernels, store, pace: PACE });
  return { kernels, infos, pool, tables: new Tables(memory, infos, pool), store, log };
}

/** How a run goes. */
export interface FuzzCounts {
  halfBars: number;
  checkpoints: number;
  crashes: number;
  /** The longest that the log was, in blocks. */
  blocksMax: number;
  entriesAppended: number;
}

/** What a run is made of, unless it is drawn. */
export interface FuzzOptions {
  /** Whether every half-bar appends as much as it may; else a quarter of the runs does. */
  readonly always?: boolean;
  readonly crashes?: boolean;
  readonly tablesTarget?: number;
}

/** One run. */
export class ManifestLogFuzz {
  static readonly pace: ManifestPace = PACE;
  readonly counts: FuzzCounts = { halfBars: 0, checkpoints: 0, crashes: 0, blocksMax: 0, entriesAppended: 0 };
  readonly #random: Random;
  readonly #always: boolean;
  readonly #crashes: boolean;
  /** Until there are as many tables, none is replaced: the more live tables, the slower the log is compacted. */
  readonly #tablesTarget: number;
  readonly #reuse: boolean;
  readonly #checkpointOneIn: number;
  #parts: Parts;
  /** Infos of live tables. */
  #live: Pointer[] = [];
  #model: Model = new Map();
  #checkpointModel: Model = new Map();
  #references: ManifestReferences = MANIFEST_EMPTY;
  #addressNext = 1;
  #addressesFree: number[] = [];
  #snapshot = 1;

  constructor(seed: number, { always, crashes = true, tablesTarget }: FuzzOptions = {}) {
    this.#random = new Random(seed);
    this.#always = always ?? this.#random.chance(1, 4);
    this.#crashes = crashes;
    this.#tablesTarget = tablesTarget ?? this.#random.index(PACE.tablesMax);
    // Reused at once, which is sooner than a grid would.
    this.#reuse = this.#random.boolean();
    this.#checkpointOneIn = 1 + this.#random.index(20);
    this.#parts = createParts(emptyImage(), this.#random);
    this.#open(this.#parts, MANIFEST_EMPTY);
  }

  /** The checkpoint that was written last. */
  get references(): ManifestReferences {
    return this.#references;
  }

  run(halfBars: number): FuzzCounts {
    for (let halfBar = 0; halfBar < halfBars; halfBar += 1) {
      this.counts.halfBars += 1;
      const crashes = this.#crashes && this.#random.chance(1, 12);
      const { store, log } = this.#parts;
      // As late as a checkpoint needs it, or earlier.
      if (this.#random.boolean()) store.checkpointDurable();
      if (!this.#compact(crashes)) {
        this.#crash();
        continue;
      }
      for (let tree = 1; tree <= TREES; tree += 1) this.#compactTree(tree);
      log.compactEnd();
      this.#snapshot += 2;
      this.counts.blocksMax = Math.max(this.counts.blocksMax, log.blockCount);
      if (crashes) this.#crash();
      else if (this.#random.chance(1, this.#checkpointOneIn)) this.#checkpoint();
    }
    return this.counts;
  }

  /** Compacts the log; false if it was cut short. */
  #compact(crashes: boolean): boolean {
    const { store, log } = this.#parts;
    let done = false;
    log.compact(() => {
      done = true;
    });
    let stepsLeft = crashes ? this.#random.index(60) : Infinity;
    for (; !done && stepsLeft > 0; stepsLeft -= 1) assert(store.step(), "nothing happens any more");
    return done;
  }

  #compactTree(treeId: number): void {
    const { infos, log, pool } = this.#parts;
    const ofTree = this.#live.filter((table) => infos.treeId(table) === treeId);
    if (ofTree.length > 0 && this.#random.chance(1, 10)) {
      const table = this.#pick(ofTree);
      this.#append(ManifestEvent.update, table, (infos.level(table) + 1) % CONFIG.cluster.lsmLevels);
      return;
    }
    const inputs = this.#live.length < this.#tablesTarget ? [] : ofTree.slice(0, this.#count(ofTree.length));
    const outputs = this.#count(Math.min(TABLES_PER_TREE_MAX, PACE.tablesMax - this.#live.length));
    for (const table of inputs) {
      infos.setSnapshotMax(table, this.#snapshot + 1);
      this.#append(ManifestEvent.update, table, infos.level(table));
    }
    for (let output = 0; output < outputs; output += 1) this.#insert(treeId);
    for (const table of inputs) {
      log.append(ManifestEvent.remove, infos.level(table), table);
      this.counts.entriesAppended += 1;
      this.#model.delete(infos.address(table));
      if (this.#reuse) this.#addressesFree.push(infos.address(table));
      pool.free(table);
    }
    this.#live = this.#live.filter((table) => !inputs.includes(table));
  }

  #insert(treeId: number): void {
    const reused = this.#random.boolean() ? this.#addressesFree.pop() : undefined;
    const address = reused ?? this.#addressNext++;
    const keyMin = this.#random.index(1000);
    const valueCount = 1 + this.#random.index(100);
    const snapshotMin = this.#snapshot;
    const { tables } = this.#parts;
    const table = tables.make({ keyMin, keyMax: keyMin + valueCount, address, snapshotMin, valueCount, treeId });
    this.#live.push(table);
    this.#append(ManifestEvent.insert, table, this.#random.index(CONFIG.cluster.lsmLevels));
  }

  #append(event: ManifestEvent, table: Pointer, level: number): void {
    const { infos, kernels, log } = this.#parts;
    log.append(event, level, table);
    this.counts.entriesAppended += 1;
    this.#model.set(infos.address(table), tableHex(kernels.memory, table));
  }

  #checkpoint(): void {
    const { store, log } = this.#parts;
    this.counts.checkpoints += 1;
    store.checkpointDurable();
    store.wait((done) => log.checkpoint(done));
    assert(log.empty, "a checkpoint leaves something to write");
    assert(store.usedCount === log.blockCount, () => `${store.usedCount} blocks in use, ${log.blockCount} in the log`);
    this.#references = log.references();
    store.checkpoint();
    this.#checkpointModel = new Map(this.#model);
    const copy = createParts(store.image(), this.#random);
    this.#open(copy, this.#references);
    this.#expectEqualExtents(copy);
    assert(copy.store.available === PACE.buffersMax + 1, "an open log holds no blocks");
  }

  #crash(): void {
    this.counts.crashes += 1;
    this.#parts = createParts(this.#parts.store.crash(this.#random), this.#random);
    this.#model = new Map(this.#checkpointModel);
    this.#live = this.#open(this.#parts, this.#references);
    this.#addressesFree = [];
    this.#addressNext = 1 + Math.max(0, ...this.#model.keys());
  }

  /** Opens a log and compares its tables with those of the last checkpoint. Returns their infos. */
  #open({ infos, kernels, pool, store, log }: Parts, references: ManifestReferences): Pointer[] {
    const opened: Pointer[] = [];
    const expected = new Map(this.#checkpointModel);
    const onTable = (entry: Pointer): void => {
      const address = infos.address(entry);
      assert(expected.get(address) === tableHex(kernels.memory, entry), () => `table ${address} is another`);
      expected.delete(address);
      const table = pool.allocate();
      infos.copy(table, entry);
      opened.push(table);
    };
    store.wait((done) => log.open(references, onTable, done));
    assert(expected.size === 0, () => `${expected.size} tables are not opened`);
    assert(log.extents.count === opened.length, () => `${log.extents.count} extents of ${opened.length} tables`);
    assert(log.empty && log.blockCount === references.blockCount, () => log.describe());
    return opened;
  }

  /** Replays all blocks in the order in which they were written; both logs must have the entries that this ends with. */
  #expectEqualExtents(copy: Parts): void {
    const extents = replay(copy.store.disk, this.#references);
    assert(extents.size === this.#model.size, () => `${extents.size} tables in the blocks, ${this.#model.size} live`);
    for (const [address, { block, entry }] of extents) {
      for (const parts of [copy, this.#parts]) {
        const key = parts.tables.keys.of(address);
        assert(parts.log.extents.isAt(key, block, entry), () => `table ${address} is not at ${block}:${entry}`);
      }
    }
  }

  #count(limit: number): number {
    const max = Math.min(limit, TABLES_PER_TREE_MAX);
    return this.#always ? max : this.#random.index(max + 1);
  }

  #pick(tables: readonly Pointer[]): Pointer {
    return tables[this.#random.index(tables.length)] ?? 0;
  }
}

/** By table, where its latest entry is: all blocks from the oldest, an insert or update puts, a remove deletes. */
function replay(
  disk: ReadonlyMap<number, Uint8Array>,
  references: ManifestReferences,
): Map<number, { block: number; entry: number }> {
  const chain: { address: number; entries: TableInfo[] }[] = [];
  for (let { address } = references.newest; chain.length < references.blockCount;) {
    const block = disk.get(address);
    assert(block !== undefined, () => `manifest block ${address} is not on disk`);
    const metadata = new ManifestMetadata(block, 128);
    const entries = Array.from(
      { length: metadata.entryCount },
      (_, entry) => new TableInfo(block, HEADER_SIZE_BYTES + entry * TABLE_INFO_SIZE_BYTES),
    );
    chain.unshift({ address, entries });
    address = metadata.previousManifestBlockAddress;
  }
  const extents = new Map<number, { block: number; entry: number }>();
  for (const { address: block, entries } of chain) {
    for (const [entry, table] of entries.entries()) {
      if (table.label >>> 6 === ManifestEvent.remove) extents.delete(table.address);
      else extents.set(table.address, { block, entry });
    }
  }
  return extents;
}
