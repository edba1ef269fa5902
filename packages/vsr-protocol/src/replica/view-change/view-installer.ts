/**
 * Following the primary of a view: taking over the log that its `view` message tells of (spec 03 §19.4, §19.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { checkpointAfter, prepareMax } from "../../checkpoint.ts";
import type { Config } from "../../config/config.ts";
import type { Message } from "../../message/message.ts";
import type { PrepareHeader } from "../../message/prepare.ts";
import { ViewHeader } from "../../message/view.ts";
import type { Journal } from "../../ports/journal.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ViewChangeSlice } from "../../view-headers.ts";
import type { CheckpointWindow } from "../checkpoint-window.ts";
import type { Identity } from "../identity.ts";
import type { LogPosition } from "../log-position.ts";
import type { Status } from "../status.ts";
import type { DurableView } from "../view-durable.ts";
import type { LogHeaders } from "./join-view.ts";
import { installHead } from "./log-head.ts";
import type { Transitions } from "./transitions.ts";
import { headersOfView, viewMessageInvalid } from "./view-message.ts";

/** What a view is followed with. */
export interface ViewInstallerOptions {
  readonly config: Config;
  /** The nonce of this process's own `get_view` messages. */
  readonly nonce: bigint;
  readonly identity: Pick<Identity, "replica" | "replicaCount">;
  readonly status: Pick<Status, "current">;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: Pick<CheckpointWindow, "opCheckpoint" | "opPrepareMax" | "opPrepareMaxSync">;
  readonly journal: Pick<Journal, "removeEntriesFrom">;
  readonly transitions: Pick<Transitions, "toViewChange" | "toNormal" | "recoveringHeadToNormal">;
  readonly journalRepair: LogHeaders;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  /**
   * Decides whether the log's missing ops are gone, so that the checkpoint in the message has to be taken over (spec 03
   * §21.1). If true the message is dealt with: a sync was started, or has to wait for a later message.
   */
  readonly takeForSync: (message: Message) => boolean;
  /** Whether a state sync has a checkpoint to install together with the log. */
  readonly updatingCheckpoint: () => boolean;
  /** Counts everything up to that checkpoint as executed. */
  readonly installCheckpoint: () => void;
  /** Sends a `prepare_ok` for every op above `commit_max`. */
  readonly sendPrepareOks: () => void;
  /** Executes what is committed, as far as it is here. */
  readonly commit: () => void;
  readonly logger: Logger;
}

/** Takes over logs. */
export class ViewInstaller {
  readonly #options: ViewInstallerOptions;

  constructor(options: ViewInstallerOptions) {
    this.#options = options;
  }

  /** The primary of a view tells its log: the view has started, or is about to. */
  onView(message: Message): void {
    const { config, identity, status, view, window, transitions, takeForSync, logger } = this.#options;
    const header = message.as(ViewHeader);
    const because = this.#ignored(header);
    if (because !== null) {
      return logger.log("debug", `on_view: ignoring (${because})`, { replica: header.replica, view: header.view });
    }
    const invalid = viewMessageInvalid(config, header, message.body(), identity.replicaCount);
    if (invalid !== null) {
      return logger.log("error", `on_view: dropped: ${invalid}`, { replica: header.replica, view: header.view });
    }
    if (status.current === "recovering_head") view.follow(header.view);
    else if (view.view < header.view) transitions.toViewChange(header.view);
    assert(view.view === header.view, () => `view ${view.view}, not ${header.view}`);
    if (takeForSync(message)) return;
    const unfit = this.#unfit(message, window.opPrepareMaxSync);
    if (unfit === null) return this.installLog(message);
    logger.log("error", `on_view: dropped: ${unfit}`, { replica: header.replica, view: header.view });
  }

  /** Whether the log of a valid `view` could be installed together with the checkpoint in it; a line in the log if not. */
  fitsSync(message: Message): boolean {
    const { config, logger } = this.#options;
    const { replica, view, checkpointOp } = message.as(ViewHeader);
    const opMax = prepareMax(config, checkpointAfter(config, checkpointOp));
    assert(opMax !== null, "every checkpoint but that of op 0 has a last op");
    const unfit = this.#unfit(message, opMax);
    if (unfit !== null) logger.log("error", `on_view: not synced: ${unfit}`, { replica, view });
    return unfit === null;
  }

  /**
   * Replaces the log by that of a `view` message, of the view that this replica is in: `set_journal`. A state sync calls it,
   * too, when it has a checkpoint to install with the log.
   */
  installLog(message: Message): void {
    const { view, status, syncing, journalRepair } = this.#options;
    const header = message.as(ViewHeader);
    const headers = headersOfView(message.body());
    assert(header.view === view.view, () => `the log of view ${header.view} in view ${view.view}`);
    this.#installHead(headers, header.commitMax);
    this.#installHeaders(headers);
    // Those that do not fit the log yet tell how far it goes.
    view.setHeaders("view", headers);
    this.#enterNormal(header.view);
    if (!syncing()) journalRepair.repair();
    assert(status.current === "normal" && view.logView === header.view, () => `view ${header.view} is not followed`);
  }

  #ignored(header: ViewHeader): string | null {
    const { identity, status, view, log, window, nonce } = this.#options;
    if (header.view < view.view) return "older view";
    if (header.replica === identity.replica) return "misdirected";
    if (header.commitMax < window.opCheckpoint) return "older checkpoint";
    if (status.current === "recovering") return "recovering";
    if (status.current === "recovering_head") {
      // A message from before the crash could make this replica forget an op that it acknowledged.
      const fresh = header.view > view.view || header.op >= window.opPrepareMax || header.nonce === nonce;
      if (!fresh) return "recovering_head, nonce mismatch";
    }
    return header.view === view.logView && header.op < log.op ? "older log" : null;
  }

  /**
   * Why the log in the message cannot take the place of this replica's, or null.
   *
   * @param opMax the highest op that the log of this replica has place for then.
   */
  #unfit(message: Message, opMax: number): string | null {
    return this.#headUnfit(message, opMax) ?? this.#foreign(message, opMax);
  }

  #headUnfit(message: Message, opMax: number): string | null {
    const { config, view, log, window } = this.#options;
    const { commitMax } = message.as(ViewHeader);
    const head = this.#newHead(headersOfView(message.body()), opMax);
    if (head === null) return view.logView === view.view ? null : "no header fits into the log";
    if (head.op >= Math.min(log.op, window.opPrepareMax)) return null;
    if (head.op < Math.max(commitMax, log.commitMax))
      return `op ${log.commitMax} is committed, and the log has ${head.op}`;
    const truncated = log.op - head.op;
    return truncated > config.cluster.pipelinePrepareQueueMax ? `${truncated} ops would be truncated` : null;
  }

  /** Why one of the headers that would enter the log cannot be of it, or null. */
  #foreign(message: Message, opMax: number): string | null {
    const { journalRepair } = this.#options;
    const fitting = headersOfView(message.body()).filter(({ op }) => op <= opMax);
    const reasons = fitting.map((header) => journalRepair.foreign(header));
    return reasons.find((reason) => reason !== null) ?? null;
  }

  /** The newest header up to `opMax`, which fits into this replica's log, unless that goes further already. */
  #newHead(headers: ViewChangeSlice, opMax: number): PrepareHeader | null {
    const { view, log } = this.#options;
    const changed = view.logView < view.view;
    return headers.find(({ op }) => op <= opMax && (changed || op >= log.op)) ?? null;
  }

  /** The head becomes the newest op of the view's log that fits into this replica's. */
  #installHead(headers: ViewChangeSlice, commitMax: number): void {
    const { config, view, log, window, journal, updatingCheckpoint, installCheckpoint } = this.#options;
    const head = this.#newHead(headers, window.opPrepareMaxSync);
    if (head === null) {
      assert(view.logView === view.view, "no header of the new log fits");
      return log.learnCommitMax(commitMax);
    }
    // Ops beyond what fits were never acknowledged.
    const { pipelinePrepareQueueMax } = config.cluster;
    installHead(head.op, commitMax, { pipelinePrepareQueueMax, log, window, journal });
    if (updatingCheckpoint()) installCheckpoint();
  }

  #installHeaders(headers: ViewChangeSlice): void {
    const { window, journalRepair } = this.#options;
    for (const header of headers) {
      if (header.op <= window.opPrepareMaxSync) journalRepair.replaceHeader(header);
    }
  }

  #enterNormal(viewNew: number): void {
    const { status, view, transitions, updatingCheckpoint, sendPrepareOks, commit } = this.#options;
    switch (status.current) {
      case "view_change":
        transitions.toNormal(viewNew);
        sendPrepareOks();
        return commit();
      case "recovering_head":
        transitions.recoveringHeadToNormal(viewNew);
        if (updatingCheckpoint()) view.persist();
        return commit();
      case "normal":
        if (updatingCheckpoint()) view.persist();
        return;
      case "recovering":
        assert(false, "a log is installed before the own one is recovered");
    }
  }
}
