/**
 * Sending the requests of a log to a new cluster, one after the other (spec 06 §2.11).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Release } from "@stagbeetle/vsr-protocol";
import type { AOFEntry } from "./entry.ts";
import type { AOFFault, Iterator } from "./iterator.ts";
import { replayable } from "./replayable.ts";

/** What a client's session has for a replay; `Session` of `@stagbeetle/client` has it. */
export interface ReplaySession {
  /** The op that registered the session. */
  readonly session: number;
  /** The most bytes that a request's body may have. */
  readonly batchSizeLimit: number;
  register(callback: () => void): void;
  /** The body is copied before it returns. */
  request(operation: number, body: Uint8Array, callback: () => void, timestamp: bigint): void;
}

/** What is sent next. It was not sent before, or nobody knows what became of it. */
export interface ReplayMessage {
  readonly kind: "register" | "request";
  readonly release: Release;
  /** The entry that it is sent for, and where that is in the file, in bytes. */
  readonly op: number;
  readonly offset: number;
}

/** How a replay ended. */
export type ReplayResult =
  | { readonly outcome: "done" }
  /** The file is no chain of entries at this place, in bytes. */
  | { readonly outcome: "damaged"; readonly fault: AOFFault; readonly offset: number }
  /** The cluster takes only requests that are smaller than this one's body. Sizes in bytes. */
  | { readonly outcome: "too_large"; readonly op: number; readonly sizeBytes: number; readonly sizeMaxBytes: number }
  /** `onAnswer` did not want to go on. */
  | { readonly outcome: "stopped" };

/** How to replay. */
export interface AOFReplayClientOptions {
  /** At the first entry that is to be sent. */
  readonly iterator: Iterator;
  /**
   * Makes the session of a release, which is not registered yet. There is one for each release that a client of the old cluster
   * had, because the release of a session cannot change.
   */
  readonly openSession: (release: Release) => ReplaySession;
  /** Told before each message. What is remembered here is enough to go on after an interruption. */
  readonly onSend?: (message: ReplayMessage) => void;
  /** Told after each answer. Returns false to stop. */
  readonly onAnswer?: (message: ReplayMessage, session: ReplaySession) => boolean;
}

/** `new` → `registering` ⇄ `requesting` → `ended`. */
export type ReplayState = "new" | "registering" | "requesting" | "ended";

/** Replays a log, with one message under way at a time. */
export class AOFReplayClient {
  readonly #options: AOFReplayClientOptions;
  readonly #sessions = new Map<Release, ReplaySession>();
  #state: ReplayState = "new";
  #requests = 0;
  #skipped = 0;
  #callback: ((result: ReplayResult) => void) | null = null;

  constructor(options: AOFReplayClientOptions) {
    this.#options = options;
  }

  get state(): ReplayState {
    return this.#state;
  }

  /** How many requests were answered. */
  get requests(): number {
    return this.#requests;
  }

  /** How many entries were passed over, because a replay does not send them. */
  get skipped(): number {
    return this.#skipped;
  }

  /** How far it is, in bytes of the file. */
  get offset(): number {
    return this.#options.iterator.offset;
  }

  /**
   * Sends everything that is to be sent. The callback runs once, from within if there is nothing.
   *
   * @param release of the session that is registered first, even if nothing is sent; null for that of the first entry.
   */
  replay(callback: (result: ReplayResult) => void, release: Release | null = null): void {
    assert(this.#state === "new", () => `a replay that is ${this.#state}`);
    this.#callback = callback;
    this.#state = "requesting";
    if (release === null) this.#next();
    else this.#register({ kind: "register", release, op: 0, offset: this.offset }, () => this.#next());
  }

  #next(): void {
    const { iterator } = this.#options;
    for (let step = iterator.next(); step.kind !== "end"; step = iterator.next()) {
      if (step.kind === "fault") {
        this.#end({ outcome: "damaged", fault: step.fault, offset: step.offset });
        return;
      }
      if (replayable(step.entry.header.operation)) {
        this.#send(step.entry, step.offset);
        return;
      }
      this.#skipped += 1;
    }
    this.#end({ outcome: "done" });
  }

  #send(entry: AOFEntry, offset: number): void {
    const { release, op } = entry.header;
    const session = this.#sessions.get(release);
    if (session === undefined) {
      // The entry does not outlive the step: it is read again.
      this.#options.iterator.moveTo(offset);
      this.#register({ kind: "register", release, op, offset }, () => this.#next());
      return;
    }
    this.#request({ kind: "request", release, op, offset }, entry, session);
  }

  #register(message: ReplayMessage, callback: () => void): void {
    assert(!this.#sessions.has(message.release), () => `release ${message.release} is registered twice`);
    const session = this.#options.openSession(message.release);
    this.#state = "registering";
    this.#options.onSend?.(message);
    session.register(() => {
      this.#state = "requesting";
      this.#sessions.set(message.release, session);
      if (this.#answered(message, session)) callback();
    });
  }

  #request(message: ReplayMessage, { body, header }: AOFEntry, session: ReplaySession): void {
    const { batchSizeLimit: sizeMaxBytes } = session;
    if (body.length > sizeMaxBytes) {
      this.#end({ outcome: "too_large", op: header.op, sizeBytes: body.length, sizeMaxBytes });
      return;
    }
    this.#options.onSend?.(message);
    session.request(header.operation, body, () => this.#replayCallback(message, session), header.timestamp);
  }

  #replayCallback(message: ReplayMessage, session: ReplaySession): void {
    assert(this.#state === "requesting", () => `an answer while ${this.#state}`);
    this.#requests += 1;
    if (this.#answered(message, session)) this.#next();
  }

  /** False if this was the last one. */
  #answered(message: ReplayMessage, session: ReplaySession): boolean {
    if (this.#options.onAnswer?.(message, session) !== false) return true;
    this.#end({ outcome: "stopped" });
    return false;
  }

  #end(result: ReplayResult): void {
    const callback = this.#callback;
    assert(callback !== null && this.#state !== "ended", "a replay ends once");
    this.#state = "ended";
    this.#callback = null;
    callback(result);
  }
}
