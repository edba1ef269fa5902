/**
 * One connection, from its slot to its end (spec 01 §8.3–8.8).
 *
 * @module
 */
import type { OnReadOpts, Socket } from "node:net";
import { assert } from "@stagbeetle/kernels";
import {
  type Checksums,
  type ConnectionEnd,
  type ConnectionEndReason,
  FatalError,
  type Header,
  type Logger,
  type Message,
  MessageBuffer,
  type MessagePool,
  type Peer,
} from "@stagbeetle/vsr-protocol";
import { SendQueue } from "./send-queue.ts";

/**
 * Where a connection is in its life. What the reference calls `free` is a slot without a connection, and `accepting` does
 * not exist, because Node accepts by itself.
 *
 * - `connecting`: waits for its delay, then for the other side. Takes messages to send.
 * - `connected`: reads, and writes what it is given.
 * - `terminating`: takes nothing any more; waits for the socket to close and for received messages to be processed.
 * - `closed`: holds nothing any more. Its slot is free.
 */
export type ConnectionState = "connecting" | "connected" | "terminating" | "closed";

const TRANSITIONS: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  connecting: ["connected", "terminating"],
  connected: ["terminating"],
  terminating: ["closed"],
  closed: [],
};

/** Where bytes go that arrive while the receive buffer cannot take any: at most one read per pause. */
const LANDING_SIZE_BYTES = 4096;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** What a connection needs of the bus that it belongs to. */
export interface ConnectionOwner {
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly logger: Logger;
  /** How many messages a connection queues. */
  readonly sendQueueMax: number;
  /** Whether a message with an unknown command ends the process, as it must for a replica, or only the connection. */
  readonly unknownCommandFatal: boolean;
  /** The connection is made. */
  onConnected(connection: Connection): void;
  /** The connection received bytes. */
  onReceived(connection: Connection): void;
  /**
   * Called for each new message before it is offered. Finds out who is at the other end.
   *
   * @returns false if the message cannot come from there: the connection is terminated.
   */
  identify(connection: Connection, header: Header): boolean;
  /** Offers all complete messages. */
  onMessages(buffer: MessageBuffer): void;
  /** Messages were left in the buffer: the connection reads no more until it is resumed. */
  onSuspended(connection: Connection): void;
  /** The connection is closed. */
  onClosed(connection: Connection): void;
}

/** A connection that a bus holds in one of its slots. */
export class Connection {
  /** The number of its slot. */
  readonly slot: number;
  /** Who is at the other end. */
  peer: Peer;
  /** The socket reads as this says. */
  readonly onread: OnReadOpts;
  readonly #owner: ConnectionOwner;
  readonly #buffer: MessageBuffer;
  readonly #sendQueue: SendQueue;
  readonly #landing: Uint8Array = new Uint8Array(LANDING_SIZE_BYTES);
  readonly #onWritten = (): void => this.#written();
  /** Bytes that were received and have no room in the buffer yet. */
  #landed: Uint8Array = NO_BYTES;
  #state: ConnectionState;
  /** Whether the buffer takes bytes: no message in it is suspended. */
  #receiving = true;
  #socket: Socket | null = null;
  #socketClosed = true;
  /** Where the other side is, once there is a connection: the socket forgets it when it fails. */
  #remoteAddress = "";
  #end: ConnectionEnd | null = null;

  constructor(slot: number, state: "connecting" | "connected", peer: Peer, owner: ConnectionOwner) {
    assert(state === "connected" || peer.kind === "replica", () => `dialling a peer of kind ${peer.kind}`);
    this.slot = slot;
    this.#state = state;
    this.peer = peer;
    this.#owner = owner;
    this.#buffer = new MessageBuffer(owner.pool, owner.checksums);
    this.#sendQueue = new SendQueue(owner.sendQueueMax);
    this.onread = {
      buffer: () => this.#space(),
      callback: (sizeBytes, memory) => this.#received(sizeBytes, memory),
    };
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether there is a socket, which a connection that waits for its delay does not have yet. */
  get hasSocket(): boolean {
    return this.#socket !== null;
  }

  /** Why the connection ended, or ends. */
  get end(): ConnectionEnd {
    assert(this.#end !== null, () => `connection ${this.slot} is ${this.#state}`);
    return this.#end;
  }

  /** Gives the connection its socket: one that is being connected, or is connected and paused. */
  attach(socket: Socket): void {
    assert(this.#socket === null, () => `connection ${this.slot} has a socket`);
    assert(
      this.#state === "connecting" || this.#state === "connected",
      () => `connection ${this.slot} is ${this.#state}`,
    );
    this.#socket = socket;
    this.#socketClosed = false;
    socket.on("error", (error) => this.#failed(error));
    socket.on("end", () => this.terminate("closed", "closed by the peer"));
    socket.on("close", () => this.#closed());
    if (this.#state === "connecting") socket.once("connect", () => this.#connected());
    else this.#resumeConnected(socket);
  }

  /** Takes bytes from a socket that does not read as `onread` says. Returns false to pause it. */
  receive(chunk: Uint8Array): boolean {
    if (this.#state !== "connected") return false;
    this.#owner.onReceived(this);
    // The chunk is memory of the socket's own, which stays good while the rest of it waits.
    this.#take(chunk);
    return this.#receiving;
  }

  /** Queues a message and writes it as soon as possible. Drops it if the queue is full or the connection ends. */
  send(message: Message): void {
    assert(this.peer.kind !== "unknown", () => `connection ${this.slot} does not know its peer`);
    if (this.#state === "terminating" || this.#state === "closed") return;
    if (!this.#sendQueue.push(message)) {
      this.#log("info", "the send queue is full; the message is dropped");
      return;
    }
    if (this.#state === "connected") this.#write(message);
  }

  /** Offers the suspended messages again and goes on receiving if none is left. */
  resume(): void {
    if (this.#state === "closed") return;
    assert(!this.#receiving, () => `connection ${this.slot} is not suspended`);
    if (!this.#invalid()) this.#offer();
    if (this.#state === "terminating") {
      this.#closeIfDone();
      return;
    }
    if (!this.#receiving) return;
    this.#take(this.#landed);
    if (this.#receiving && this.#state === "connected") this.#socket?.resume();
  }

  /** Ends the connection. Complete messages that were received before are still offered. */
  terminate(reason: ConnectionEndReason, detail: string): void {
    if (this.#state === "terminating" || this.#state === "closed") return;
    this.#log("debug", "the connection ends", detail);
    // What the socket complained about before says more than that it closes now.
    this.#end ??= { reason, detail };
    this.#transition("terminating");
    this.#landed = NO_BYTES;
    if (this.#socket === null) this.#closeIfDone();
    else this.#socket.destroy();
  }

  /** Ends the connection and forgets what it received: the bus closes. */
  abandon(): void {
    this.terminate("given_up", "the bus closes");
    if (this.#state === "closed") return;
    this.#buffer.invalidate("misdirected");
    this.#closeIfDone();
  }

  #transition(state: ConnectionState): void {
    assert(TRANSITIONS[this.#state].includes(state), () => `connection ${this.slot}: ${this.#state} to ${state}`);
    this.#state = state;
  }

  #connected(): void {
    if (this.#state !== "connecting") return;
    assert(this.#socket !== null, () => `connection ${this.slot} connects without a socket`);
    this.#transition("connected");
    this.#resumeConnected(this.#socket);
    for (const message of this.#sendQueue) this.#write(message);
    this.#owner.onConnected(this);
  }

  #resumeConnected(socket: Socket): void {
    this.#remoteAddress = socket.remoteAddress ?? "";
    socket.resume();
  }

  #failed(error: Error): void {
    const detail = describeError(error);
    this.#log(this.#state === "connecting" ? "debug" : "info", "the connection failed", detail);
    this.#end ??= { reason: reasonOf(error, this.#state), detail };
  }

  #closed(): void {
    this.#socketClosed = true;
    if (this.#state !== "terminating") this.terminate("closed", "the socket closed");
    this.#closeIfDone();
  }

  /** Lets go of everything once the socket is closed and no received message waits. */
  #closeIfDone(): void {
    if (!this.#socketClosed || this.#state !== "terminating") return;
    // Nothing is written any more, so nobody needs the messages.
    this.#sendQueue.clear();
    if (this.#buffer.invalid === null && this.#buffer.hasMessage) return;
    this.#buffer.close();
    this.#transition("closed");
    this.#owner.onClosed(this);
  }

  #write(message: Message): void {
    this.#socket?.write(message.bytes(), this.#onWritten);
  }

  /** The kernel has the oldest message, or the socket failed. Once it is closed, the queue is empty already. */
  #written(): void {
    if (this.#sendQueue.length > 0) this.#sendQueue.shift();
  }

  /** Where the socket puts what it reads next. Asked for right after every read, long before the next one. */
  #space(): Uint8Array {
    if (this.#state === "terminating" || this.#state === "closed" || !this.#receiving) return this.#landing;
    const space = this.#buffer.space();
    assert(space.length > 0, () => `connection ${this.slot} is full without a suspended message`);
    return space;
  }

  /** Bytes were read into `memory`. Returns false to stop reading. */
  #received(sizeBytes: number, memory: Uint8Array): boolean {
    if (this.#state !== "connected") return false;
    assert(this.#receiving, () => `connection ${this.slot} read while it was suspended`);
    this.#owner.onReceived(this);
    if (memory === this.#landing) {
      this.#take(this.#landing.subarray(0, sizeBytes));
    } else {
      this.#reading(() => {
        this.#buffer.advance(sizeBytes);
        this.#process();
      });
    }
    return this.#receiving && this.#state === "connected";
  }

  /** Copies bytes into the buffer, as they fit, and keeps the rest for when there is room. */
  #take(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0 && this.#receiving && this.#state === "connected") {
      this.#reading(() => {
        const sizeBytes = this.#buffer.receive(rest);
        assert(sizeBytes > 0, () => `connection ${this.slot} is full without a suspended message`);
        rest = rest.subarray(sizeBytes);
        this.#process();
      });
    }
    this.#landed = this.#state === "connected" ? rest : NO_BYTES;
  }

  /** Lets the buffer look at bytes. A command that it does not know ends the process or the connection. */
  #reading(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof FatalError) || this.#owner.unknownCommandFatal) throw error;
      this.#buffer.invalidate("misdirected");
      this.terminate("unknown_command", error.message);
    }
  }

  /** Looks at what was just received: who sent it, then what it says. */
  #process(): void {
    if (!this.#invalid() && this.#buffer.hasMessage) {
      this.#identify();
      if (!this.#invalid()) this.#offer();
    }
    // Looking for a message may have found that there is none.
    this.#terminateIfInvalid();
  }

  #identify(): void {
    for (let header = this.#buffer.next(); header !== null; header = this.#buffer.next()) {
      if (!this.#owner.identify(this, header)) {
        this.#buffer.invalidate("misdirected");
        return;
      }
      this.#buffer.suspend();
    }
  }

  #offer(): void {
    this.#owner.onMessages(this.#buffer);
    this.#terminateIfInvalid();
    const suspended = !this.#invalid() && this.#buffer.hasMessage;
    this.#receiving = !suspended;
    if (suspended) this.#owner.onSuspended(this);
  }

  #invalid(): boolean {
    return this.#buffer.invalid !== null;
  }

  #terminateIfInvalid(): void {
    if (this.#buffer.invalid === null || this.#state === "terminating" || this.#state === "closed") return;
    this.#log("warn", "what the peer sent is invalid", this.#buffer.invalid);
    const reason = this.#buffer.invalid === "header_cluster" ? "wrong_cluster" : "invalid_bytes";
    this.terminate(reason, this.#buffer.invalid);
  }

  #log(level: "info" | "warn" | "debug", message: string, reason?: string): void {
    const { logger } = this.#owner;
    if (!logger.enabled(level)) return;
    logger.log(level, message, {
      connection: this.slot,
      peer: describePeer(this.peer),
      ...(this.#remoteAddress === "" ? {} : { address: this.#remoteAddress }),
      ...(reason === undefined ? {} : { reason }),
    });
  }
}

/** How systems say that a name has no address. */
const NAME_ERRORS: readonly string[] = ["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"];

/** What a system error says about the way to the other side. */
function reasonOf(error: Error, state: ConnectionState): ConnectionEndReason {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (NAME_ERRORS.includes(code)) return "host_not_found";
  if (code === "ECONNREFUSED") return "refused";
  return state === "connecting" ? "unreachable" : "closed";
}

/** What failed. An error about several addresses of one name has no message, but those of the attempts. */
function describeError(error: Error): string {
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  const messages = causes.filter((cause): cause is Error => cause instanceof Error).map(({ message }) => message);
  return messages.length === 0 ? error.message : messages.join(", ");
}

/** A peer as logs show it, for example `replica 2` or `client 0f`. */
function describePeer(peer: Peer): string {
  switch (peer.kind) {
    case "unknown":
      return "unknown";
    case "replica":
      return `replica ${peer.replica}`;
    case "client":
      return `client ${peer.client.toString(16)}`;
    case "clientLikely":
      return `client ${peer.client.toString(16)} (likely)`;
  }
}
