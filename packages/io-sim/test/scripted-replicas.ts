/**
 * Three replicas as a client sees them, without what makes them agree: one log that all of them share. Each can be silent, and
 * learns late who is primary. What clients rely on is there: sessions, stored replies, forwarding by backups, replies by them.
 *
 * @module
 */
import { assert, LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  type Config,
  HEADER_SIZE_BYTES,
  initHeader,
  type Message,
  type MessageBuffer,
  MessagePool,
  Operation,
  PingClientHeader,
  PongClientHeader,
  type Random,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  ReplyHeader,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

import { SIMULATED_RELEASE } from "../src/cluster/cluster.ts";
import type { SimulatedMessageBus } from "../src/network/message-bus.ts";
import type { SimulatedNetwork } from "../src/network/network.ts";

export const REPLICA_COUNT = 3;
const MESSAGES_MAX = 96;
const MEMORY_BESIDE_MESSAGES_BYTES = 1 << 20;

interface Session {
  readonly number: number;
  request: number;
  requestChecksum: bigint;
  context: bigint;
  /** Header and body, without view and checksums. */
  reply: Uint8Array;
}

interface Replica {
  readonly index: number;
  readonly pool: MessagePool;
  readonly bus: SimulatedMessageBus;
  /** The view that it knows of; at most that of the cluster. */
  view: number;
  /** Ticks until it reacts to anything again. */
  silentTicks: number;
}

/** The replicas. Their state machine answers with what it was asked. */
export class ScriptedReplicas {
  /** How often each body was executed, by its text. */
  readonly executions: Map<string, number> = new Map();
  /** Replies that were sent by somebody else than the primary. */
  repliesOfBackups = 0;
  readonly #config: Config;
  readonly #cluster: bigint;
  readonly #random: Random;
  readonly #checksums = new Checksums();
  readonly #sessions = new Map<bigint, Session>();
  readonly #replicas: readonly Replica[];
  #view = 1;
  #op = 1;

  constructor(config: Config, cluster: bigint, random: Random, network: SimulatedNetwork) {
    this.#config = config;
    this.#cluster = cluster;
    this.#random = random;
    this.#replicas = Array.from({ length: REPLICA_COUNT }, (_, index) => this.#start(index, network));
  }

  /** The view of the cluster. */
  get view(): number {
    return this.#view;
  }

  /** Lets 10 ms pass: whoever is not silent may hear of the view; a silent primary is replaced some time later. */
  tick(): void {
    for (const replica of this.#replicas) {
      if (replica.silentTicks > 0) replica.silentTicks -= 1;
      else if (this.#random.chance(1, 8)) replica.view = this.#view;
    }
    if (this.#replica(this.#view % REPLICA_COUNT).silentTicks > 0 && this.#random.chance(1, 40)) this.changeView();
  }

  /** Another replica becomes the primary. Only it knows at first. */
  changeView(): void {
    do this.#view += 1;
    while (this.#replica(this.#view % REPLICA_COUNT).silentTicks > 0);
    this.#replica(this.#view % REPLICA_COUNT).view = this.#view;
  }

  /** One replica does not react for a while: it is cut off, or slow. The others go on, so there is always a majority. */
  silence(ticks: number): void {
    if (this.#replicas.some(({ silentTicks }) => silentTicks > 0)) return;
    this.#replica(this.#random.index(REPLICA_COUNT)).silentTicks = ticks;
  }

  #start(index: number, network: SimulatedNetwork): Replica {
    const { messageSizeMax } = this.#config.cluster;
    const sizeBytes = MESSAGES_MAX * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES;
    const memory = new LinearMemory({ sizeBytes, shared: false });
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax: MESSAGES_MAX });
    const receiver = { onMessages: (buffer: MessageBuffer) => this.#onMessages(index, buffer) };
    return { index, pool, bus: network.addReplica(index, { pool, receiver }), view: 1, silentTicks: 0 };
  }

  #onMessages(index: number, buffer: MessageBuffer): void {
    const replica = this.#replica(index);
    while (buffer.next() !== null) {
      const message = buffer.consume();
      if (replica.silentTicks === 0) this.#onMessage(replica, message);
      message.release();
    }
  }

  #onMessage(replica: Replica, message: Message): void {
    if (message.header.command === Command.pingClient) this.#pong(replica, message.as(PingClientHeader));
    if (message.header.command !== Command.request) return;
    const request = message.as(RequestHeader);
    // A client that knows a newer primary must not be answered by an older one.
    if (request.view > replica.view) return;
    const session = this.#sessions.get(request.client);
    if (session !== undefined && session.requestChecksum === request.checksum) {
      this.#reply(replica, session);
    } else if (replica.view % REPLICA_COUNT !== replica.index) {
      replica.bus.sendMessageToReplica(replica.view % REPLICA_COUNT, message);
    } else if (replica.view === this.#view && this.#isNext(request, session)) {
      this.#execute(replica, message);
    }
  }

  #isNext(request: RequestHeader, session: Session | undefined): boolean {
    if (session === undefined) return request.operation === Operation.register;
    const { number, request: last, context } = session;
    return request.session === number && request.request === last + 1 && request.parent === context;
  }

  #execute(replica: Replica, message: Message): void {
    const request = message.as(RequestHeader);
    this.#op += 1;
    const registration = request.operation === Operation.register;
    const body = registration ? this.#registerResult() : message.body().slice();
    if (!registration) {
      const text = new TextDecoder().decode(body);
      this.executions.set(text, (this.executions.get(text) ?? 0) + 1);
    }
    const context = this.#random.u128();
    const session: Session = {
      number: this.#sessions.get(request.client)?.number ?? this.#op,
      request: request.request,
      requestChecksum: request.checksum,
      context,
      reply: this.#replyBytes(request, body, context),
    };
    this.#sessions.set(request.client, session);
    this.#reply(replica, session);
    const backup = this.#replica((replica.index + 1 + this.#random.index(REPLICA_COUNT - 1)) % REPLICA_COUNT);
    if (backup.silentTicks === 0) this.#reply(backup, session);
  }

  #registerResult(): Uint8Array {
    const body = new Uint8Array(REGISTER_RESULT_SIZE_BYTES);
    new RegisterResult(body).batchSizeLimit = this.#config.derived.messageBodySizeMax;
    return body;
  }

  #replyBytes(request: RequestHeader, body: Uint8Array, context: bigint): Uint8Array {
    const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
    bytes.set(body, HEADER_SIZE_BYTES);
    const reply = new ReplyHeader(bytes);
    initHeader(reply, Command.reply, this.#cluster);
    reply.size = bytes.length;
    reply.release = request.release;
    reply.requestChecksum = request.checksum;
    reply.context = context;
    reply.client = request.client;
    reply.op = this.#op;
    reply.commit = this.#op;
    reply.timestamp = BigInt(this.#op);
    reply.request = request.request;
    reply.operation = request.operation;
    this.#checksums.setBody(reply, body);
    return bytes;
  }

  /** As whoever sends it: with the view that it knows. */
  #reply(replica: Replica, { reply }: Session): void {
    const message = replica.pool.acquire();
    message.buffer.set(reply);
    const header = message.as(ReplyHeader);
    header.view = replica.view;
    header.replica = replica.index;
    this.#checksums.set(header);
    if (replica.view % REPLICA_COUNT !== replica.index) this.repliesOfBackups += 1;
    replica.bus.sendMessageToClient(header.client, message);
    message.release();
  }

  #pong(replica: Replica, ping: PingClientHeader): void {
    const message = replica.pool.acquire();
    const pong = message.as(PongClientHeader);
    initHeader(pong, Command.pongClient, this.#cluster);
    pong.view = replica.view;
    pong.release = SIMULATED_RELEASE;
    pong.replica = replica.index;
    pong.pingTimestampMonotonic = ping.pingTimestampMonotonic;
    this.#checksums.setEmptyBody(pong);
    replica.bus.sendMessageToClient(ping.client, message);
    message.release();
  }

  #replica(index: number): Replica {
    const replica = this.#replicas[index];
    assert(replica !== undefined, () => `replica ${index} of ${REPLICA_COUNT}`);
    return replica;
  }
}
