/**
 * A replica of one on a real port that does what a test says: answers, is silent, evicts, or sends whatever bytes.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

import { buildMessage, evictionOf, registerResult, replyTo } from "@stagbeetle/client/testing";
import { LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  type EvictionReason,
  type Message,
  MessageBuffer,
  MessagePool,
  Operation,
  PingClientHeader,
  PongClientHeader,
  PRODUCTION,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

const BATCH_SIZE_LIMIT = 32_512;
const MESSAGES_MAX = 24;

const checksums = new Checksums();
const { messageSizeMax } = PRODUCTION.cluster;
const memory = new LinearMemory({ sizeBytes: (MESSAGES_MAX + 1) * messageSizeMax, shared: false });
const pool = new MessagePool({ memory, messageSizeMax, messagesMax: MESSAGES_MAX });

/** What becomes of a request: a reply with this body, an eviction, or silence. */
export type Reaction = Uint8Array | { readonly evict: EvictionReason } | null;

/** Answers a request with what it asked for. */
export const echo = (body: Uint8Array): Reaction => body.slice();

/** The replica. */
export class FakeReplica {
  onRequest: (body: Uint8Array, operation: number) => Reaction = echo;
  /** Sent to whoever connects, before anything else. */
  greeting: Uint8Array | null = null;
  /** Whether clients can register. */
  registers = true;
  readonly #cluster: bigint;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #port = 0;

  constructor(cluster = 0n) {
    this.#cluster = cluster;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens, on the same port as the last time. */
  async start(): Promise<this> {
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
    return this;
  }

  /** Ends all connections and listens no more. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const buffer = new MessageBuffer(pool, checksums);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      buffer.close();
    });
    socket.on("data", (chunk: Uint8Array) => {
      for (let rest = chunk; rest.length > 0 && buffer.invalid === null && !socket.destroyed;) {
        rest = rest.subarray(buffer.receive(rest));
        while (buffer.invalid === null && buffer.next() !== null) {
          const message = buffer.consume();
          this.#onMessage(socket, message);
          message.release();
        }
      }
    });
    if (this.greeting !== null) socket.write(this.greeting);
  }

  #onMessage(socket: Socket, message: Message): void {
    // As every replica does with whoever belongs elsewhere.
    if (message.header.cluster !== this.#cluster) socket.destroy();
    else if (message.header.command === Command.pingClient) socket.write(this.#pong(message.as(PingClientHeader)));
    else if (message.header.command === Command.request) this.#request(socket, message);
  }

  #request(socket: Socket, message: Message): void {
    const request = message.as(RequestHeader);
    const registration = request.operation === Operation.register;
    const reaction = registration ? this.#registration() : this.onRequest(message.body(), request.operation);
    if (reaction === null) return;
    socket.write(
      reaction instanceof Uint8Array
        ? replyTo(request, reaction)
        : evictionOf(request.client, this.#cluster, reaction.evict),
    );
  }

  #registration(): Reaction {
    return this.registers ? registerResult(BATCH_SIZE_LIMIT) : null;
  }

  #pong(ping: PingClientHeader): Uint8Array {
    return buildMessage(PongClientHeader, Command.pongClient, this.#cluster, new Uint8Array(0), (pong) => {
      pong.view = 1;
      pong.pingTimestampMonotonic = ping.pingTimestampMonotonic;
    });
  }
}
