/**
 * One call of one caller, from its submission to its outcome.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

import { assertEncoding, type BatchTotals, type OperationEncoding, resultCountMax } from "./operation.ts";

/**
 * Whether what was asked for was executed, as far as the client knows.
 *
 * - `none`: it never left the client, and never will.
 * - `unknown`: it was sent. It was, will be or will never be executed, but never more than once.
 * - `done`: it was executed, and the answer cannot be used.
 */
export type Execution = "none" | "unknown" | "done";

/** Why a call has no result. */
export type CallFailure =
  /** More events, or more results asked for, than fit into a message. */
  | "too_much_data"
  /** The cluster ended the session. */
  | "evicted"
  /** The session was closed, or had ended, before there was an answer. */
  | "closed"
  /** The call's deadline has passed. */
  | "deadline"
  /** The caller gave up. */
  | "cancelled"
  /** The answer does not have the form that the operation's encoding prescribes. */
  | "invalid_reply";

/** How a call ends. */
export type CallOutcome =
  | {
      readonly kind: "reply";
      /** When it was executed, by the cluster's clock, in nanoseconds since the Unix epoch. */
      readonly timestamp: bigint;
      /** The results: a view of the reply's memory, good until the callback returns. */
      readonly body: Uint8Array;
    }
  | { readonly kind: "failure"; readonly failure: CallFailure; readonly execution: Execution };

/** Gets the outcome of a call, exactly once. May make further calls. */
export type CallCallback = (outcome: CallOutcome) => void;

/**
 * - `waiting`: for the session to be registered.
 * - `pending`: in a request that is not sent yet.
 * - `sent`: in the request that is under way.
 * - `done`: its callback has run. If its request is still under way, the answer to this part of it is dropped.
 */
export type CallState = "waiting" | "pending" | "sent" | "done";

const TRANSITIONS: Readonly<Record<CallState, readonly CallState[]>> = {
  waiting: ["pending", "done"],
  pending: ["sent", "done"],
  sent: ["done"],
  done: [],
};

/** What is asked for. Made by `SharedSession.submit`. */
export class Call {
  readonly encoding: OperationEncoding;
  /** The events: not copied, so nobody may change them until the call is done. */
  readonly body: Uint8Array;
  readonly resultCountMax: number;
  readonly #callback: CallCallback;
  #state: CallState = "waiting";

  constructor(encoding: OperationEncoding, body: Uint8Array, callback: CallCallback) {
    assertEncoding(encoding);
    this.encoding = encoding;
    this.body = body;
    this.resultCountMax = resultCountMax(encoding, body);
    this.#callback = callback;
  }

  get state(): CallState {
    return this.#state;
  }

  /** What the call alone adds up to. */
  get totals(): BatchTotals {
    return { batchCount: 1, eventsSizeBytes: this.body.length, resultCountMax: this.resultCountMax };
  }

  /** Goes on to a state that is not the end. */
  advance(state: "pending" | "sent"): void {
    this.#transition(state);
  }

  /** Ends the call with its result. */
  reply(timestamp: bigint, body: Uint8Array): void {
    assert(this.#state === "sent", () => `a reply to a call that is ${this.#state}`);
    this.#transition("done");
    this.#callback({ kind: "reply", timestamp, body });
  }

  /** Ends the call without a result. */
  fail(failure: CallFailure): void {
    const execution = failure === "invalid_reply" ? "done" : this.#state === "sent" ? "unknown" : "none";
    assert(failure !== "invalid_reply" || this.#state === "sent", () => `a reply to a call that is ${this.#state}`);
    this.#transition("done");
    this.#callback({ kind: "failure", failure, execution });
  }

  #transition(state: CallState): void {
    assert(TRANSITIONS[this.#state].includes(state), () => `a call goes from ${this.#state} to ${state}`);
    this.#state = state;
  }
}
