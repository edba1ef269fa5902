/**
 * A client's session with the cluster (spec 01 §10).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  Command,
  type Config,
  EvictionHeader,
  type EvictionReason,
  evictionReasonName,
  formatRelease,
  HEADER_SIZE_BYTES,
  initHeader,
  invalidHeader,
  type Logger,
  type Message,
  type MessageBuffer,
  type MessageBus,
  type MessageBusReceiver,
  type MessagePool,
  Operation,
  PingClientHeader,
  PongClientHeader,
  type Random,
  REGISTER_REQUEST_SIZE_BYTES,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  type Release,
  releaseOf,
  ReplyHeader,
  RequestHeader,
  SILENT_LOGGER,
  type Time,
  Timeout,
  VSR_OPERATIONS_RESERVED,
} from "@stagbeetle/vsr-protocol";

import { RoundTrips } from "./round-trips.ts";

/** Pings tell replicas which connection belongs to the client, and the client which view is current. In ticks: 30 s. */
const PING_TIMEOUT_TICKS = 3000;

/** The first release whose clients say in a ping which session they have; replicas before it ignore such pings. */
const PING_SESSION_RELEASE_MIN: Release = releaseOf(0, 17, 6);

/**
 * `new` → `registering` → `idle` ⇄ `busy`; from anywhere → `evicted` (by the cluster) or `closed` (by the owner), which are
 * the ends.
 */
export type SessionState = "new" | "registering" | "idle" | "busy" | "evicted" | "closed";

/** An answer to a request. The body is a view of the reply's memory: it is good until the callback returns. */
export interface Reply {
  readonly operation: number;
  /** When the operation was executed, by the cluster's clock, in nanoseconds since the Unix epoch. */
  readonly timestamp: bigint;
  readonly body: Uint8Array;
}

/** Gets the answer of one request. */
export type ReplyCallback = (reply: Reply) => void;

/** Writes the body of a request into memory of its message and returns the body's size in bytes. */
export type BodyWriter = (space: Uint8Array) => number;

/** Why the cluster ended the session. */
export interface Eviction {
  readonly reason: EvictionReason;
  /** What the replica that ended it runs. */
  readonly clusterRelease: Release;
  /** One line for people. */
  readonly message: string;
}

/** What a session is made of. */
export interface SessionOptions {
  readonly config: Config;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  /** Reaches every replica; it must be ticked by the session only. */
  readonly bus: MessageBus;
  readonly time: Time;
  /** Chooses second recipients and jitter. */
  readonly random: Random;
  readonly cluster: bigint;
  /** Random, fresh for every session and never stored: u128, neither 0 nor 2^128 − 1. */
  readonly client: bigint;
  /** How many replicas (1 to 6) the bus reaches. */
  readonly replicaCount: number;
  readonly release: Release;
  /** Whether requests carry timestamps of their own, for a server in AOF recovery (spec 06 §2.12). */
  readonly aofRecovery?: boolean;
  readonly onEviction: (eviction: Eviction) => void;
  readonly logger?: Logger;
}

interface InFlight {
  readonly message: Message;
  readonly callback: ReplyCallback;
  readonly sentNs: bigint;
}

/**
 * One client of a cluster: registers once, then has at most one request under way, which it repeats until it is answered.
 *
 * Driven from outside by `tick` (every 10 ms) and by messages; it owns no clock and no socket. A session cannot fail for
 * lack of an answer: who wants a deadline sets one around it.
 */
export class Session implements MessageBusReceiver {
  readonly #options: SessionOptions;
  readonly #logger: Logger;
  readonly #roundTrips: RoundTrips;
  readonly #replicas: readonly number[];
  readonly #requestTimeout: Timeout;
  readonly #pingTimeout: Timeout;
  #state: SessionState = "new";
  #session = 0;
  #requestNumber = 0;
  #parent = 0n;
  #view = 0;
  #batchSizeLimit = 0;
  #previousLatencyMicroseconds = 0;
  #inFlight: InFlight | null = null;

  constructor(options: SessionOptions) {
    const { config, random, client, replicaCount } = options;
    assert(client > 0n && client < (1n << 128n) - 1n, () => `not a client id: ${client}`);
    assert(replicaCount >= 1 && replicaCount <= 6, () => `${replicaCount} replicas`);
    this.#options = options;
    this.#logger = options.logger ?? SILENT_LOGGER;
    this.#roundTrips = new RoundTrips(replicaCount);
    this.#replicas = Array.from({ length: replicaCount }, (_, replica) => replica);
    const requestTicks = config.process.rttTicks * config.process.rttMultiple;
    this.#requestTimeout = new Timeout({ name: "request", afterTicks: requestTicks, random, config });
    this.#pingTimeout = new Timeout({ name: "ping", afterTicks: PING_TIMEOUT_TICKS, random, config });
    this.#pingTimeout.start();
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The session number: the op that registered it. 0 until then. */
  get session(): number {
    return this.#session;
  }

  /** The highest view that the cluster has shown. */
  get view(): number {
    return this.#view;
  }

  /** The most bytes that a request's body may have; 0 until registered. */
  get batchSizeLimit(): number {
    return this.#batchSizeLimit;
  }

  /** Opens the session. The callback runs once, when the cluster has answered. */
  register(callback: () => void): void {
    assert(this.#state === "new", () => `register in state ${this.#state}`);
    this.#state = "registering";
    const message = this.#options.pool.acquire();
    message.buffer.fill(0, HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + REGISTER_REQUEST_SIZE_BYTES);
    const timestamp = this.#options.aofRecovery === true ? 1n : 0n;
    this.#send(message, Operation.register, REGISTER_REQUEST_SIZE_BYTES, timestamp, () => callback());
    this.#ping();
    this.#pingTimeout.reset();
  }

  /**
   * Sends a request. The callback runs once, when the answer is there; the next request may be made from within.
   *
   * @param operation of the state machine (≥ 128), or `noop`.
   * @param body copied; at most `batchSizeLimit` bytes.
   * @param timestamp in AOF recovery only, and never 0 there: the prepare's timestamp.
   */
  request(operation: number, body: Uint8Array, callback: ReplyCallback, timestamp = 0n): void {
    const { batchSizeLimit } = this;
    assert(body.length <= batchSizeLimit, () => `a body of ${body.length} bytes, at most ${batchSizeLimit}`);
    const write: BodyWriter = (space) => {
      space.set(body);
      return body.length;
    };
    this.requestWritten(operation, write, callback, timestamp);
  }

  /** Sends a request whose body is written where it is sent from, into a space of `batchSizeLimit` bytes; else as above. */
  requestWritten(operation: number, write: BodyWriter, callback: ReplyCallback, timestamp = 0n): void {
    assert(this.#state === "idle", () => `a request in state ${this.#state}`);
    assert(
      operation >= VSR_OPERATIONS_RESERVED || operation === Operation.noop,
      () => `operation ${operation} is not a client's`,
    );
    assert((timestamp !== 0n) === (this.#options.aofRecovery === true), () => `a request with timestamp ${timestamp}`);
    this.#state = "busy";
    const message = this.#options.pool.acquire();
    const space = message.buffer.subarray(HEADER_SIZE_BYTES, HEADER_SIZE_BYTES + this.#batchSizeLimit);
    const bodySize = write(space);
    assert(bodySize >= 0 && bodySize <= space.length, () => `${bodySize} bytes written into ${space.length}`);
    this.#send(message, operation, bodySize, timestamp, callback);
  }

  /** Lets 10 ms pass: connects, pings and repeats what was not answered in time. */
  tick(): void {
    this.#options.bus.tick();
    this.#pingTimeout.tick();
    this.#requestTimeout.tick();
    if (this.#pingTimeout.fired) {
      this.#pingTimeout.reset();
      this.#ping();
    }
    if (this.#requestTimeout.fired) {
      assert(this.#inFlight !== null, "the request timeout runs without a request");
      this.#requestTimeout.backoff();
      this.#transmit(this.#inFlight.message);
    }
  }

  /**
   * Pings a replica to which there is a new connection, instead of waiting for the next round of pings: only a ping tells it
   * for sure whose connection it is, so that it can answer requests which reached it through another replica.
   *
   * If it is the primary, as far as is known, it also gets the request that is under way, which the connection before may have
   * lost. What was queued while the connection was being made fills the queue, so that it is not sent twice.
   */
  onConnected(replica: number): void {
    if (this.#state === "new" || this.#ended) return;
    this.#ping([replica]);
    if (this.#inFlight === null || replica !== this.#primary) return;
    this.#options.bus.sendMessageToReplica(replica, this.#inFlight.message);
  }

  onMessages(buffer: MessageBuffer): void {
    for (let header = buffer.next(); header !== null; header = buffer.next()) {
      if (header.cluster !== this.#options.cluster) {
        this.#logger.log("warn", "a message of another cluster: the connection is closed", { cluster: header.cluster });
        buffer.invalidate("header_cluster");
        return;
      }
      const message = buffer.consume();
      this.#onMessage(message);
      message.release();
    }
  }

  #onMessage(message: Message): void {
    if (this.#ended) return;
    const reason = invalidHeader(message.header, this.#options.config);
    if (reason !== null) {
      this.#logger.log("warn", "an invalid message is ignored", { reason });
      return;
    }
    switch (message.header.command) {
      case Command.pongClient:
        this.#onPong(message.as(PongClientHeader));
        return;
      case Command.reply:
        this.#onReply(message);
        return;
      case Command.eviction:
        this.#onEviction(message.as(EvictionHeader));
        return;
      default:
        this.#logger.log("warn", "a message that is not for clients is ignored", { command: message.header.command });
    }
  }

  #onPong(pong: PongClientHeader): void {
    this.#learnView(pong.view);
    // A replica that the address list does not know cannot be told apart from noise.
    if (pong.replica >= this.#options.replicaCount) return;
    const medianNs = this.#roundTrips.learn(pong.replica, pong.pingTimestampMonotonic, this.#options.time.monotonic());
    if (medianNs !== null) this.#requestTimeout.setRttNs(medianNs);
  }

  #onReply(message: Message): void {
    const reply = message.as(ReplyHeader);
    if (reply.client !== this.#options.client || this.#inFlight === null) return;
    const { message: sent, callback, sentNs } = this.#inFlight;
    const request = sent.as(RequestHeader);
    if (
      reply.requestChecksum !== request.checksum ||
      reply.request !== request.request ||
      reply.operation !== request.operation
    ) {
      // Late answers of earlier requests are common; anything else is a broken server, which must not end the client's process.
      if (reply.request >= request.request)
        this.#logger.log("error", "a reply to a request that was not made is ignored", { request: reply.request });
      return;
    }
    if (request.operation === Operation.register && !this.#registered(reply, message.body())) return;
    this.#parent = reply.context;
    this.#learnView(reply.view);
    // A recovery sends the same bytes whenever it is run (spec 06 §2.11), so no measurement is told in it.
    if (this.#options.aofRecovery !== true) {
      this.#previousLatencyMicroseconds = Number((this.#options.time.monotonic() - sentNs) / 1000n);
    }
    this.#requestTimeout.stop();
    this.#inFlight = null;
    this.#state = "idle";
    sent.release();
    callback({ operation: reply.operation, timestamp: reply.timestamp, body: message.body() });
  }

  /** Takes over what the answer to `register` says; false if it cannot be right. */
  #registered(reply: ReplyHeader, body: Uint8Array): boolean {
    assert(body.length === REGISTER_RESULT_SIZE_BYTES, () => `a register reply with a body of ${body.length} bytes`);
    const { batchSizeLimit } = new RegisterResult(body);
    if (batchSizeLimit === 0 || batchSizeLimit > this.#options.config.derived.messageBodySizeMax) {
      this.#logger.log("error", "the cluster offers an impossible batch size limit", { batchSizeLimit });
      return false;
    }
    this.#session = reply.commit;
    this.#batchSizeLimit = batchSizeLimit;
    return true;
  }

  #onEviction(eviction: EvictionHeader): void {
    if (eviction.client !== this.#options.client) return;
    // From a primary that a newer view has deposed without its knowledge.
    if (eviction.view < this.#view) return;
    const name = evictionReasonName(eviction.reason);
    const message = `the cluster (release ${formatRelease(eviction.release)}) ended the session of this client (release ${formatRelease(this.#options.release)}): ${name}`;
    this.#logger.log("error", message);
    this.#end("evicted");
    this.#options.onEviction({
      reason: eviction.reason as EvictionReason,
      clusterRelease: eviction.release,
      message,
    });
  }

  /** Gives up on whatever is under way and returns all messages to the pool. The cluster is not told. May be called more than once. */
  close(): void {
    this.#end("closed");
  }

  get #ended(): boolean {
    return this.#state === "evicted" || this.#state === "closed";
  }

  #end(state: "evicted" | "closed"): void {
    this.#state = state;
    this.#requestTimeout.stop();
    this.#pingTimeout.stop();
    this.#inFlight?.message.release();
    this.#inFlight = null;
  }

  /** Who leads the known view. */
  get #primary(): number {
    return this.#view % this.#options.replicaCount;
  }

  #learnView(view: number): void {
    if (view > this.#view) this.#view = view;
  }

  /** Fills in the header, once: what is sent again later is the same message, byte for byte. */
  #send(message: Message, operation: number, bodySize: number, timestamp: bigint, callback: ReplyCallback): void {
    assert(this.#inFlight === null, "one request at a time");
    const { checksums, cluster, client, release, time } = this.#options;
    const request = message.as(RequestHeader);
    initHeader(request, Command.request, cluster);
    request.size = HEADER_SIZE_BYTES + bodySize;
    request.view = this.#view;
    request.release = release;
    request.parent = this.#parent;
    request.client = client;
    request.session = this.#session;
    request.timestamp = timestamp;
    request.request = this.#requestNumber;
    request.operation = operation;
    request.previousRequestLatency = Math.min(this.#previousLatencyMicroseconds, 0xffff_ffff);
    checksums.setMessage(message);
    this.#requestNumber += 1;
    this.#inFlight = { message, callback, sentNs: time.monotonic() };
    this.#requestTimeout.start();
    this.#transmit(message);
  }

  /** To the primary of the known view, and to one other replica in case the way to the primary is cut. */
  #transmit(message: Message): void {
    const { bus, random, replicaCount } = this.#options;
    const primary = this.#primary;
    bus.sendMessageToReplica(primary, message);
    if (replicaCount === 1) return;
    const other = (primary + 1 + random.index(replicaCount - 1)) % replicaCount;
    bus.sendMessageToReplica(other, message);
  }

  #ping(replicas: readonly number[] = this.#replicas): void {
    const { bus, checksums, cluster, client, pool, release, time } = this.#options;
    const message = pool.acquire();
    const ping = message.as(PingClientHeader);
    initHeader(ping, Command.pingClient, cluster);
    ping.release = release;
    ping.client = client;
    ping.pingTimestampMonotonic = time.monotonic();
    ping.session = release < PING_SESSION_RELEASE_MIN ? 0 : this.#session;
    checksums.setEmptyBody(ping);
    for (const replica of replicas) bus.sendMessageToReplica(replica, message);
    message.release();
  }
}
