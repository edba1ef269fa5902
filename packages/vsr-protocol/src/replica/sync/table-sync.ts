/**
 * Fetching the tables that a state sync skipped (spec 03 §21.6, §21.7).
 *
 * The forest of the new checkpoint is open at once, and what a commit needs of it is fetched on demand. All other blocks are
 * fetched here, table by table, so that in the end this replica can lose no more than others can.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Grid, StoredTables } from "../../ports/grid.ts";
import type { OpRange } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import { snapshotReadableAtCommit } from "../../snapshot.ts";
import type { VSRState } from "../../superblock/layout.ts";
import type { ReplicaTimings } from "../timings.ts";

/** How many tables are looked at in one go: a forest can have millions, of which few are new. */
const TABLES_PER_ROUND_MAX = 1024;

/** The tables of the store, and the grid that fetches their blocks. */
interface TableStore {
  readonly grid: Pick<Grid, "tablesAvailable" | "tablesMissing" | "fetchTable" | "reclaimTable" | "resumeTables">;
  readonly tables: StoredTables;
}

/** What tables are fetched with. */
export interface TableSyncOptions {
  /** Null for a state machine that keeps its state in memory: it never syncs. */
  readonly store: TableStore | null;
  readonly superblock: { readonly working: { readonly vsrState: Pick<VSRState, "syncOpMax"> } };
  readonly timings: Pick<ReplicaTimings, "now" | "ended">;
  readonly logger: Logger;
  /** Runs when all tables are here: ops that were not acknowledged for want of them can be now. */
  readonly onComplete: () => void;
}

/**
 * The tables that were written by ops of a range. If another state sync begins meanwhile, this range is finished first, and
 * the ops that the later one skipped follow.
 */
export class TableSync {
  readonly #options: TableSyncOptions;
  #range: OpRange | null = null;
  /** When the fetching of a table began (monotonic, ns), by its address: at most `grid_missing_tables_max`. */
  readonly #startedAt = new Map<number, bigint>();

  constructor(options: TableSyncOptions) {
    this.#options = options;
  }

  /** The ops whose tables are being fetched, or null. */
  get range(): OpRange | null {
    return this.#range;
  }

  /** Whether tables are still to be fetched, or are being fetched. */
  get active(): boolean {
    return this.#range !== null;
  }

  /** The tables of these ops are missing here. If others are being fetched, they come first. */
  begin(range: OpRange): void {
    const { store, logger } = this.#options;
    assert(store !== null, "a store in memory is not synced");
    assert(range.opMin <= range.opMax, () => `tables of ops ${range.opMin} to ${range.opMax}`);
    if (this.#range !== null) return;
    this.#range = range;
    store.tables.rewind();
    logger.log("info", "sync: tables begin", { opMin: range.opMin, opMax: range.opMax });
  }

  /** A state sync replaced the store, which is open again: goes on with the tables that it still has. */
  resume(): void {
    const { store } = this.#options;
    assert(store !== null && this.#range !== null, "a state sync leaves tables to be fetched");
    store.grid.resumeTables((index) => {
      const exists = store.tables.has(index);
      if (!exists) this.#startedAt.delete(index.address);
      return exists;
    });
  }

  /** Takes the tables that are done, and begins as many as there is room for. Only while the state machine is open. */
  work(): void {
    const { store } = this.#options;
    while (this.#range !== null && store !== null) {
      this.#reclaim(store.grid);
      if (!this.#fetch(this.#range, store) || store.grid.tablesMissing > 0) return;
      this.#next(this.#range, store.tables);
    }
  }

  #reclaim(grid: TableStore["grid"]): void {
    const { timings, logger } = this.#options;
    for (let index = grid.reclaimTable(); index !== null; index = grid.reclaimTable()) {
      const startedAt = this.#startedAt.get(index.address);
      assert(startedAt !== undefined, () => `table ${index?.address} was never fetched`);
      this.#startedAt.delete(index.address);
      timings.ended("replica_sync_table", startedAt);
      if (logger.enabled("debug")) logger.log("debug", "sync: a table is complete", { address: index.address });
    }
  }

  /** Begins tables of the range. True if there are no more; if not, the next round goes on. */
  #fetch(range: OpRange, { grid, tables }: TableStore): boolean {
    const snapshotMin = snapshotReadableAtCommit(range.opMin);
    const snapshotMax = snapshotReadableAtCommit(range.opMax);
    for (let looked = 0; looked < TABLES_PER_ROUND_MAX && grid.tablesAvailable > 0; looked += 1) {
      const table = tables.next();
      if (table === null) return true;
      if (table.snapshotMin < snapshotMin || table.snapshotMin > snapshotMax) continue;
      // One that has moved to a deeper level may be on its way already.
      if (grid.fetchTable(table.index)) this.#startedAt.set(table.index.address, this.#options.timings.now());
    }
    return false;
  }

  /** All tables of the range are here: goes on with what a later state sync skipped, or ends. */
  #next({ opMax }: OpRange, tables: StoredTables): void {
    const { superblock, logger, onComplete } = this.#options;
    const { syncOpMax } = superblock.working.vsrState;
    this.#range = opMax < syncOpMax ? { opMin: opMax + 1, opMax: syncOpMax } : null;
    if (this.#range !== null) return tables.rewind();
    logger.log("info", "sync: all tables are here", { opMax });
    onComplete();
  }
}
