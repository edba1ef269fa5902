/**
 * From one status to another: what starts, stops and is forgotten (spec 03 §4.2, §4.3).
 *
 * ```text
 *   recovering ─▶ normal ◀─▶ view_change ⟲
 *        ├──────▶ view_change
 *        └──────▶ recovering_head ─▶ normal
 * ```
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Journal } from "../../ports/journal.ts";
import { isBlankPrepare } from "../../message/special-prepares.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { Pipeline } from "../pipeline.ts";
import type { ReplicaSet } from "../replica-set.ts";
import type { Status } from "../status.ts";
import type { TimeoutName, Timeouts } from "../timeouts.ts";
import type { DurableView } from "../view-durable.ts";
import { joinViewHeaders } from "./join-view-headers.ts";
import type { JoinViewVotes } from "./votes.ts";

/** What changes with the status. */
export interface TransitionsOptions {
  /** `pipeline_prepare_queue_max`. */
  readonly pipelinePrepareQueueMax: number;
  readonly aofRecovery: boolean;
  readonly identity: Pick<Identity, "solo" | "primaryOf">;
  readonly status: Status;
  readonly view: DurableView;
  readonly log: Pick<LogPosition, "op" | "commitMin" | "commitMax">;
  readonly journal: Pick<Journal, "headerWithOp">;
  readonly pipeline: Pick<Pipeline, "kind" | "prepareCount" | "toCache" | "toQueue">;
  readonly timeouts: Pick<Timeouts, "start" | "stop">;
  /** Who wants to leave the current view. */
  readonly exitViews: ReplicaSet;
  readonly joinViews: JoinViewVotes;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Runs in every transition into view_change, and out of it: what was heard of the view's primary, and abdication, are forgotten. */
  readonly onViewLeft: () => void;
  /** Runs in every transition to normal: the fault detector, and what is known of the backups' progress, begin anew. */
  readonly onNormal: () => void;
  /** Sends this replica's `join_view`: the last step of every transition into view_change. */
  readonly sendJoinView: () => void;
}

/** The timeouts of a node in status normal that run in view_change, too, and those that every node has after its start. */
const REPAIRS: readonly TimeoutName[] = ["gridRepair", "gridScrub"];

/** Moves a replica between its statuses. The only caller of `Status.transition`. */
export class Transitions {
  readonly #options: TransitionsOptions;

  constructor(options: TransitionsOptions) {
    this.#options = options;
  }

  /**
   * Gives up the current view, or the change to it, for a newer one. A replica that is syncing must not lead, and leaves the
   * view after that for which it would.
   */
  toViewChange(view: number): void {
    const { status } = this.#options;
    assert(status.current !== "recovering", "a start has transitions of its own");
    assert(view > this.#options.view.view, () => `view ${view} after ${this.#options.view.view}`);
    this.#enterViewChange(view);
  }

  /**
   * The view starts: as its primary, whose log is whole and executed as far as it is committed, or as one who installed the
   * primary's log.
   */
  toNormal(viewNew: number): void {
    const { status, identity, view, exitViews, joinViews, onNormal, onViewLeft, timeouts } = this.#options;
    assert(status.current === "view_change", () => `view ${viewNew} starts in status ${status.current}`);
    assert(viewNew >= view.view, () => `view ${viewNew} after ${view.view}`);
    assert(view.headersKind === "view", "a view starts with its headers");
    status.transition("normal");
    onNormal();
    timeouts.start("ping", "exitViewMessage", "journalRepair", ...REPAIRS);
    timeouts.stop("exitViewWindow", "viewChangeStatus", "joinViewMessage", "getViewMessage");
    if (identity.primaryOf(viewNew)) this.#lead(viewNew);
    else this.#follow(viewNew);
    onViewLeft();
    exitViews.clear();
    joinViews.clear();
  }

  /** The start found all of the log, in a view that has started: a backup goes on, and a solo replica leads again. */
  recoveringToNormal(): void {
    const { status, identity, view, pipeline, onNormal, timeouts, aofRecovery } = this.#options;
    const { op } = this.#options.log;
    assert(status.current === "recovering", () => `recovered in status ${status.current}`);
    assert(view.view === view.logView, () => `log_view ${view.logView} in view ${view.view}`);
    assert(view.headersKind === "view", "the view has started");
    assert(pipeline.kind === "cache", "nothing is in the pipeline");
    const primary = identity.primaryOf(view.view);
    assert(!primary || identity.solo, "a primary that restarts does not know what it promised");
    status.transition("normal");
    onNormal();
    timeouts.start("ping", "exitViewMessage", "journalRepair", ...REPAIRS);
    if (!primary) return timeouts.start("repairSync");
    timeouts.start("commitMessage", "upgrade");
    // Pulses are in the AOF that is replayed.
    if (!aofRecovery) timeouts.start("pulse");
    pipeline.toQueue(op + 1, op);
  }

  /**
   * The start found a change to `view` under way; or the replica was the primary of the view before it, and does not know what
   * others have of what it prepared.
   */
  recoveringToViewChange(view: number): void {
    const { status } = this.#options;
    assert(status.current === "recovering", () => `recovered in status ${status.current}`);
    this.#enterViewChange(view);
  }

  /** The start found damage where the head may have been. The replica waits for another one to tell. */
  recoveringToRecoveringHead(): void {
    const { status, view, timeouts } = this.#options;
    assert(view.view === view.logView, () => `log_view ${view.logView} in view ${view.view}`);
    assert(this.#options.pipeline.kind === "cache", "nothing is in the pipeline");
    status.transition("recovering_head");
    timeouts.start("ping", ...REPAIRS);
  }

  /** The primary told the head. `viewNew` may be the view in which the replica crashed. */
  recoveringHeadToNormal(viewNew: number): void {
    const { status, identity, view, onNormal, timeouts } = this.#options;
    assert(status.current === "recovering_head", () => `the head is told in status ${status.current}`);
    assert(viewNew >= view.view, () => `view ${viewNew} after ${view.view}`);
    assert(!identity.primaryOf(viewNew), "a replica does not tell itself");
    assert(view.headersKind === "view", "a view starts with its headers");
    status.transition("normal");
    onNormal();
    if (view.logView !== viewNew) view.install(viewNew);
    timeouts.start("ping", "exitViewMessage", "journalRepair", "repairSync", ...REPAIRS);
  }

  #enterViewChange(wanted: number): void {
    const { identity, view, status, pipeline, syncing, exitViews, joinViews, onViewLeft, sendJoinView } = this.#options;
    const target = syncing() && identity.primaryOf(wanted) ? wanted + 1 : wanted;
    assert(!identity.solo, "a solo replica is the primary of every view");
    assert(target > view.logView && target >= view.view, () => `view ${target} after ${view.view}`);
    if (view.logView === view.view) this.#promise();
    this.#assertPromise();
    status.transition("view_change");
    if (target !== view.view) view.join(target);
    if (pipeline.kind === "queue") pipeline.toCache();
    this.#restartTimeouts();
    onViewLeft();
    exitViews.clear();
    joinViews.clear();
    sendJoinView();
  }

  /** The log of the view that is left becomes the promise to the next ones, until the log of one of them is installed. */
  #promise(): void {
    const { view, status, journal, log, pipelinePrepareQueueMax } = this.#options;
    const headers = joinViewHeaders({
      journal,
      op: log.op,
      commitMax: log.commitMax,
      viewHeaders: view.headers,
      primaryRepairing: status.current === "view_change",
      pipelinePrepareQueueMax,
    });
    view.setHeaders("joinView", headers);
  }

  #assertPromise(): void {
    const { view, log } = this.#options;
    const last = view.headers.at(-1);
    assert(view.headersKind === "joinView" && last !== undefined, "a view is joined with a promise");
    assert(last.op <= log.commitMax, () => `the headers end at op ${last.op}, above ${log.commitMax}`);
    assert(
      view.headers.some((header) => !isBlankPrepare(header)),
      "a log has a head",
    );
  }

  #restartTimeouts(): void {
    const { timeouts, identity, view } = this.#options;
    timeouts.start("ping", "exitViewMessage", "viewChangeStatus", "joinViewMessage", ...REPAIRS);
    timeouts.stop("commitMessage", "exitViewWindow", "repairSync", "prepare", "primaryAbdicate", "pulse");
    timeouts.stop("upgrade", "journalRepair");
    if (identity.primaryOf(view.view)) timeouts.stop("getViewMessage");
    else timeouts.start("getViewMessage");
  }

  #lead(viewNew: number): void {
    const { view, log, pipeline, timeouts, aofRecovery } = this.#options;
    assert(view.view === viewNew && view.logView === viewNew, () => `view ${viewNew} starts without its log`);
    assert(log.commitMin === log.commitMax, () => `commit_min ${log.commitMin}, commit_max ${log.commitMax}`);
    assert(pipeline.kind === "queue", "a primary has a queue");
    assert(log.commitMax + pipeline.prepareCount === log.op, () => `${pipeline.prepareCount} prepares are queued`);
    timeouts.start("commitMessage", "upgrade");
    if (!aofRecovery) timeouts.start("pulse");
    if (pipeline.prepareCount > 0) timeouts.start("prepare", "primaryAbdicate");
  }

  #follow(viewNew: number): void {
    const { view, pipeline, timeouts } = this.#options;
    assert(pipeline.kind === "cache", "a backup has a cache");
    timeouts.start("repairSync");
    timeouts.stop("commitMessage");
    if (view.logView !== viewNew || view.view !== viewNew) view.install(viewNew);
  }
}
