/**
 * Clients over TCP: sessions that share a pool of messages and a timer.
 */
import { randomBytes } from "node:crypto";

import { Session } from "@stagbeetle/client";
import { MessageBus, SystemTime } from "@stagbeetle/io-linux";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import {
  type Address,
  Checksums,
  type MessageBuffer,
  MessagePool,
  PRODUCTION,
  Random,
  readU128,
  releaseOf,
} from "@stagbeetle/vsr-protocol";

const RELEASE = releaseOf(0, 17, 9);
/** A request, a ping and a message that was received. */
const MESSAGES_PER_CLIENT = 3;
/** A receive buffer and what is queued. */
const MESSAGES_PER_CONNECTION = 3;
const MEMORY_BESIDE_MESSAGES_BYTES = 1 << 20;

/** How to make clients. */
export interface TcpClientsOptions {
  readonly count: number;
  /** Where the replicas listen, on this machine, by index. */
  readonly ports: readonly number[];
  /** How long a tick is in milliseconds. Timeouts are counted in ticks: a shorter one makes a client impatient. */
  readonly tickMs: number;
}

/** An answer to a request. */
export interface Answer {
  /** When the request was executed, by the cluster's clock (ns). */
  readonly timestamp: bigint;
  /** A copy. */
  readonly body: Uint8Array;
}

/** Clients of one cluster. They outlive its servers, and go on with the next ones at the same ports. */
export class TcpClients {
  readonly #clients: readonly TcpClient[];
  readonly #timer: NodeJS.Timeout;

  constructor({ count, ports, tickMs }: TcpClientsOptions) {
    const { messageSizeMax } = PRODUCTION.cluster;
    const messagesMax = count * (MESSAGES_PER_CLIENT + ports.length * MESSAGES_PER_CONNECTION);
    const memory = new LinearMemory({ sizeBytes: messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES });
    const checksums = new Checksums(createKernels({ memory }));
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
    const addresses = ports.map((port): Address => ({ family: 4, host: "127.0.0.1", port }));
    this.#clients = Array.from({ length: count }, () => new TcpClient({ pool, checksums, addresses }));
    this.#timer = setInterval(() => {
      for (const client of this.#clients) client.tick();
    }, tickMs);
  }

  get all(): readonly TcpClient[] {
    return this.#clients;
  }

  /** One of the clients. */
  at(index: number): TcpClient {
    const client = this.#clients[index];
    assert(client !== undefined, () => `client ${index} of ${this.#clients.length}`);
    return client;
  }

  /** Opens all sessions. */
  async register(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.register()));
  }

  /** Ends all connections. Requests under way are never answered. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** What clients share. */
interface Shared {
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly addresses: readonly Address[];
}

/** One client: at most one request at a time. */
export class TcpClient {
  readonly #bus: MessageBus;
  readonly #session: Session;
  #reject: (reason: Error) => void = () => undefined;

  constructor({ pool, checksums, addresses }: Shared) {
    const client = randomU128();
    const random = new Random(BigInt.asUintN(64, client));
    this.#bus = new MessageBus({
      role: { kind: "client" },
      config: PRODUCTION,
      addresses,
      pool,
      checksums,
      receiver: { onMessages: (buffer: MessageBuffer) => this.#session.onMessages(buffer) },
      random,
    });
    this.#session = new Session({
      config: PRODUCTION,
      pool,
      checksums,
      bus: this.#bus,
      time: new SystemTime(),
      random,
      cluster: 0n,
      client,
      replicaCount: addresses.length,
      release: RELEASE,
      onEviction: ({ message }) => this.#reject(new Error(message)),
    });
  }

  /** The most bytes that a request can have. */
  get bodySizeMax(): number {
    return this.#session.batchSizeLimit;
  }

  /** Opens the session. */
  async register(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#session.register(resolve);
    });
  }

  /** Sends a request and waits for its answer, however often it has to be sent. @throws Error if the session is evicted. */
  async request(operation: number, body: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#session.request(operation, body, (reply) =>
        resolve({ timestamp: reply.timestamp, body: reply.body.slice() }),
      );
    });
  }

  /** Lets a tick pass. */
  tick(): void {
    this.#session.tick();
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#session.close();
    await this.#bus.close();
  }
}

function randomU128(): bigint {
  const bytes = randomBytes(16);
  const value = readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return value === 0n ? 1n : value;
}
