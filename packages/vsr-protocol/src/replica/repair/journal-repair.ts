/**
 * The driver of repair: looks at what the log lacks and does what can be done about it now (spec 03 §20.1).
 *
 * ```text
 *   head ─▶ headers, from the head downwards ─▶ prepares, from what is executed upwards ─▶ execution
 * ```
 *
 * It runs every now and then and whenever something has changed; every step is harmless if there is nothing to do.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Config } from "../../config/config.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import type { Journal } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Timeout } from "../../timeout.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { Roles } from "../roles.ts";
import type { Status } from "../status.ts";
import type { Timeouts } from "../timeouts.ts";
import type { DurableView } from "../view-durable.ts";
import type { HeaderRepair } from "./header-repair.ts";
import type { HeaderExchange } from "./headers.ts";
import type { PrepareBudget } from "./prepare-budget.ts";
import type { PrepareRepair } from "./prepares.ts";
import type { RepairProgress } from "./progress.ts";
import type { ReplyRepair } from "./replies.ts";

/** In how many firings of the timeout one looks at the newest ops, too, which normally arrive without being asked for. */
const NEWEST_ONE_IN = 50;

/** What is repaired, and by whom. */
export interface JournalRepairOptions {
  readonly config: Config;
  readonly identity: Pick<Identity, "primaryIndex" | "replica">;
  readonly status: Pick<Status, "current" | "normal">;
  readonly roles: Pick<Roles, "ofPrimary" | "backup">;
  readonly view: Pick<DurableView, "view" | "headers" | "hasOther">;
  readonly log: Pick<LogPosition, "op" | "commitMin" | "commitMax">;
  readonly journal: Pick<Journal, "headerWithOp" | "findLatestHeadersBreakBetween" | "removeDirtyOutside">;
  readonly timeouts: Pick<Timeouts, "get">;
  readonly logger: Logger;
  readonly headerRepair: HeaderRepair;
  readonly headers: Pick<HeaderExchange, "request">;
  readonly prepares: Pick<PrepareRepair, "request">;
  readonly replies: Pick<ReplyRepair, "request">;
  readonly budget: Pick<PrepareBudget, "reap">;
  readonly progress: RepairProgress;
  /** Asks for blocks of the grid, if there is one. */
  readonly requestBlocks: () => void;
  /** Goes on with the tables of a state sync. */
  readonly fetchTables: () => void;
  /** Asks the primary of a view for its log. */
  readonly requestView: (view: number) => void;
  /** Executes what can be executed: the commit loop. */
  readonly commit: () => void;
  /** Goes on with the work of the primary of a view to come. Does nothing for anyone else. */
  readonly potentialPrimary: () => void;
  /** Whether the state machine is open. */
  readonly stateMachineOpened: () => boolean;
  /** Whether a state sync has chosen its checkpoint, which is not durable yet. */
  readonly updatingCheckpoint: () => boolean;
}

/** Repairs the log of one replica, and everything else that it needs for it. */
export class JournalRepair {
  readonly #options: JournalRepairOptions;
  /** Whether the primary was asked for its view since the timeout fired last. */
  #viewRequested = false;

  constructor(options: JournalRepairOptions) {
    this.#options = options;
  }

  /** `journal_repair` fired. */
  onTimeout(timeout: Timeout): void {
    timeout.resetWithJitter();
    this.#options.budget.reap();
    this.#viewRequested = false;
    this.repair();
  }

  /** `repair_sync` fired, on a backup: if nothing was executed for the whole time, the primary's `view` may help. */
  onRepairSyncTimeout(timeout: Timeout): void {
    const { identity, view, log, progress, requestView, logger } = this.#options;
    timeout.reset();
    progress.look();
    if (!progress.stuck) return;
    assert(identity.primaryIndex(view.view) !== identity.replica, "a primary is not stuck behind others");
    logger.log("warn", "repair: stuck, asking for a checkpoint", {
      commitMin: log.commitMin,
      commitMax: log.commitMax,
    });
    requestView(view.view);
  }

  /** Does what can be done now. Not before the timeout runs: before that it is not clear which log this replica is to have. */
  repair(): void {
    const { timeouts, updatingCheckpoint, requestBlocks, stateMachineOpened, fetchTables } = this.#options;
    if (!timeouts.get("journalRepair").ticking || updatingCheckpoint()) return;
    requestBlocks();
    if (!stateMachineOpened()) return;
    fetchTables();
    if (!this.#repairHead()) return;
    this.#repairHeaders();
    this.#repairPrepares();
    this.#finish();
  }

  /** Takes over a header that anyone sent, if the hash chain proves that it belongs into the log. */
  repairHeader(header: PrepareHeader): boolean {
    return this.#options.headerRepair.repairHeader(header);
  }

  /** Why a header of the log of the view cannot be that of this replica's log, or null. */
  foreign(header: PrepareHeader): string | null {
    return this.#options.headerRepair.foreign(header);
  }

  /** Takes over a header of the log of the view. */
  replaceHeader(header: PrepareHeader): void {
    this.#options.headerRepair.replaceHeader(header);
  }

  /** Whether it is known which log the head belongs to. Asks for the view's log if it goes further than the own one. */
  #repairHead(): boolean {
    const { status, roles, view, log, journal, headerRepair, requestView } = this.#options;
    const tooShort = log.op < headerRepair.opRepairMax;
    const viewHead = view.headers[0];
    assert(viewHead !== undefined, "a view has headers");
    if (tooShort || (status.normal && log.op < viewHead.op)) {
      assert(!roles.ofPrimary, () => `the primary's head is ${log.op}, the log goes to ${headerRepair.opRepairMax}`);
      // Each view that comes leads here again: without a bound the two of them would do nothing else.
      if (!this.#viewRequested) requestView(view.view);
      this.#viewRequested = true;
    }
    const head = journal.headerWithOp(log.op);
    assert(head !== null, () => `the head ${log.op} is not in the log`);
    return !tooShort || head.view === view.view;
  }

  /** The newest op to ask for. Those above it are probably on their way. */
  get #opRequestMax(): number {
    const { config, status, log, timeouts } = this.#options;
    const newest = timeouts.get("journalRepair").attempts % NEWEST_ONE_IN === 0 || status.current === "view_change";
    return newest ? log.op : Math.max(0, log.op - config.cluster.pipelinePrepareQueueMax);
  }

  #repairHeaders(): void {
    const { log, journal, headerRepair, headers } = this.#options;
    const gap = journal.findLatestHeadersBreakBetween(headerRepair.opRepairMin, log.op);
    if (gap === null) return;
    this.#reportFork(gap.opMax);
    const opMax = this.#opRequestMax;
    if (gap.opMin > opMax) return;
    headers.request({ opMin: gap.opMin, opMax: Math.min(gap.opMax, opMax) });
  }

  /**
   * Says so if the break below `op + 1` is one within a view, whose primary chains its ops: somebody forged one that came from
   * the disk, and it is repaired like one of an older view.
   */
  #reportFork(op: number): void {
    const { journal, logger } = this.#options;
    const header = journal.headerWithOp(op);
    const above = journal.headerWithOp(op + 1);
    if (header === null || above?.view !== header.view) return;
    logger.log("error", "repair: an op does not follow the one before of its view", { op: op + 1, view: above.view });
  }

  /** First what is to be executed, then what was executed and others may still need. */
  #repairPrepares(): void {
    const { log, journal, headerRepair, prepares } = this.#options;
    const { opRepairMin } = headerRepair;
    const opMax = this.#opRequestMax;
    if (log.commitMin + 1 <= opMax) prepares.request({ opMin: log.commitMin + 1, opMax });
    if (opRepairMin <= log.commitMin) prepares.request({ opMin: opRepairMin, opMax: log.commitMin });
    // What precedes the checkpoint, or was cut off, nobody needs to fetch.
    journal.removeDirtyOutside(opRepairMin, log.op);
  }

  #finish(): void {
    const { status, log, replies, commit, potentialPrimary } = this.#options;
    if (log.commitMin < log.commitMax) commit();
    replies.request();
    if (status.current === "view_change") potentialPrimary();
  }
}
