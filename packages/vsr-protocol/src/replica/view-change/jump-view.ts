/**
 * What a message of a newer view makes a replica do, whatever else it says (spec 03 §9.4).
 *
 * @module
 */
import { Command } from "../../command.ts";
import type { Header } from "../../message/frame.ts";
import type { Identity } from "../identity.ts";
import type { ReplicaStatus, Status } from "../status.ts";
import type { DurableView } from "../view-durable.ts";
import type { Transitions } from "./transitions.ts";
import type { ViewMessages } from "./view-messages.ts";

/**
 * - `none`: nothing.
 * - `view_change`: join the view.
 * - `get_view`: ask its primary for the log. A newer view is never entered in status normal without that.
 */
export type ViewJump = "none" | "view_change" | "get_view";

/** The replica that the message comes to. */
export interface ViewJumper {
  readonly status: ReplicaStatus;
  readonly view: number;
  readonly replicaCount: number;
  /** Whether the node follows without a vote. */
  readonly standby: boolean;
  /** Whether the replica is the primary of a view. */
  readonly primaryOf: (view: number) => boolean;
}

/** What the commands say of their view: that it has started, or that someone is in it. All others say nothing. */
const SAYS: ReadonlyMap<number, "started" | "joined"> = new Map([
  [Command.prepare, "started"],
  [Command.commit, "started"],
  [Command.joinView, "joined"],
  [Command.exitView, "joined"],
  [Command.ping, "joined"],
  [Command.pong, "joined"],
]);

/** What to do about the view of a message, before it is handled. */
export function viewJump(
  header: Pick<Header, "command" | "view" | "replica">,
  { status, view, replicaCount, standby, primaryOf }: ViewJumper,
): ViewJump {
  const says = SAYS.get(header.command);
  if (says === undefined || header.view < view || header.replica >= replicaCount) return "none";
  const started = says === "started" || status === "recovering_head";
  // A replica that was cut off must not drag a standby into a view that never starts.
  if (standby && !started) return "none";
  switch (status) {
    case "recovering":
      return "none";
    case "normal":
      if (header.view === view) return "none";
      break;
    case "view_change":
      // A view of which messages tell that it has started was missed, even if it is the one to be started here.
      if (header.view === view && !started) return "none";
      break;
    case "recovering_head":
  }
  if (!started) return "view_change";
  // A replica cannot get a log from itself.
  return primaryOf(header.view) ? "none" : "get_view";
}

/** What views are jumped to with. */
export interface ViewJumpsOptions {
  readonly identity: Pick<Identity, "replicaCount" | "standby" | "primaryOf">;
  readonly status: Pick<Status, "current">;
  readonly view: Pick<DurableView, "view">;
  readonly transitions: Pick<Transitions, "toViewChange">;
  readonly viewMessages: Pick<ViewMessages, "requestView">;
}

/** To be called with the header of every message of another replica, before it is handled. */
export function jumpView(header: Pick<Header, "command" | "view" | "replica">, options: ViewJumpsOptions): void {
  const { identity, status, view, transitions, viewMessages } = options;
  const { replicaCount, standby } = identity;
  const primaryOf = (of: number): boolean => identity.primaryOf(of);
  switch (viewJump(header, { status: status.current, view: view.view, replicaCount, standby, primaryOf })) {
    case "none":
      return;
    case "view_change":
      return transitions.toViewChange(header.view);
    case "get_view":
      // No state changes, and there is no limit: one question for each such message.
      return viewMessages.requestView(header.view);
  }
}
