/**
 * The blocks that this replica lacks and will ask others for (spec 04 §20.1).
 *
 * A block is missing because a read found it damaged (*repair*), or because its table was skipped by a state sync (*sync*).
 * Of a table to be synced, the index block comes first; once it is written, its value blocks are known and follow.
 *
 * ```text
 *   waiting ──block arrives──▶ writing ──written──▶ gone
 *      │                          │
 *      └──becomes free──▶ gone    └──becomes free──▶ aborting ──written──▶ gone
 * ```
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type BlockReference, BlockType, type Config, type Random } from "@stagbeetle/vsr-protocol";
import type { Block } from "./block.ts";
import { IndexMetadata, indexValueBlock, tableValueBlocksMax } from "./block-metadata.ts";
import type { FreeSet } from "./free-set/free-set.ts";

/** Where a missing block stands. `aborting`: it becomes free, but its write must end first. */
export type MissingBlockState = "waiting" | "writing" | "aborting";

const TRANSITIONS: Readonly<Record<MissingBlockState, readonly MissingBlockState[]>> = {
  waiting: ["writing"],
  writing: ["aborting"],
  aborting: [],
};

/** A table that is being synced. Allocated by its owner, who gets it back from {@link GridBlocksMissing.reclaimTable}. */
export class MissingTable {
  /** The index block, which names all others. */
  readonly index: BlockReference;
  /** Blocks written so far, the index block among them. */
  blocksWritten = 0;
  /** All blocks of the table; null until the index block is written. */
  blocksTotal: number | null = null;

  constructor(index: BlockReference) {
    this.index = index;
  }

  /** Whether all blocks are written. */
  get complete(): boolean {
    return this.blocksTotal !== null && this.blocksWritten === this.blocksTotal;
  }
}

/** One missing block. */
class MissingBlock {
  readonly checksum: bigint;
  #state: MissingBlockState = "waiting";
  /** The table that it is synced for; null for a single block. */
  table: MissingTable | null;

  constructor(checksum: bigint, table: MissingTable | null) {
    this.checksum = checksum;
    this.table = table;
  }

  get state(): MissingBlockState {
    return this.#state;
  }

  transition(next: MissingBlockState): void {
    assert(TRANSITIONS[this.#state].includes(next), () => `a missing block goes from ${this.#state} to ${next}`);
    this.#state = next;
  }
}

/** The queue of missing blocks. Its size is bounded by the single blocks and the tables that it takes. */
export class GridBlocksMissing {
  readonly #blocksMax: number;
  readonly #tablesMax: number;
  readonly #tableValueBlocksMax: number;
  /** By address. */
  readonly #blocks = new Map<number, MissingBlock>();
  readonly #tables = new Set<MissingTable>();
  readonly #tablesComplete: MissingTable[] = [];
  #singleCount = 0;
  #abortingCount = 0;
  /**
   * What tables lacked when a state sync began. Set aside until the new checkpoint's tables are known: before that, nobody
   * can say which are still wanted. Null while there is no sync.
   */
  #tableBlocksAside: Map<number, MissingBlock> | null = null;
  #durableCallback: (() => void) | null = null;

  constructor({ config }: { readonly config: Config }) {
    this.#blocksMax = config.process.gridMissingBlocksMax;
    this.#tablesMax = config.process.gridMissingTablesMax;
    this.#tableValueBlocksMax = tableValueBlocksMax(config);
  }

  /** How many blocks are missing. */
  get count(): number {
    return this.#blocks.size;
  }

  /** How many more single blocks can be queued. */
  get blocksAvailable(): number {
    return this.#blocksMax - this.#singleCount;
  }

  /** How many more tables can be queued. */
  get tablesAvailable(): number {
    return this.#tableBlocksAside === null ? this.#tablesMax - this.#tables.size - this.#tablesComplete.length : 0;
  }

  /** How many tables are being synced, or are complete and not reclaimed yet. */
  get tablesMissing(): number {
    return this.#tables.size + this.#tablesComplete.length;
  }

  /** Whether the table with this index block is one of those. */
  tableMissing(address: number): boolean {
    for (const { index } of this.#tables) if (index.address === address) return true;
    return this.#tablesComplete.some(({ index }) => index.address === address);
  }

  /** The state of a missing block, or null if it is not missing. */
  stateOf(address: number): MissingBlockState | null {
    return this.#blocks.get(address)?.state ?? null;
  }

  /** Queues a single block, if there is room and it is not queued already. The address must not be free. */
  repairBlock({ address, checksum }: BlockReference): void {
    if (this.blocksAvailable === 0) return;
    const queued = this.#blocks.get(address);
    if (queued !== undefined) {
      assert(
        queued.checksum === checksum || queued.state === "aborting",
        () => `block ${address} is wanted with two checksums`,
      );
      return;
    }
    this.#add(address, checksum, null);
  }

  /** Queues a table, whose index block must not be free. There must be room. */
  syncTable(table: MissingTable): void {
    assert(this.tablesAvailable > 0, () => `${this.#tables.size} tables of ${this.#tablesMax} are being synced`);
    assert(table.blocksWritten === 0 && table.blocksTotal === null, "a table is synced once");
    this.#tables.add(table);
    this.#addForTable(table.index, table);
  }

  /** A table of which all blocks are written, once, or null. */
  reclaimTable(): MissingTable | null {
    const table = this.#tablesComplete.shift() ?? null;
    assert(table === null || table.complete, "a reclaimed table is complete");
    return table;
  }

  /** Whether exactly this block is wanted and not being written. */
  blockWaiting({ address, checksum }: BlockReference): boolean {
    const missing = this.#blocks.get(address);
    return missing !== undefined && missing.state === "waiting" && missing.checksum === checksum;
  }

  /** The block has arrived; its write begins. It must be {@link blockWaiting}. */
  writeBegin(reference: BlockReference): void {
    assert(this.blockWaiting(reference), () => `block ${reference.address} is not waited for`);
    this.#at(reference.address).transition("writing");
  }

  /** The write of the block has ended. */
  writeComplete(block: Block): void {
    const { address, checksum } = block.header;
    const missing = this.#at(address);
    assert(missing.checksum === checksum, () => `block ${address} is written with another checksum`);
    this.#blocks.delete(address);
    if (missing.state === "aborting") return this.#aborted(missing);
    assert(missing.state === "writing", () => `block ${address} is written while ${missing.state}`);
    if (missing.table === null) {
      this.#singleCount -= 1;
    } else {
      this.#tableProgress(missing.table, block);
    }
  }

  /**
   * Writes to `take` what to ask for: blocks that wait, from a random one on, as long as `take` returns true.
   *
   * @param take called at most once for each block.
   */
  waitingFrom(random: Random, take: (reference: BlockReference) => boolean): void {
    if (this.#blocks.size === 0) return;
    const start = random.index(this.#blocks.size);
    if (this.#waitingBetween(start, this.#blocks.size, take)) this.#waitingBetween(0, start, take);
  }

  /**
   * The checkpoint is about to be durable: forgets the blocks that become free by it.
   *
   * @param callback runs when no write to such a block is under way, possibly before this returns.
   */
  checkpointDurable(freeSet: FreeSet, callback: () => void): void {
    assert(this.#durableCallback === null && this.#abortingCount === 0, "one checkpoint at a time becomes durable");
    assert(this.#tableBlocksAside === null, "ops are executed before the tables of a sync are known");
    for (const table of this.#tables) {
      if (freeSet.toBeFreed(table.index.address)) this.#dropTable(table);
    }
    for (const [address, missing] of this.#blocks) {
      assert(!freeSet.isFree(address), () => `block ${address} is missing and free`);
      if (freeSet.toBeFreed(address)) this.#abort(address, missing);
    }
    if (this.#abortingCount === 0) callback();
    else this.#durableCallback = callback;
  }

  /** A state sync begins, all writes are dropped: forgets single blocks, and sets tables aside until {@link resume}. */
  suspend(): void {
    const aside = this.#tableBlocksAside ?? new Map<number, MissingBlock>();
    for (const [address, { checksum, table }] of this.#blocks) {
      if (table !== null) aside.set(address, new MissingBlock(checksum, table));
    }
    this.#tableBlocksAside = aside;
    this.#blocks.clear();
    this.#singleCount = 0;
    this.#abortingCount = 0;
    this.#durableCallback = null;
  }

  /** The new checkpoint's forest is open: goes on with the tables that still exist. */
  resume(tableExists: (table: MissingTable) => boolean): void {
    const aside = this.#tableBlocksAside;
    assert(aside !== null, "no table was set aside");
    this.#tableBlocksAside = null;
    for (const table of this.#tables) if (!tableExists(table)) this.#tables.delete(table);
    for (const [address, { checksum, table }] of aside) {
      if (table !== null && this.#tables.has(table)) this.#addForTable({ address, checksum }, table);
    }
  }

  /** One line for people. */
  describe(): string {
    const states = [...this.#blocks.values()].map(({ state }) => state);
    const count = (wanted: MissingBlockState): number => states.filter((state) => state === wanted).length;
    return (
      `${this.#tableBlocksAside === null ? "" : `aside=${this.#tableBlocksAside.size} `}single=${this.#singleCount} tables=${this.#tables.size} ` +
      `waiting=${count("waiting")} writing=${count("writing")} aborting=${count("aborting")}`
    );
  }

  #at(address: number): MissingBlock {
    const missing = this.#blocks.get(address);
    assert(missing !== undefined, () => `block ${address} is not missing`);
    return missing;
  }

  #add(address: number, checksum: bigint, table: MissingTable | null): void {
    assert(address > 0 && !this.#blocks.has(address), () => `block ${address} is queued twice`);
    this.#blocks.set(address, new MissingBlock(checksum, table));
    if (table === null) this.#singleCount += 1;
    const countMax = this.#blocksMax + this.#tablesMax * (1 + this.#tableValueBlocksMax);
    assert(this.#blocks.size <= countMax, () => `${this.#blocks.size} missing blocks of ${countMax}`);
  }

  /** Queues a block of a table; one that is queued as a single block becomes the table's. */
  #addForTable({ address, checksum }: BlockReference, table: MissingTable): void {
    const queued = this.#blocks.get(address);
    if (queued === undefined) return this.#add(address, checksum, table);
    assert(queued.checksum === checksum, () => `block ${address} is wanted with two checksums`);
    assert(queued.table === null && queued.state !== "aborting", () => `block ${address} belongs to two tables`);
    queued.table = table;
    this.#singleCount -= 1;
  }

  #tableProgress(table: MissingTable, block: Block): void {
    assert(this.#tables.has(table), "the table is being synced");
    table.blocksWritten += 1;
    if (block.header.address === table.index.address) this.#addValueBlocks(table, block);
    if (!table.complete) return;
    this.#tables.delete(table);
    this.#tablesComplete.push(table);
  }

  #addValueBlocks(table: MissingTable, index: Block): void {
    assert(index.header.blockType === BlockType.index, () => `block ${index.header.address} is not an index`);
    assert(table.blocksTotal === null, "an index block is written once");
    const { valueBlockCount } = index.metadata(IndexMetadata);
    assert(
      valueBlockCount > 0 && valueBlockCount <= this.#tableValueBlocksMax,
      () => `${valueBlockCount} value blocks`,
    );
    table.blocksTotal = 1 + valueBlockCount;
    for (let at = 0; at < valueBlockCount; at += 1) this.#addForTable(indexValueBlock(index.header, at), table);
  }

  /** Forgets a table: none of its blocks belongs to one any more, and those that wait are forgotten too. */
  #dropTable(table: MissingTable): void {
    this.#tables.delete(table);
    for (const [address, missing] of this.#blocks) if (missing.table === table) this.#abort(address, missing);
  }

  #abort(address: number, missing: MissingBlock): void {
    if (missing.state === "aborting") return;
    if (missing.table === null) this.#singleCount -= 1;
    missing.table = null;
    if (missing.state === "waiting") {
      this.#blocks.delete(address);
      return;
    }
    missing.transition("aborting");
    this.#abortingCount += 1;
  }

  #aborted(missing: MissingBlock): void {
    assert(missing.table === null && this.#abortingCount > 0, "an aborted block counts for nothing");
    this.#abortingCount -= 1;
    const callback = this.#durableCallback;
    if (this.#abortingCount > 0 || callback === null) return;
    this.#durableCallback = null;
    callback();
  }

  /** Offers the waiting blocks at these positions of the map; false once one was not taken. */
  #waitingBetween(start: number, end: number, take: (reference: BlockReference) => boolean): boolean {
    let position = 0;
    for (const [address, { checksum, state }] of this.#blocks) {
      if (position >= end) break;
      const here = position >= start;
      position += 1;
      if (here && state === "waiting" && !take({ address, checksum })) return false;
    }
    return true;
  }
}
