/**
 * A session with any state machine: promises around the session, driven by a timer.
 */
import {
  type Call,
  type CallOutcome,
  type Execution,
  type Finding,
  type OperationCodec,
  TooMuchDataError,
} from "@stagbeetle/client";

import { checkArgs, checkDeadline, type ClientOptions } from "./client-args.ts";
import type { ClientInitArgs } from "./client-init-args.ts";
import { type ClientState, type ClientStatus, eventKey } from "./client-state.ts";
import { createNetwork, type Network, TICK_MS } from "./network.ts";
import { errorCodeOf, RequestError } from "./request-error.ts";
import { monotonicMs } from "./system-time.ts";

/** Wishes for one request. */
export interface RequestOptions {
  /**
   * After so many milliseconds the request rejects with `ERR_DEADLINE_EXCEEDED`: never earlier, and at most a tick of 10 ms
   * later, as far as the event loop runs. The error says why there was no answer, and whether the request had been sent. One
   * that was sent cannot be taken back: its `execution` is `unknown`, and the session goes on asking for the answer, which it
   * needs before the next request can go.
   */
  deadline_ms?: number;
  /** When it is aborted, the request rejects with `ERR_ABORTED`, and as for a deadline, what was sent may be executed. */
  signal?: AbortSignal;
}

/** Listens to changes of a client's state. */
export type StateListener = (state: ClientState) => void;

interface Waiter {
  readonly deadlineTick: number;
  readonly resolve: () => void;
  readonly reject: (error: RequestError) => void;
}

/**
 * One session with a cluster, shared by any number of concurrent requests. It connects by itself, again and again, and keeps
 * the process alive until it is destroyed. Nothing that happens to it ends the process: every request is settled, once.
 *
 * @example
 * ```ts
 * await using session = new ClusterSession({ cluster_id: 0n, replica_addresses: [3000] });
 * const answer = await session.request(echo, "hello", { deadline_ms: 1000 });
 * ```
 */
export class ClusterSession {
  readonly #options: ClientOptions;
  readonly #network: Network;
  readonly #startMs = monotonicMs();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #listeners = new Set<StateListener>();
  readonly #waiters = new Set<Waiter>();
  #ticks = 0;
  #eventKey = "";
  /** Why the session ended, if its owner did not end it. */
  #endError: unknown = undefined;
  #connectionsClosed: Promise<void> | null = null;

  /** Begins to connect. @throws Error for arguments that make no sense. */
  constructor(args: ClientInitArgs) {
    this.#options = checkArgs(args);
    this.#network = createNetwork(this.#options, {
      onEviction: () => this.#onEviction(),
      onBroken: (error) => queueMicrotask(() => this.#break(error)),
    });
    const { bus, session } = this.#network;
    // Makes connections to queue the registration on, instead of losing it and repeating it after its timeout.
    bus.tick();
    session.register(() => this.#onRegistered());
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** What the client is doing, and if it waits for the cluster, why. */
  get state(): ClientState {
    const { session, diagnosis } = this.#network;
    return {
      status: this.#status,
      finding: this.#finding,
      replicas: diagnosis.replicas,
      requests_open: session.callsOpen,
      session: session.session === 0 ? null : session.session,
    };
  }

  /**
   * Calls `listener` whenever the status, the finding's code or a connection has changed, at most once a tick. What it throws
   * is not caught.
   *
   * @returns what ends that.
   */
  on(event: "state", listener: StateListener): () => void {
    if (event !== "state") throw new TypeError(`there is no event '${String(event)}'`);
    this.#listeners.add(listener);
    return () => this.off(event, listener);
  }

  /** Ends what {@link on} began. */
  off(_event: "state", listener: StateListener): void {
    this.#listeners.delete(listener);
  }

  /** Resolves once the session is registered, for those who want to know before the first request. @throws RequestError */
  async ready(options: RequestOptions = {}): Promise<void> {
    const deadlineTicks = this.#deadlineTicks(options);
    if (this.#status === "ready") return;
    if (this.#status !== "connecting") throw this.#error("closed", "none");
    const { signal } = options;
    if (signal?.aborted === true) throw this.#aborted(signal, "none");
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => end(() => reject(this.#aborted(signal, "none")));
      const end = (settle: () => void): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const waiter: Waiter = {
        deadlineTick: deadlineTicks === null ? Number.POSITIVE_INFINITY : this.#ticks + deadlineTicks,
        resolve: () => end(resolve),
        reject: (error) => end(() => reject(error)),
      };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /**
   * Asks the state machine for something. Requests of one session are executed one after the other; those of the same
   * operation that wait at the same time may travel, and be executed, together.
   *
   * @throws RequestError, or what the codec says about the input.
   */
  async request<Input, Output>(
    codec: OperationCodec<Input, Output>,
    input: Input,
    options: RequestOptions = {},
  ): Promise<Output> {
    const { session } = this.#network;
    if (session.state === "closed") throw this.#error("closed", "none");
    const body = encode(codec, input);
    const deadlineTicks = this.#deadlineTicks(options);
    const { signal } = options;
    if (signal?.aborted === true) throw this.#aborted(signal, "none");
    return new Promise<Output>((resolve, reject) => {
      const onAbort = (): void => session.cancel(call);
      const onOutcome = (outcome: CallOutcome): void => {
        signal?.removeEventListener("abort", onAbort);
        if (outcome.kind === "reply") settle(codec, outcome, resolve, reject);
        else if (outcome.failure === "cancelled") reject(this.#aborted(signal, outcome.execution));
        else reject(this.#error(outcome.failure, outcome.execution));
      };
      const call: Call = session.submit(codec.encoding, body, onOutcome, { deadlineTicks });
      // Not before there is a call to cancel: what a signal's listener throws ends the process.
      if (call.state !== "done") signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Ends the session: every open request rejects with `ERR_CLIENT_CLOSED`, and so does every later one. May be repeated. */
  destroy(): void {
    const { session } = this.#network;
    if (session.state === "closed") return;
    this.#disconnect();
    session.close();
    this.#rejectWaiters("closed");
    this.#emit();
    this.#listeners.clear();
  }

  /** As {@link destroy}; done when all connections are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
    await this.#connectionsClosed;
  }

  get #finding(): Finding | null {
    const { session, diagnosis } = this.#network;
    return session.state === "closed" ? null : diagnosis.finding(session.ticksUnanswered);
  }

  get #status(): ClientStatus {
    const { state } = this.#network.session;
    switch (state) {
      case "new":
      case "registering":
        return "connecting";
      case "idle":
      case "busy":
        return "ready";
      case "evicted":
      case "closed":
        return state;
    }
  }

  #tick(): void {
    // Late ticks do not hurry the network, but deadlines are promises in milliseconds.
    const elapsedTicks = Math.floor((monotonicMs() - this.#startMs) / TICK_MS) - this.#ticks;
    this.#ticks += elapsedTicks;
    const { session, diagnosis } = this.#network;
    diagnosis.tick();
    try {
      session.tick(elapsedTicks);
    } catch (error) {
      this.#break(error);
      return;
    }
    // An evicted session has nothing to say any more, and does not keep the process alive.
    if (session.state === "evicted") this.#disconnect();
    for (const waiter of this.#waiters) {
      if (this.#ticks >= waiter.deadlineTick) waiter.reject(this.#error("deadline", "none"));
    }
    this.#emit();
  }

  #disconnect(): void {
    clearInterval(this.#timer);
    this.#connectionsClosed ??= this.#network.bus.close();
  }

  #onRegistered(): void {
    for (const { resolve } of this.#waiters) resolve();
  }

  #onEviction(): void {
    this.#endError = this.#error("evicted", "none");
    this.#rejectWaiters("evicted");
  }

  /** Ends the session after a broken invariant, which its requests name as the cause. */
  #break(error: unknown): void {
    if (this.#network.session.state === "closed") return;
    this.#endError = error;
    try {
      this.destroy();
    } catch {
      // All requests have been rejected; what is broken need not be closed in order.
    }
  }

  #rejectWaiters(failure: "closed" | "evicted"): void {
    for (const { reject } of this.#waiters) reject(this.#error(failure, "none"));
  }

  #emit(): void {
    if (this.#listeners.size === 0) return;
    const { state } = this;
    const key = eventKey(state);
    if (key === this.#eventKey) return;
    this.#eventKey = key;
    for (const listener of this.#listeners) listener(state);
  }

  /** How many ticks from now the deadline passes, so that it is never early. @throws TypeError */
  #deadlineTicks({ deadline_ms: own }: RequestOptions): number | null {
    const deadlineMs = own === undefined ? this.#options.deadlineMs : checkDeadline(own);
    if (deadlineMs === null) return null;
    const tick = Math.ceil((monotonicMs() - this.#startMs + deadlineMs) / TICK_MS);
    return Math.max(1, tick - this.#ticks);
  }

  #error(
    failure: "too_much_data" | "evicted" | "closed" | "deadline" | "invalid_reply",
    execution: Execution,
  ): RequestError {
    const explained = failure === "evicted" || failure === "deadline" ? this.#finding : null;
    return new RequestError(errorCodeOf(failure, explained), {
      execution,
      finding: explained,
      cause: failure === "closed" ? this.#endError : undefined,
    });
  }

  #aborted(signal: AbortSignal | undefined, execution: Execution): RequestError {
    return new RequestError("ERR_ABORTED", { execution, finding: this.#finding, cause: signal?.reason as unknown });
  }
}

type ReplyOutcome = Extract<CallOutcome, { kind: "reply" }>;

/** A codec that cannot read a reply must not take the other requests of its message with it. */
function settle<Input, Output>(
  codec: OperationCodec<Input, Output>,
  { body, timestamp }: ReplyOutcome,
  resolve: (output: Output) => void,
  reject: (error: RequestError) => void,
): void {
  try {
    resolve(codec.decode(body, timestamp));
  } catch (cause) {
    reject(new RequestError("ERR_INVALID_REPLY", { execution: "done", cause }));
  }
}

function encode<Input, Output>(codec: OperationCodec<Input, Output>, input: Input): Uint8Array {
  try {
    return codec.encode(input);
  } catch (error) {
    if (error instanceof TooMuchDataError) throw new RequestError("ERR_TOO_MUCH_DATA", { cause: error });
    throw error;
  }
}
