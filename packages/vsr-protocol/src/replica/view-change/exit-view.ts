/**
 * Deciding that the view must change: `exit_view` (spec 03 §18.1).
 *
 * A replica that alone takes the primary for dead cannot disturb the others: only a quorum leaves a view.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../../command.ts";
import { ExitViewHeader } from "../../message/exit-view.ts";
import type { Message } from "../../message/message.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Quorums } from "../../quorums.ts";
import type { Timeout } from "../../timeout.ts";
import type { Identity } from "../identity.ts";
import type { MessageBuilder } from "../message-builder.ts";
import type { Outbox } from "../outbox.ts";
import type { ReplicaSet } from "../replica-set.ts";
import type { Status } from "../status.ts";
import type { Timeouts } from "../timeouts.ts";
import type { DurableView } from "../view-durable.ts";
import type { Transitions } from "./transitions.ts";

/** What a view is left with. */
export interface ExitViewOptions {
  readonly identity: Pick<Identity, "replica" | "replicaCount" | "standby" | "solo">;
  readonly status: Pick<Status, "current">;
  readonly view: Pick<DurableView, "view">;
  readonly quorums: () => Pick<Quorums, "viewChange">;
  /** Who wants to leave the current view. Votes for an older one would break the intersection of quorums. */
  readonly votes: ReplicaSet;
  readonly transitions: Pick<Transitions, "toViewChange">;
  readonly timeouts: Pick<Timeouts, "get">;
  readonly messages: Pick<MessageBuilder, "header">;
  readonly outbox: Pick<Outbox, "sendToOtherReplicas" | "sendToSelf" | "flushLoopback">;
  /** Whether a state sync is under way, in any of its stages. */
  readonly syncing: () => boolean;
  readonly logger: Logger;
}

/** Sends and counts who wants to leave the view. */
export class ExitView {
  readonly #options: ExitViewOptions;

  constructor(options: ExitViewOptions) {
    this.#options = options;
  }

  /**
   * Tells all replicas, this one included, that this one wants to leave the view: because its primary seems dead, or because
   * it takes too long to start. Changes the view at once if others wait for this vote only.
   */
  send(): void {
    const { identity, status, view, votes, messages, outbox } = this.#options;
    assert(!identity.standby && !identity.solo, "a view is left by replicas that vote");
    assert(status.current === "normal" || status.current === "view_change", () => `in status ${status.current}`);
    const message = messages.header(ExitViewHeader, Command.exitView, view.view, () => undefined);
    outbox.sendToOtherReplicas(message);
    if (!votes.has(identity.replica)) outbox.sendToSelf(message);
    message.release();
    outbox.flushLoopback();
  }

  /** Counts a replica's wish to leave the view. A newer view was joined before. */
  onExitView(message: Message): void {
    const { identity, view, votes, quorums, transitions, timeouts, logger } = this.#options;
    const { header } = message;
    const because = this.#ignored(message);
    if (because !== null) {
      return logger.log("debug", `on_exit_view: ignoring (${because})`, { replica: header.replica, view: header.view });
    }
    votes.add(header.replica);
    const window = timeouts.get("exitViewWindow");
    if (header.replica !== identity.replica && !window.ticking) window.start();
    const { viewChange } = quorums();
    if (votes.count < viewChange) return;
    assert(votes.count === viewChange, () => `${votes.count} replicas left view ${view.view}, ${viewChange} suffice`);
    logger.log("info", "on_exit_view: quorum received; leaving the view", { view: view.view });
    transitions.toViewChange(view.view + 1);
  }

  /** The primary is alive: this replica, if it has a vote, wants to stay. */
  clearOwn(): void {
    const { identity, votes } = this.#options;
    if (!identity.standby) votes.remove(identity.replica);
  }

  /** `exit_view_window` fired. Votes that came over hours must not add up: only the own one stays. */
  onWindowTimeout(timeout: Timeout): void {
    const { identity, votes } = this.#options;
    timeout.stop();
    if (!identity.standby) votes.keepOnly(identity.replica);
  }

  /** `exit_view_message` fired: says again what this replica still wants. */
  onMessageTimeout(timeout: Timeout): void {
    const { identity, votes } = this.#options;
    timeout.reset();
    if (!identity.standby && votes.has(identity.replica)) this.send();
  }

  /** `view_change_status` fired: the view takes too long to start. */
  onViewChangeStatusTimeout(timeout: Timeout): void {
    const { identity, status } = this.#options;
    assert(status.current === "view_change", () => `in status ${status.current}`);
    timeout.reset();
    if (!identity.standby) this.send();
  }

  #ignored(message: Message): string | null {
    const { identity, status, view, syncing } = this.#options;
    const { header } = message;
    if (identity.standby) return "standby";
    if (header.replica >= identity.replicaCount) return "of a standby";
    if (status.current !== "normal" && status.current !== "view_change") return status.current;
    if (syncing()) return "syncing";
    if (header.view < view.view) return "older view";
    return header.view > view.view ? "newer view" : null;
  }
}
