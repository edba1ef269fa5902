/**
 * From the log that a quorum chose to a view that has started: the work of a primary to be (spec 03 §18.8, §18.9).
 *
 * ```text
 *   headers chained ─▶ view announced ─▶ prepares there ─▶ committed ones executed ─▶ pipeline filled ─▶ normal
 * ```
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Message } from "../../message/message.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import type { Journal } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import type { CommitStage } from "../commit.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Status } from "../status.ts";
import type { DurableView } from "../view-durable.ts";
import type { Transitions } from "./transitions.ts";
import type { ViewMessages } from "./view-messages.ts";
import type { JoinViewVotes } from "./votes.ts";

/** What a view is started with. */
export interface PotentialPrimaryOptions {
  readonly identity: Pick<Identity, "primaryOf">;
  readonly status: Pick<Status, "current">;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opRepairMin">;
  readonly journal: Journal;
  readonly pipeline: Pick<Pipeline, "kind" | "find" | "cache" | "toQueue">;
  readonly votes: Pick<JoinViewVotes, "quorum">;
  readonly transitions: Pick<Transitions, "toNormal">;
  readonly viewMessages: Pick<ViewMessages, "broadcast" | "headers">;
  /** What the commit loop does. */
  readonly commitStage: () => CommitStage;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /** Sends a `prepare_ok` for every op above `commit_max`. */
  readonly sendPrepareOks: () => void;
  readonly logger: Logger;
}

/** Starts the view whose log was chosen here, as soon as that log is whole. */
export class PotentialPrimary {
  readonly #options: PotentialPrimaryOptions;
  /** Whether a prepare is read for the pipeline: `pipeline_repairing`. */
  #reading = false;

  constructor(options: PotentialPrimaryOptions) {
    this.#options = options;
  }

  /** To be called at the end of every repair. Does nothing unless this replica is about to lead the view. */
  work(): void {
    if (!this.#leading || !this.#headersComplete()) return;
    // Backups can install the log and repair it at the same time.
    this.#options.viewMessages.broadcast();
    this.#advance();
  }

  /** Whether the log of the view was chosen here, and the view has not started. */
  get #leading(): boolean {
    const { status, votes } = this.#options;
    return status.current === "view_change" && votes.quorum;
  }

  /** Goes as far as the log allows. */
  #advance(): void {
    const { log, commitStage } = this.#options;
    if (!this.#leading || !this.#headersComplete()) return;
    this.#persist();
    if (!this.#preparesComplete()) return;
    if (log.commitMin !== log.commitMax) return;
    // An op of an earlier reign may still be in flight.
    if (commitStage() !== "idle") return;
    this.#fillPipeline();
  }

  #headersComplete(): boolean {
    const { log, journal } = this.#options;
    if (journal.headerWithOp(log.op) === null) return false;
    return journal.findLatestHeadersBreakBetween(this.#opRepairMin, log.op) === null;
  }

  #preparesComplete(): boolean {
    const { log, journal } = this.#options;
    for (let op = this.#opRepairMin; op <= log.op; op += 1) {
      if (journal.hasDirty(op)) return false;
    }
    return true;
  }

  get #opRepairMin(): number {
    const { log, window } = this.#options;
    return window.opRepairMin(log.op, log.commitMax);
  }

  /** The log has the headers of a view now, so that its log view may be stored. */
  #persist(): void {
    const { view, viewMessages } = this.#options;
    if (view.headersKind === "joinView" || view.logViewPending) view.setHeaders("view", viewMessages.headers());
    if (view.logViewPending) view.persist();
  }

  /** Every uncommitted prepare has to be at hand. Those that are not are read, one at a time. */
  #fillPipeline(): void {
    const { log, journal, pipeline } = this.#options;
    assert(pipeline.kind === "cache", "the view has not started");
    if (this.#reading) return;
    for (let op = log.commitMax + 1; op <= log.op; op += 1) {
      const header = journal.headerWithOp(op);
      assert(header !== null, () => `op ${op} is not in the log`);
      if (pipeline.find(op, header.checksum) !== null) continue;
      this.#reading = true;
      journal.readPrepare(op, header.checksum, "repair", (message) => this.#onRead(message));
      return;
    }
    this.#start();
  }

  /** Much may have changed while it was read: only a prepare that is still wanted is kept. */
  #onRead(message: Message | null): void {
    const { pipeline } = this.#options;
    this.#reading = false;
    // Damage is found by reading; the next repair fetches the prepare.
    if (message === null) return;
    if (this.#wanted(message)) pipeline.cache(message);
    message.release();
    this.#advance();
  }

  #wanted(message: Message): boolean {
    const { log, journal } = this.#options;
    const header = message.as(PrepareHeader);
    return this.#leading && header.op > log.commitMax && header.op <= log.op && journal.hasHeader(header);
  }

  /** Prepares of older views keep their headers: they are never prepared again. */
  #start(): void {
    const { identity, view, log, pipeline, transitions, syncing, sendPrepareOks, logger } = this.#options;
    assert(!syncing() && identity.primaryOf(view.view), () => `view ${view.view} is not for this replica to start`);
    assert(view.logView === view.view, () => `log_view ${view.logView} in view ${view.view}`);
    assert(!this.#reading, "the pipeline is filled");
    pipeline.toQueue(log.commitMax + 1, log.op);
    transitions.toNormal(view.view);
    logger.log("info", "the view starts; this replica is its primary", { view: view.view, op: log.op });
    sendPrepareOks();
  }
}
