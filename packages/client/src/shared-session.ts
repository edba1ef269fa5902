/**
 * One session, many callers (spec 01 §11): calls are merged into requests, sent one request after the other, and every call
 * ends exactly once.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type MessageBuffer, MultiBatchDecoder, MultiBatchEncoder } from "@stagbeetle/vsr-protocol";

import { Call, type CallCallback } from "./call.ts";
import { Deadlines } from "./deadlines.ts";
import { MergedRequest } from "./merged-request.ts";
import { batchesFit, type BodyLimits, type OperationEncoding } from "./operation.ts";
import { type Eviction, Session, type SessionOptions } from "./session.ts";

/**
 * `new` → `registering` → `idle` ⇄ `busy`; from anywhere → `evicted` (by the cluster) or `closed` (by the owner), which are
 * the ends.
 */
export type SharedSessionState = "new" | "registering" | "idle" | "busy" | "evicted" | "closed";

/** Further wishes of a caller. */
export interface SubmitOptions {
  /** The call fails with the tick of this number from now (at least 1) unless it has ended before; null: it may take for ever. */
  readonly deadlineTicks?: number | null;
}

/**
 * What the official clients' common core does, driven from outside by `tick` and by messages.
 *
 * While a request is under way, further calls of the same operation wait together and become one request; the limits are the
 * sizes of messages and what the session's register reply allows. A call that has left waits for its answer, whatever its
 * caller does: the session cannot take a request back, so a deadline or a cancellation then only ends the waiting.
 */
export class SharedSession {
  readonly #session: Session;
  readonly #onEviction: (eviction: Eviction) => void;
  readonly #messageBodySizeMax: number;
  readonly #encoder = new MultiBatchEncoder();
  readonly #decoder = new MultiBatchDecoder();
  readonly #deadlines = new Deadlines<Call>();
  /** Calls that were made before the session was registered, which says what fits. */
  readonly #waiting = new Set<Call>();
  /** Requests in the order in which they will be sent. */
  readonly #pending = new Set<MergedRequest>();
  /** Where each call is that was put into a request and has not ended. */
  readonly #requestOf = new Map<Call, MergedRequest>();
  #sent: MergedRequest | null = null;
  #end: "evicted" | "closed" | null = null;
  #ticksUnanswered = 0;

  constructor(options: SessionOptions) {
    this.#onEviction = options.onEviction;
    this.#messageBodySizeMax = options.config.derived.messageBodySizeMax;
    this.#session = new Session({ ...options, onEviction: (eviction) => this.#evicted(eviction) });
  }

  get state(): SharedSessionState {
    return this.#end ?? this.#session.state;
  }

  /** The session number: the op that registered it. 0 until then. */
  get session(): number {
    return this.#session.session;
  }

  /** The highest view that the cluster has shown. */
  get view(): number {
    return this.#session.view;
  }

  /** For how many ticks the cluster has been silent about what it was sent last: the registration, or a request. */
  get ticksUnanswered(): number {
    return this.#ticksUnanswered;
  }

  /** How many calls have not ended; those that have, and whose request is under way, do not count. */
  get callsOpen(): number {
    return this.#waiting.size + this.#requestOf.size;
  }

  /** Opens the session. The callback runs once, when it is registered; calls may be made before. */
  register(callback: () => void): void {
    assert(this.#end === null, () => `register in state ${this.state}`);
    this.#session.register(() => {
      this.#ticksUnanswered = 0;
      this.#takeWaiting();
      callback();
    });
  }

  /**
   * Asks for something. The callback gets the outcome, once, and possibly before this returns.
   *
   * @param body whole events, which nobody may change until the call ends.
   * @returns the call, to be cancelled with.
   */
  submit(encoding: OperationEncoding, body: Uint8Array, callback: CallCallback, options: SubmitOptions = {}): Call {
    const { deadlineTicks = null } = options;
    const call: Call = new Call(encoding, body, (outcome) => {
      this.#deadlines.remove(call);
      this.#requestOf.delete(call);
      callback(outcome);
    });
    if (this.#end !== null) call.fail("closed");
    else if (this.#registered) this.#enqueue(call);
    else this.#waiting.add(call);
    if (deadlineTicks !== null && call.state !== "done") this.#deadlines.add(call, deadlineTicks);
    return call;
  }

  /** Ends a call that nobody waits for any more. One that has not been sent never will be. */
  cancel(call: Call): void {
    this.#abandon(call, "cancelled");
  }

  /**
   * Lets 10 ms pass for the network, and `elapsedTicks` for deadlines: a process that was kept from running makes up for it
   * in the deadlines of its callers, and in nothing else. 0 if ticks come faster than they should.
   */
  tick(elapsedTicks = 1): void {
    if (elapsedTicks > 0) for (const call of this.#deadlines.advance(elapsedTicks)) this.#abandon(call, "deadline");
    if (this.#end !== null) return;
    if (this.#session.state === "registering" || this.#session.state === "busy") this.#ticksUnanswered += 1;
    this.#session.tick();
  }

  /** Takes what the bus received. */
  onMessages(buffer: MessageBuffer): void {
    this.#session.onMessages(buffer);
  }

  /** There is a new connection to a replica. */
  onConnected(replica: number): void {
    this.#session.onConnected(replica);
  }

  /** Ends all calls and gives back all messages. The cluster is not told. May be called more than once, and after an eviction. */
  close(): void {
    if (this.#end === "closed") return;
    this.#end = "closed";
    this.#failAll("closed");
    this.#session.close();
  }

  get #registered(): boolean {
    return this.#session.state === "idle" || this.#session.state === "busy";
  }

  get #limits(): BodyLimits {
    return { batchSizeLimit: this.#session.batchSizeLimit, messageBodySizeMax: this.#messageBodySizeMax };
  }

  #takeWaiting(): void {
    for (const call of this.#waiting) {
      // A callback may have ended the session, or the call.
      if (!this.#waiting.delete(call)) continue;
      this.#enqueue(call);
    }
  }

  #enqueue(call: Call): void {
    assert(this.#registered, () => `a call is enqueued in state ${this.state}`);
    if (!batchesFit(call.encoding, call.totals, this.#limits)) {
      call.fail("too_much_data");
      return;
    }
    call.advance("pending");
    const request = this.#merge(call) ?? new MergedRequest(call);
    this.#pending.add(request);
    this.#requestOf.set(call, request);
    if (this.#session.state === "idle") this.#sendNext();
  }

  /** Adds the call to the first request that takes it, so that it is answered as early as possible; null if none does. */
  #merge(call: Call): MergedRequest | null {
    if (!call.encoding.multiBatch) return null;
    for (const request of this.#pending) {
      if (request.add(call, this.#limits)) return request;
    }
    return null;
  }

  #sendNext(): void {
    const [request] = this.#pending;
    if (request === undefined) return;
    this.#pending.delete(request);
    assert(this.#sent === null && this.#session.state === "idle", () => `a request in state ${this.state}`);
    for (const call of request.calls) call.advance("sent");
    this.#sent = request;
    this.#ticksUnanswered = 0;
    this.#session.requestWritten(
      request.encoding.operation,
      (space) => request.write(space, this.#encoder),
      (reply) => {
        assert(this.#sent === request, "the answer to a request that is not under way");
        this.#sent = null;
        this.#ticksUnanswered = 0;
        // The cluster works while the callers do.
        this.#sendNext();
        request.answer(reply, this.#decoder);
      },
    );
  }

  #abandon(call: Call, failure: "cancelled" | "deadline"): void {
    // Callers may give up on what has ended in the meantime.
    if (call.state === "done") return;
    if (call.state === "waiting") this.#waiting.delete(call);
    if (call.state === "pending") this.#removePending(call);
    call.fail(failure);
  }

  #removePending(call: Call): void {
    const request = this.#requestOf.get(call);
    assert(request !== undefined, "a pending call without a request");
    if (!request.remove(call)) this.#pending.delete(request);
  }

  #evicted(eviction: Eviction): void {
    this.#end = "evicted";
    this.#onEviction(eviction);
    this.#failAll("evicted");
  }

  /** In the order in which the calls were made, as far as they are sent in that order. */
  #failAll(failure: "evicted" | "closed"): void {
    const requests = this.#sent === null ? [...this.#pending] : [this.#sent, ...this.#pending];
    this.#pending.clear();
    this.#sent = null;
    for (const request of requests) request.fail(failure);
    for (const call of this.#waiting) {
      if (this.#waiting.delete(call)) call.fail(failure);
    }
    assert(this.#waiting.size === 0 && this.#pending.size === 0, "a call came in after the end");
  }
}
