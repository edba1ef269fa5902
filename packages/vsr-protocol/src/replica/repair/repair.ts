/**
 * Repair and state sync: the modules that fetch what this replica misses from the others, and serve them, joined (spec 03
 * §20 to §23).
 *
 * @module
 */
import { BlockBudget, type BlockBudgetOptions } from "./block-budget.ts";
import { GridRepair, type GridRepairOptions } from "./blocks.ts";
import { HeaderRepair, type HeaderRepairOptions } from "./header-repair.ts";
import { HeaderExchange, type HeaderExchangeOptions } from "./headers.ts";
import { JournalRepair, type JournalRepairOptions } from "./journal-repair.ts";
import { PrepareBudget, type PrepareBudgetOptions } from "./prepare-budget.ts";
import { PrepareRepair, type PrepareRepairOptions } from "./prepares.ts";
import { RepairProgress, type RepairProgressOptions } from "./progress.ts";
import { ReplyRepair, type ReplyRepairOptions } from "./replies.ts";
import { Scrubbing, type ScrubbingOptions } from "./scrubbing.ts";
import type { CheckpointStore } from "../checkpoint-writer.ts";
import { StateSync, type StateSyncOptions } from "../sync/state-sync.ts";
import { TableSync, type TableSyncOptions } from "../sync/table-sync.ts";

/** What the modules are for one another. */
type Inner =
  | "budget"
  | "contentSyncing"
  | "fetchTables"
  | "grid"
  | "headerRepair"
  | "headers"
  | "onComplete"
  | "onGridCancelled"
  | "onHeaders"
  | "onRepaired"
  | "onWritten"
  | "prepares"
  | "progress"
  | "replies"
  | "requestBlocks"
  | "requestMax"
  | "scrubber"
  | "store"
  | "tableSync"
  | "updatingCheckpoint";

/** What repair needs of the rest of the replica. */
export type RepairOptions = Omit<
  BlockBudgetOptions &
    GridRepairOptions &
    HeaderRepairOptions &
    HeaderExchangeOptions &
    JournalRepairOptions &
    PrepareBudgetOptions &
    PrepareRepairOptions &
    RepairProgressOptions &
    ReplyRepairOptions &
    ScrubbingOptions &
    StateSyncOptions &
    TableSyncOptions,
  Inner
> & {
  /** Null if the state machine keeps its state in memory: then there is no grid to repair and nothing to sync. */
  readonly store: CheckpointStore | null;
  /** Runs after each repaired block was written: what waits in the connections can come again. */
  readonly onBlockWritten: () => void;
  /** Runs when all blocks of a synced checkpoint are here: what was not acknowledged for want of them can be now. */
  readonly onTablesComplete: () => void;
};

/** Fetches what is missing here, and serves what others miss. */
export class Repair {
  readonly headerRepair: HeaderRepair;
  readonly headers: HeaderExchange;
  readonly prepares: PrepareRepair;
  readonly replies: ReplyRepair;
  /** Null if there is no grid. */
  readonly blocks: GridRepair | null;
  /** Null if there is no grid. */
  readonly scrubbing: Scrubbing | null;
  readonly journal: JournalRepair;
  readonly stateSync: StateSync;
  readonly #prepareBudget: PrepareBudget;
  readonly #blockBudget: BlockBudget;

  constructor(options: RepairOptions) {
    const { config, store } = options;
    const updatingCheckpoint = (): boolean => this.stateSync.updatingCheckpoint;
    const contentSyncing = (): boolean => this.stateSync.contentSyncing;
    const repair = (): void => this.journal.repair();
    const grid = store?.grid ?? null;
    const headerRepair = new HeaderRepair({ ...options, updatingCheckpoint });
    const progress = new RepairProgress({ ...options, grid, headerRepair });
    const tableSync = new TableSync({ ...options, onComplete: options.onTablesComplete });
    const prepareBudget = new PrepareBudget(options);
    const blockBudget = new BlockBudget({ ...options, requestMax: config.process.gridRepairRequestMax });
    this.#prepareBudget = prepareBudget;
    this.#blockBudget = blockBudget;
    this.headerRepair = headerRepair;
    this.headers = new HeaderExchange({ ...options, headerRepair, onHeaders: repair });
    this.prepares = new PrepareRepair({ ...options, headerRepair, budget: prepareBudget, onRepaired: repair });
    this.replies = new ReplyRepair(options);
    this.blocks =
      grid === null
        ? null
        : new GridRepair({
            ...options,
            grid,
            budget: blockBudget,
            onWritten: () => {
              options.onBlockWritten();
              repair();
            },
          });
    this.scrubbing = store === null ? null : new Scrubbing({ ...options, scrubber: store.scrubber, contentSyncing });
    this.stateSync = new StateSync({
      ...options,
      progress,
      tableSync,
      onGridCancelled: () => this.blocks?.onGridCancelled(),
    });
    this.journal = new JournalRepair({
      ...options,
      headerRepair,
      headers: this.headers,
      prepares: this.prepares,
      replies: this.replies,
      budget: prepareBudget,
      progress,
      updatingCheckpoint,
      requestBlocks: () => this.blocks?.request(),
      fetchTables: () => tableSync.work(),
    });
  }

  /** What was asked for belongs to another checkpoint: everything may be asked for again. */
  refillBudgets(): void {
    this.#prepareBudget.refill();
    this.#blockBudget.refill();
  }
}
