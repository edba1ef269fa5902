/**
 * A session with promises.
 */
import { type Reply, Session } from "@stagbeetle/client";
import type { MessageBus } from "@stagbeetle/io-linux";

import type { ClientNetwork, ConnectOptions } from "./client-network.ts";

/** The cluster has ended a session; the message says why, for people. */
export class EvictedError extends Error {
  override readonly name = "EvictedError";
}

/** An answer to a request. */
export interface Answer {
  /** When the request was executed, by the cluster's clock (ns). */
  readonly timestamp: bigint;
  /** A copy. */
  readonly body: Uint8Array;
}

/** Who connects, and to what kind of cluster. */
export interface TcpClientOptions extends ConnectOptions {
  /** Whether the servers are in AOF recovery, where clients choose the timestamps (spec 06 §2.12). */
  readonly aofRecovery?: boolean;
}

/** One client: at most one request at a time. */
export class TcpClient {
  readonly #bus: MessageBus;
  readonly #session: Session;
  /** Ends what is under way. */
  #reject: (reason: Error) => void = () => undefined;
  /** Why there is no session any more. */
  #evicted: EvictedError | null = null;

  constructor(network: ClientNetwork, { aofRecovery = false, ...options }: TcpClientOptions) {
    const { bus, receiver } = network.connect(
      options,
      (parts) => new Session({ ...parts, aofRecovery, onEviction: ({ message }) => this.#onEviction(message) }),
    );
    this.#bus = bus;
    this.#session = receiver;
  }

  /** The most bytes that a request can have; 0 until it is registered. */
  get bodySizeMax(): number {
    return this.#session.batchSizeLimit;
  }

  /** The newest view that the cluster has shown. */
  get view(): number {
    return this.#session.view;
  }

  /** Opens the session. @throws EvictedError */
  async register(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#session.register(resolve);
    });
  }

  /**
   * Sends a request, of which the body is copied, and waits for its answer, however often it has to be sent.
   *
   * @param timestamp of the prepare in nanoseconds, in AOF recovery; 0 otherwise.
   * @throws EvictedError if the session has ended, now or since the last request.
   */
  async request(operation: number, body: Uint8Array, timestamp = 0n): Promise<Answer> {
    const copy = (reply: Reply): Answer => ({ timestamp: reply.timestamp, body: reply.body.slice() });
    return this.requestWith(operation, body, copy, timestamp);
  }

  /**
   * As {@link request}, without a copy of the answer.
   *
   * @param read sees the answer as soon as it is there; its body is good for the call only. What it throws rejects.
   * @returns what `read` returned.
   */
  async requestWith<Result>(
    operation: number,
    body: Uint8Array,
    read: (reply: Reply) => Result,
    timestamp = 0n,
  ): Promise<Result> {
    if (this.#evicted !== null) throw this.#evicted;
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const onReply = (reply: Reply): void => {
        try {
          resolve(read(reply));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#session.request(operation, body, onReply, timestamp);
    });
  }

  /** Lets a tick pass. */
  tick(): void {
    this.#session.tick();
  }

  /** Ends the connections. A request under way is never answered. */
  async close(): Promise<void> {
    this.#session.close();
    await this.#bus.close();
  }

  /** The cluster ends sessions between requests as well, in answer to a ping. */
  #onEviction(message: string): void {
    this.#evicted = new EvictedError(message);
    this.#reject(this.#evicted);
  }
}
