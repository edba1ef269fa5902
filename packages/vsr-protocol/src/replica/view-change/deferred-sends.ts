/**
 * What could not be sent while the view was not durable (spec 03 §10.3).
 *
 * @module
 */
import type { Roles } from "../roles.ts";
import type { Status } from "../status.ts";
import type { Timeouts } from "../timeouts.ts";
import type { DurableView } from "../view-durable.ts";
import type { JoinView } from "./join-view.ts";
import type { ViewMessages } from "./view-messages.ts";
import type { JoinViewVotes } from "./votes.ts";

/** What is sent late. */
export interface DeferredSendsOptions {
  readonly status: Pick<Status, "current">;
  readonly roles: Pick<Roles, "primary" | "backup" | "ofPrimary">;
  readonly view: Pick<DurableView, "view" | "logView" | "headersKind">;
  readonly votes: Pick<JoinViewVotes, "quorum">;
  readonly timeouts: Pick<Timeouts, "get">;
  readonly joinView: Pick<JoinView, "send">;
  readonly viewMessages: Pick<ViewMessages, "broadcast">;
  /** Sends a `prepare_ok` for every op above `commit_max`. */
  readonly sendPrepareOks: () => void;
}

/** To be called each time a view was made durable, after a newer one was begun. */
export function onViewDurable(options: DeferredSendsOptions): void {
  const { status, roles, view, votes, timeouts, joinView, viewMessages, sendPrepareOks } = options;
  // The disk may have taken the time that was meant for the view change.
  const viewChangeStatus = timeouts.get("viewChangeStatus");
  if (viewChangeStatus.ticking) viewChangeStatus.reset();
  if (roles.primary) return viewMessages.broadcast();
  if (roles.backup) return sendPrepareOks();
  if (status.current !== "view_change") return;
  if (view.logView < view.view) {
    if (!votes.quorum) joinView.send();
  } else if (roles.ofPrimary && view.headersKind === "view") {
    viewMessages.broadcast();
  }
}
