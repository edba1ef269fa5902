/**
 * The clients of the benchmark: sessions over TCP that share a pool of messages.
 */
import { createLogger } from "@stagbeetle/command-line";
import { randomBytes } from "node:crypto";

import { Session } from "@stagbeetle/client";
import type { Reply } from "@stagbeetle/client";
import { EventLoop, MessageBus, SystemTime } from "@stagbeetle/io-linux";
import { assert, createKernels, LinearMemory } from "@stagbeetle/kernels";
import { Checksums, MessagePool, PRODUCTION, Random, readU128 } from "@stagbeetle/vsr-protocol";
import type { Address, MessageBuffer } from "@stagbeetle/vsr-protocol";

import { RELEASE } from "../release.ts";
import { BenchmarkError } from "./benchmark-error.ts";

/** A request, a ping, a receive buffer and a message that was received for each replica, and two that are queued. */
const MESSAGES_BESIDE_RECEIVED = 4;
const MESSAGES_PER_REPLICA = 2;
const MEMORY_BESIDE_MESSAGES_BYTES = 2 ** 20;
/** Benchmarks are for clusters with this id only (spec 06 §7.1). */
const CLUSTER = 0n;

/** All clients, until `close`. */
export class Clients {
  readonly all: readonly BenchmarkClient[];
  readonly #loop: EventLoop;

  constructor(count: number, addresses: readonly Address[]) {
    assert(count >= 1, "a benchmark without clients");
    const { messageSizeMax } = PRODUCTION.cluster;
    const messagesMax = count * (MESSAGES_BESIDE_RECEIVED + MESSAGES_PER_REPLICA * addresses.length);
    const memory = new LinearMemory({ sizeBytes: messagesMax * messageSizeMax + MEMORY_BESIDE_MESSAGES_BYTES });
    const checksums = new Checksums(createKernels({ memory }));
    const pool = new MessagePool({ memory, messageSizeMax, messagesMax });
    this.all = Array.from({ length: count }, () => new BenchmarkClient({ pool, checksums, addresses }));
    this.#loop = new EventLoop({ tickMs: PRODUCTION.process.tickMs, ticking: this.all });
    this.#loop.start();
  }

  /** The most bytes that a request can have, once all are registered. */
  get bodySizeMax(): number {
    return Math.min(...this.all.map(({ bodySizeMax }) => bodySizeMax));
  }

  /** Opens all sessions. @throws BenchmarkError if the server refuses one. */
  async register(): Promise<void> {
    await Promise.all(this.all.map((client) => client.register()));
  }

  /** Ends all connections. What is under way is never answered. */
  async close(): Promise<void> {
    this.#loop.stop();
    await Promise.all(this.all.map((client) => client.close()));
  }
}

interface Shared {
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly addresses: readonly Address[];
}

/** One client: at most one request at a time. */
export class BenchmarkClient {
  readonly #bus: MessageBus;
  readonly #session: Session;
  /** Ends what is under way. */
  #reject: (reason: Error) => void = () => undefined;

  constructor({ pool, checksums, addresses }: Shared) {
    const client = randomClient();
    const random = new Random(BigInt.asUintN(64, client));
    const common = { config: PRODUCTION, pool, checksums, random, logger: createLogger("client") };
    this.#bus = new MessageBus({
      ...common,
      role: { kind: "client" },
      addresses,
      receiver: { onMessages: (buffer: MessageBuffer) => this.#session.onMessages(buffer) },
    });
    this.#session = new Session({
      ...common,
      bus: this.#bus,
      time: new SystemTime(),
      cluster: CLUSTER,
      client,
      replicaCount: addresses.length,
      release: RELEASE,
      onEviction: ({ message }) => this.#reject(new BenchmarkError(message)),
    });
  }

  /** The most bytes that a request can have, once it is registered. */
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

  /**
   * Sends a request, of which the body is copied, and waits for its answer.
   *
   * @param onReply sees the answer, whose body is good for the call only. What it throws rejects.
   */
  async request(operation: number, body: Uint8Array, onReply: (reply: Reply) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#session.request(operation, body, (reply) => {
        try {
          onReply(reply);
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
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

function randomClient(): bigint {
  const bytes = randomBytes(16);
  const client = readU128(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  return client === 0n ? 1n : client;
}
