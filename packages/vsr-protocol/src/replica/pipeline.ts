/**
 * The pipeline (spec 03 §13.1, §13.4): of a primary, the prepares that are not executed yet and the requests that wait for
 * their turn; of all others, the prepares that they saw lately.
 *
 * It owns one reference of every message in it. It decides nothing; it keeps order and limits.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Message } from "../message/message.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation } from "../operation.ts";
import { ReplicaSet } from "./replica-set.ts";

/** A prepare on its way: being written, acknowledged, or about to be executed. */
export class QueuedPrepare {
  readonly message: Message;
  readonly op: number;
  readonly checksum: bigint;
  /** The client's id; 0 for the cluster's own. */
  readonly client: bigint;
  readonly operation: number;
  /** Whether enough replicas have it on disk. */
  okQuorumReceived = false;
  readonly #okFrom = new ReplicaSet();

  constructor(message: Message) {
    const header = message.as(PrepareHeader);
    this.message = message;
    this.op = header.op;
    this.checksum = header.checksum;
    this.client = header.client;
    this.operation = header.operation;
  }

  /** How many replicas are known to have it on disk. */
  get okCount(): number {
    return this.#okFrom.count;
  }

  /** Whether the replica is known to have it on disk. */
  okFrom(replica: number): boolean {
    return this.#okFrom.has(replica);
  }

  /** Notes that the replica has it on disk. */
  acknowledge(replica: number): void {
    assert(!this.okFrom(replica), () => `replica ${replica} acknowledges op ${this.op} twice`);
    this.#okFrom.add(replica);
  }
}

/** A request that was admitted while the prepare queue was full. */
export class QueuedRequest {
  readonly message: Message;
  /** The cluster's time when it was admitted, in nanoseconds. */
  readonly realtime: bigint;
  readonly client: bigint;
  readonly operation: number;

  constructor(message: Message, realtime: bigint) {
    const header = message.as(RequestHeader);
    this.message = message;
    this.realtime = realtime;
    this.client = header.client;
    this.operation = header.operation;
  }
}

/** The limits of a pipeline, in messages. */
export interface PipelineLimits {
  /** `pipeline_prepare_queue_max`: the same in the whole cluster. */
  readonly prepareQueueMax: number;
  /** At most `pipeline_request_queue_max`; may differ per replica. */
  readonly requestQueueMax: number;
}

/**
 * What the pipeline is: the `queue` of a primary in status normal, or everyone else's `cache`.
 *
 * - `queue`: consecutive, hash-chained prepares from op `commit_max` + 1 to the head, and the requests behind them.
 * - `cache`: prepares that were seen lately, one in each slot of a ring by op: committed, uncommitted, of any view.
 *   They save reads of the log and let a new primary rebuild the queue.
 */
export type PipelineKind = "queue" | "cache";

/** The newest prepares and requests of a replica. Begins as an empty cache. */
export class Pipeline {
  readonly #limits: PipelineLimits;
  readonly #prepares: QueuedPrepare[] = [];
  readonly #requests: QueuedRequest[] = [];
  /** By op modulo its length. All empty while the pipeline is a queue. */
  readonly #cache: (Message | null)[];
  #kind: PipelineKind = "cache";

  constructor(limits: PipelineLimits) {
    assert(limits.prepareQueueMax > 0, () => `a prepare queue of ${limits.prepareQueueMax}`);
    assert(limits.requestQueueMax >= 0, () => `a request queue of ${limits.requestQueueMax}`);
    this.#limits = limits;
    this.#cache = Array.from({ length: limits.prepareQueueMax + limits.requestQueueMax }, () => null);
  }

  /** Whether it is the queue of a primary, or a cache. */
  get kind(): PipelineKind {
    return this.#kind;
  }

  /** How many prepares the cache has slots for. */
  get cacheCapacity(): number {
    return this.#cache.length;
  }

  /** How many prepares are queued; 0 for a cache. */
  get prepareCount(): number {
    return this.#prepares.length;
  }

  /** How many requests wait behind them. */
  get requestCount(): number {
    return this.#requests.length;
  }

  /** The prepares of the queue, oldest first. */
  get prepares(): readonly QueuedPrepare[] {
    return this.#prepares;
  }

  /** Whether the next request has to wait in the request queue. */
  get prepareQueueFull(): boolean {
    return this.#prepares.length === this.#limits.prepareQueueMax;
  }

  /** Whether both queues are full. */
  get full(): boolean {
    return this.prepareQueueFull && this.#requests.length === this.#limits.requestQueueMax;
  }

  /** How many messages it holds, as a queue or as a cache. */
  get messagesHeld(): number {
    const cached = this.#cache.reduce((count, message) => count + (message === null ? 0 : 1), 0);
    return this.#prepares.length + this.#requests.length + cached;
  }

  /** The oldest prepare: the next one to execute. */
  get head(): QueuedPrepare | null {
    return this.#prepares[0] ?? null;
  }

  /** The oldest prepare that not enough replicas have. */
  get firstWithoutQuorum(): QueuedPrepare | null {
    return this.#prepares.find((prepare) => !prepare.okQuorumReceived) ?? null;
  }

  /** The prepare with exactly this op and header checksum, queued or cached. The reference stays the pipeline's. */
  find(op: number, checksum: bigint): Message | null {
    if (this.#kind === "queue") return this.findQueued(op, checksum)?.message ?? null;
    const message = this.#cache[op % this.#cache.length] ?? null;
    if (message === null) return null;
    const header = message.as(PrepareHeader);
    return header.op === op && header.checksum === checksum ? message : null;
  }

  /** The entry of the queue with exactly this op and header checksum. */
  findQueued(op: number, checksum: bigint): QueuedPrepare | null {
    const head = this.head;
    const found = head === null ? undefined : this.#prepares[op - head.op];
    return found?.checksum === checksum ? found : null;
  }

  /** Puts a prepare into the cache, with a reference of its own, in place of what was in its slot. */
  cache(message: Message): void {
    assert(this.#kind === "cache", "the pipeline is a queue");
    const slot = message.as(PrepareHeader).op % this.#cache.length;
    const evicted = this.#cache[slot] ?? null;
    this.#cache[slot] = message.reference();
    evicted?.release();
  }

  /**
   * The queue becomes the cache. The prepares are kept; who had them is forgotten, because a replica may replace a
   * prepare when the view changes. The requests are dropped: their clients try again.
   */
  toCache(): void {
    assert(this.#kind === "queue", "the pipeline is a cache already");
    assert(
      this.#cache.every((message) => message === null),
      "the cache of a queue is empty",
    );
    this.#kind = "cache";
    for (const { message } of this.#requests.splice(0)) message.release();
    for (const { message } of this.#prepares.splice(0)) {
      this.cache(message);
      message.release();
    }
  }

  /**
   * The cache becomes the queue, with the prepares of ops `opMin` to `opMax`, which all must be in the cache; none if
   * `opMax` is below `opMin`. Nobody has acknowledged them yet in this view. All others are dropped.
   */
  toQueue(opMin: number, opMax: number): void {
    assert(this.#kind === "cache", "the pipeline is a queue already");
    assert(opMax - opMin < this.#limits.prepareQueueMax, () => `a queue of ops ${opMin} to ${opMax}`);
    this.#kind = "queue";
    for (let op = opMin; op <= opMax; op += 1) this.pushPrepare(this.#takeCached(op));
    for (const [slot, message] of this.#cache.entries()) {
      this.#cache[slot] = null;
      message?.release();
    }
  }

  #takeCached(op: number): Message {
    const slot = op % this.#cache.length;
    const message = this.#cache[slot] ?? null;
    assert(message?.as(PrepareHeader).op === op, () => `op ${op} is not in the cache`);
    this.#cache[slot] = null;
    return message;
  }

  /** The newest message of a client: a request that waits, else a prepare. Client 0 is the cluster itself. */
  newestOfClient(client: bigint): QueuedRequest | QueuedPrepare | null {
    return (
      this.#requests.findLast((request) => request.client === client) ??
      this.#prepares.findLast((prepare) => prepare.client === client) ??
      null
    );
  }

  /** Whether a message with this operation is in either queue. */
  containsOperation(operation: number): boolean {
    const matches = (entry: QueuedRequest | QueuedPrepare): boolean => entry.operation === operation;
    return this.#prepares.some(matches) || this.#requests.some(matches);
  }

  /** Appends the prepare of the new head. Takes over the caller's reference. */
  pushPrepare(message: Message): QueuedPrepare {
    assert(this.#kind === "queue", "the pipeline is a cache");
    assert(!this.prepareQueueFull, "the prepare queue is full");
    const entry = new QueuedPrepare(message);
    const last = this.#prepares.at(-1);
    if (last !== undefined) {
      assert(last.op + 1 === entry.op, () => `op ${entry.op} is prepared after op ${last.op}`);
      assert(
        message.as(PrepareHeader).parent === last.checksum,
        () => `op ${entry.op} is not chained to the op before it`,
      );
      const upgrading = last.operation === Operation.upgrade;
      assert(!upgrading || entry.operation === Operation.upgrade, () => `op ${entry.op} follows an upgrade`);
    }
    this.#prepares.push(entry);
    return entry;
  }

  /** Takes out the head, which was executed. The caller gets the queue's reference. */
  popPrepare(): QueuedPrepare {
    const entry = this.#prepares.shift();
    assert(entry !== undefined, "the prepare queue is empty");
    assert(entry.okQuorumReceived, () => `op ${entry.op} leaves the queue without a quorum`);
    return entry;
  }

  /** Lets a request wait. Takes over the caller's reference. */
  pushRequest(message: Message, realtime: bigint): void {
    assert(
      this.prepareQueueFull && !this.full,
      () => `${this.prepareCount} prepares and ${this.requestCount} requests`,
    );
    const entry = new QueuedRequest(message, realtime);
    const alone = this.#requests.every((request) => request.client !== entry.client);
    assert(alone, () => `client ${entry.client} has a request in the queue already`);
    this.#requests.push(entry);
  }

  /** Takes out the oldest request. The caller gets the queue's reference. */
  popRequest(): QueuedRequest | null {
    return this.#requests.shift() ?? null;
  }
}
