/**
 * One end of all connections of a replica or client on the simulated network.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  type Message,
  MessageBuffer,
  type MessageBusReceiver,
  type MessagePool,
} from "@stagbeetle/vsr-protocol";

/** Where somebody is: the index of a replica, or the id of a client. */
export type Address = number | bigint;

/** The bytes of one message between two addresses. */
export interface Packet {
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

/** What an endpoint is made of. */
export interface EndpointOptions {
  readonly address: Address;
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly receiver: MessageBusReceiver;
  /** How many messages to one address wait at most; more are dropped. */
  readonly sendQueueMax: number;
}

/** One connection, seen from one end. */
interface Connection {
  readonly queue: Message[];
  /** Null until something arrives. */
  buffer: MessageBuffer | null;
}

/** Queues what is sent, and frames what arrives. */
export class Endpoint {
  readonly address: Address;
  readonly #options: EndpointOptions;
  readonly #connections: Map<Address, Connection> = new Map();
  #queued = false;
  #resumeAsked = false;
  #closed = false;

  constructor(options: EndpointOptions) {
    this.address = options.address;
    this.#options = options;
  }

  /** Whether messages wait to be transmitted. Their sender may hold them as well, and a message may be in several queues. */
  get queued(): boolean {
    return this.#queued;
  }

  /** How many messages of the pool are in queues and receive buffers. */
  get messagesHeld(): number {
    let held = 0;
    for (const { queue, buffer } of this.#connections.values()) held += queue.length + (buffer === null ? 0 : 1);
    return held;
  }

  /** Queues a message with a reference of its own, or drops it. A replica drops what is for a client that it has not heard of. */
  send(to: Address, message: Message): void {
    if (this.#closed) return;
    const heardOf = (this.#connections.get(to)?.buffer ?? null) !== null;
    if (typeof to === "bigint" && !heardOf) return;
    const { queue } = this.#connection(to);
    if (queue.length >= this.#options.sendQueueMax) return;
    queue.push(message.reference());
    this.#queued = true;
  }

  /** Empties all queues. Returns whether there was anything. */
  transmit(packetSent: (packet: Packet) => void): boolean {
    if (!this.#queued) return false;
    this.#queued = false;
    let transmitted = false;
    for (const [to, { queue }] of this.#connections) {
      for (const message of queue.splice(0)) {
        packetSent({ from: this.address, to, bytes: message.bytes().slice() });
        message.release();
        transmitted = true;
      }
    }
    return transmitted;
  }

  /** Whether packets from there have to wait, because earlier messages are suspended. */
  holdsBack(from: Address): boolean {
    return this.#connections.get(from)?.buffer?.hasMessage === true;
  }

  /** Takes a packet that has arrived and offers its message. */
  receive({ from, bytes }: Packet): void {
    const connection = this.#connection(from);
    const buffer = (connection.buffer ??= new MessageBuffer(this.#options.pool, this.#options.checksums));
    const taken = buffer.receive(bytes);
    assert(taken === bytes.length, () => `${taken} of ${bytes.length} bytes fit`);
    if (buffer.hasMessage) this.#offer(from, buffer);
    else this.#closeIfInvalid(from, buffer);
  }

  /** Asks for suspended messages to be offered again. */
  resume(): void {
    this.#resumeAsked = true;
  }

  /** Offers suspended messages again if that was asked for. Returns whether there were any. */
  offerSuspended(): boolean {
    if (!this.#resumeAsked) return false;
    this.#resumeAsked = false;
    let offered = false;
    for (const [from, { buffer }] of this.#connections) {
      if (buffer === null || !buffer.hasMessage) continue;
      offered = true;
      this.#offer(from, buffer);
    }
    return offered;
  }

  /** Ends the connection with somebody who has left. */
  forget(address: Address): void {
    const connection = this.#connections.get(address);
    if (connection === undefined) return;
    for (const message of connection.queue) message.release();
    connection.buffer?.close();
    this.#connections.delete(address);
  }

  /** Ends all connections. */
  close(): void {
    this.#closed = true;
    for (const address of this.#connections.keys()) this.forget(address);
  }

  #connection(address: Address): Connection {
    let connection = this.#connections.get(address);
    if (connection === undefined) {
      connection = { queue: [], buffer: null };
      this.#connections.set(address, connection);
    }
    return connection;
  }

  #offer(from: Address, buffer: MessageBuffer): void {
    this.#options.receiver.onMessages(buffer);
    this.#closeIfInvalid(from, buffer);
  }

  #closeIfInvalid(from: Address, buffer: MessageBuffer): void {
    if (buffer.invalid !== null && !this.#closed) this.forget(from);
  }
}
