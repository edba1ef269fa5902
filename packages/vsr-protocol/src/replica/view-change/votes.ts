/**
 * Who has joined the current view (spec 03 §3.3, §18.4).
 *
 * They are forgotten with the view. Counting votes of an older view would break the intersection of quorums.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Message } from "../../message/message.ts";
import { JoinViewHeader } from "../../message/join-view.ts";
import { type JoinViewVote, joinViewVote } from "./join-view-vote.ts";

/** The `join_view` messages that the primary of the view got: one of each replica. It holds a reference of each. */
export class JoinViewVotes {
  readonly #messages = new Map<number, Message>();
  /** Whether they decided which log the view begins with. */
  #quorum = false;

  /** Whether the log of the view was chosen, and installed here. */
  get quorum(): boolean {
    return this.#quorum;
  }

  /** Whether there is none. */
  get empty(): boolean {
    return this.#messages.size === 0;
  }

  /** What the replica sent. */
  of(replica: number): Message | null {
    return this.#messages.get(replica) ?? null;
  }

  /** All votes, in the order of their replicas. */
  all(): JoinViewVote[] {
    return [...this.#messages.values()].map(voteOf).sort((one, other) => one.replica - other.replica);
  }

  /** Keeps a message of its own, in the place of an older one of its replica. */
  put(message: Message): void {
    assert(!this.#quorum, "the votes have decided");
    const { replica, view } = message.header;
    for (const { header } of this.#messages.values()) {
      assert(header.view === view, () => `a vote for view ${view} among those for view ${header.view}`);
    }
    this.#messages.get(replica)?.release();
    this.#messages.set(replica, message.reference());
  }

  /** The votes have decided. */
  decide(): void {
    assert(!this.#quorum && this.#messages.size > 0, "votes decide once");
    this.#quorum = true;
  }

  /** Forgets all. */
  clear(): void {
    for (const message of this.#messages.values()) message.release();
    this.#messages.clear();
    this.#quorum = false;
  }
}

/** What a `join_view` says, as views of its memory. */
export function voteOf(message: Message): JoinViewVote {
  return joinViewVote(message.as(JoinViewHeader), message.body());
}
