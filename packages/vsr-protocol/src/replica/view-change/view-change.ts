/**
 * View changes: the modules that find, choose, repair and spread the log of a new view, joined (spec 03 §18, §19).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Header } from "../../message/frame.ts";
import { ReplicaSet } from "../replica-set.ts";
import { onViewDurable, type DeferredSendsOptions } from "./deferred-sends.ts";
import { ExitView, type ExitViewOptions } from "./exit-view.ts";
import { JoinView, type JoinViewOptions } from "./join-view.ts";
import { jumpView, type ViewJumpsOptions } from "./jump-view.ts";
import { PotentialPrimary, type PotentialPrimaryOptions } from "./potential-primary.ts";
import { Transitions, type TransitionsOptions } from "./transitions.ts";
import { ViewInstaller, type ViewInstallerOptions } from "./view-installer.ts";
import { ViewMessages, type ViewMessagesOptions } from "./view-messages.ts";
import { JoinViewVotes } from "./votes.ts";

/** What the modules of a view change are for one another. */
type Inner = "votes" | "exitViews" | "joinViews" | "sendJoinView" | "transitions" | "joinView" | "viewMessages";

/** What a view change needs of the rest of the replica. */
export type ViewChangeOptions = Omit<
  TransitionsOptions &
    ExitViewOptions &
    JoinViewOptions &
    ViewMessagesOptions &
    ViewInstallerOptions &
    PotentialPrimaryOptions &
    DeferredSendsOptions &
    ViewJumpsOptions,
  Inner
>;

/** Leaves views and enters others. */
export class ViewChange {
  readonly transitions: Transitions;
  readonly exitView: ExitView;
  readonly joinView: JoinView;
  readonly viewMessages: ViewMessages;
  readonly viewInstaller: ViewInstaller;
  readonly potentialPrimary: PotentialPrimary;
  readonly #deferred: DeferredSendsOptions;
  readonly #jumps: ViewJumpsOptions;
  readonly #joinViews = new JoinViewVotes();

  constructor(options: ViewChangeOptions) {
    const exitViews = new ReplicaSet();
    const joinViews = this.#joinViews;
    const viewMessages = new ViewMessages(options);
    const transitions = new Transitions({
      ...options,
      exitViews,
      joinViews,
      sendJoinView: () => this.joinView.send(),
    });
    const inner = { ...options, transitions, viewMessages };
    const joinView = new JoinView({ ...inner, votes: joinViews });
    this.transitions = transitions;
    this.viewMessages = viewMessages;
    this.joinView = joinView;
    this.exitView = new ExitView({ ...inner, votes: exitViews });
    this.viewInstaller = new ViewInstaller(inner);
    this.potentialPrimary = new PotentialPrimary({ ...inner, votes: joinViews });
    this.#deferred = { ...inner, joinView, votes: joinViews };
    this.#jumps = inner;
  }

  /** Whether this replica, as the primary of a view to come, has its quorum of joined views. */
  get joinViewQuorum(): boolean {
    return this.#joinViews.quorum;
  }

  /** What holds between any two handlers: only the primary of a view that has not started counts who joins it (spec 03 §31). */
  assertInvariants(): void {
    const { status, roles } = this.#deferred;
    const counts = status.current === "view_change" && roles.ofPrimary;
    assert(counts || this.#joinViews.empty, () => `votes for a view in status ${status.current}`);
  }

  /** To be called with the header of every message of a replica, before it is handled. */
  jump(header: Pick<Header, "command" | "view" | "replica">): void {
    jumpView(header, this.#jumps);
  }

  /** To be called each time a view was made durable. */
  onViewDurable(): void {
    onViewDurable(this.#deferred);
  }
}
