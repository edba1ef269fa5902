/**
 * The message bus port over TCP (spec 01 §8).
 *
 * @module
 */
import type { Socket } from "node:net";
import { assert } from "@stagbeetle/kernels";
import {
  type Address,
  exponentialBackoffWithJitter,
  type Checksums,
  type Config,
  type ConnectionObserver,
  type Endpoint,
  formatEndpoint,
  type Header,
  type Logger,
  type Message,
  type MessageBuffer,
  type MessageBus as MessageBusPort,
  type MessageBusReceiver,
  type MessagePool,
  type Peer,
  type Random,
  SILENT_LOGGER,
  UNKNOWN_PEER,
} from "@stagbeetle/vsr-protocol";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Listener } from "./listener.ts";
import { Peers } from "./peers.ts";
import { LISTEN_BACKLOG, USER_TIMEOUT_MS } from "./socket-options.ts";
import { adopt, dial } from "./sockets.ts";

/** A connection that has been unknown for longer is no client: those ping every 30 s. */
const UNKNOWN_MAX_MS = 45_000;

/** What a bus serves. */
export type MessageBusRole =
  /**
   * A replica or standby: listens on its own address, dials those with a higher index and accepts everybody else, at most
   * `clientsLimit` clients (spec 01 §8.1).
   */
  | { readonly kind: "replica"; readonly replica: number; readonly clientsLimit: number }
  /** A client: dials every replica and never listens. */
  | { readonly kind: "client" };

/** How to make a bus. */
export interface MessageBusOptions {
  readonly role: MessageBusRole;
  readonly config: Config;
  /**
   * Where everybody is, by index; the bus of a replica listens on its own. A name is looked up whenever a connection is made,
   * so that whoever has moved is found again.
   */
  readonly addresses: readonly Endpoint[];
  /** Where receive buffers and consumed messages come from; each connection takes one for its buffer. */
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  readonly receiver: MessageBusReceiver;
  /** The source of jitter when connecting. */
  readonly random: Random;
  /** Hears how the dialled connections of a client fare. */
  readonly observer?: ConnectionObserver;
  readonly logger?: Logger;
}

/** How many connections a bus can hold, each of which takes one message of the pool and queues a few (spec 01 §7.4, §8.1). */
export function connectionsMax(role: MessageBusRole, nodeCount: number): number {
  // The one above the limit is accepted and closed, so that its client hears of it.
  return role.kind === "client" ? nodeCount : nodeCount - 1 + role.clientsLimit + 1;
}

/** A dialled connection that is not connected yet. */
interface Dialling {
  readonly connection: Connection;
  /** When to begin connecting. */
  readonly dialAtTick: number;
  /** When to give up. */
  readonly deadlineTick: number;
}

/**
 * Carries messages over TCP. Nothing happens inside its methods but queueing and terminating: messages arrive from the
 * event loop, connections are made by `tick`.
 *
 * An unknown command under a valid checksum makes the event loop of a replica throw `FatalError` (`unknownVsrCommand`); all
 * other bytes that make no sense close their connection, and so does that command for a client.
 */
export class MessageBus implements MessageBusPort {
  readonly #role: MessageBusRole;
  readonly #config: Config;
  readonly #addresses: readonly Endpoint[];
  readonly #random: Random;
  readonly #observer: ConnectionObserver | null;
  readonly #logger: Logger;
  readonly #owner: ConnectionOwner;
  readonly #peers: Peers;
  readonly #slots: (Connection | null)[];
  readonly #listener: Listener | null;
  /** How often each node was dialled since data came from it; null if never. */
  readonly #dialAttempts: (number | null)[];
  readonly #dialling: Map<Connection, Dialling> = new Map();
  /** When each connection was accepted, for as long as it is unknown. */
  readonly #unknownSinceTick: Map<Connection, number> = new Map();
  /** Sockets that Node accepted while there was no slot: what the kernel's backlog would hold. */
  readonly #backlog: Socket[] = [];
  #suspended: Connection[] = [];
  #resuming = false;
  #ticks = 0;
  #closed: (() => void) | null = null;

  constructor({
    role,
    config,
    addresses,
    pool,
    checksums,
    receiver,
    random,
    observer,
    logger = SILENT_LOGGER,
  }: MessageBusOptions) {
    assert(addresses.length > 0, "a bus without addresses");
    this.#role = role;
    this.#config = config;
    this.#addresses = addresses;
    this.#random = random;
    this.#observer = observer ?? null;
    this.#logger = logger;
    this.#peers = new Peers(addresses.length, role.kind === "replica" ? role.replica : null);
    this.#slots = Array.from({ length: connectionsMax(role, addresses.length) }, () => null);
    this.#dialAttempts = addresses.map(() => null);
    this.#listener = role.kind === "replica" ? new Listener((socket) => this.#accepted(socket), logger) : null;
    this.#owner = {
      pool,
      checksums,
      logger,
      sendQueueMax: this.#sendQueueMax,
      // A message of a newer protocol must stop a replica, and cannot harm a client.
      unknownCommandFatal: role.kind === "replica",
      onConnected: (connection) => this.#connected(connection),
      onReceived: (connection) => this.#received(connection),
      identify: (connection, header) => this.#identify(connection, header),
      onMessages: (buffer: MessageBuffer) => receiver.onMessages(buffer),
      onSuspended: (connection) => this.#suspended.push(connection),
      onClosed: (connection) => this.#connectionClosed(connection),
    };
  }

  /** How many connections there are, in whatever state. */
  get connectionCount(): number {
    return this.#slots.filter((connection) => connection !== null).length;
  }

  /** How many connections there can be. */
  get connectionsMax(): number {
    return this.#slots.length;
  }

  /** How many connections there are over which messages of such a peer can come. */
  connectedCount(kind: Peer["kind"]): number {
    const connected = this.#slots.filter((connection) => connection?.state === "connected");
    return connected.filter((connection) => connection?.peer.kind === kind).length;
  }

  /**
   * Makes a replica reachable. Call it once.
   *
   * @returns the address, with the port that was chosen if it has port 0.
   * @throws ListenError
   */
  async listen(): Promise<Address> {
    assert(this.#role.kind === "replica" && this.#listener !== null, "only replicas listen");
    const address = this.#addresses[this.#role.replica];
    assert(address !== undefined && address.family !== "name", "a replica without an address");
    return this.#listener.listen(address, this.#sendBufferSizeBytes);
  }

  tick(): void {
    if (this.#closed !== null) return;
    this.#ticks += 1;
    this.#dialMissing();
    this.#advanceDialling();
    this.#reclaimForAccepting();
    this.#acceptBacklog();
  }

  sendMessageToReplica(replica: number, message: Message): void {
    assert(replica >= 0 && replica < this.#addresses.length, () => `replica ${replica} of ${this.#addresses.length}`);
    assert(this.#role.kind === "client" || this.#role.replica !== replica, "a replica sends to itself");
    const connection = this.#peers.replica(replica);
    if (connection === null) this.#logDropped(`replica ${replica}`);
    else connection.send(message);
  }

  sendMessageToClient(client: bigint, message: Message): void {
    assert(this.#role.kind === "replica", "a client sends to a client");
    const connection = this.#peers.client(client);
    if (connection === null) this.#logDropped(`client ${client.toString(16)}`);
    else connection.send(message);
  }

  resumeReceive(): void {
    if (this.#resuming || this.#suspended.length === 0) return;
    this.#resuming = true;
    setImmediate(() => this.#resume());
  }

  /** Ends all connections and stops listening. Resolves when everything is closed and all messages are given back. */
  async close(): Promise<void> {
    assert(this.#closed === null, "the bus is closed twice");
    // Not Promise.withResolvers, which Node 20 does not have: clients run there.
    return new Promise((resolve) => {
      this.#closed = resolve;
      this.#listener?.close();
      for (const socket of this.#backlog.splice(0)) socket.destroy();
      for (const connection of this.#slots) connection?.abandon();
      this.#resolveIfClosed();
    });
  }

  // Dialling.

  #dialMissing(): void {
    for (let replica = this.#firstDialled; replica < this.#addresses.length; replica += 1) {
      if (this.#peers.replica(replica) !== null) continue;
      if (this.#freeSlot() === null) this.#reclaim();
      else this.#startDialling(replica);
    }
  }

  /** Replicas dial those above them, so that two never dial each other. */
  get #firstDialled(): number {
    return this.#role.kind === "client" ? 0 : this.#role.replica + 1;
  }

  /** Takes a slot and registers the connection, so that messages can be queued while it waits and connects. */
  #startDialling(replica: number): void {
    const connection = this.#open("connecting", replica);
    const delayMs = this.#dialDelayMs(replica);
    this.#dialAttempts[replica] = (this.#dialAttempts[replica] ?? 0) + 1;
    const dialAtTick = this.#ticks + this.#ticksOf(delayMs);
    this.#dialling.set(connection, {
      connection,
      dialAtTick,
      deadlineTick: dialAtTick + this.#ticksOf(USER_TIMEOUT_MS),
    });
    this.#peers.register(connection);
  }

  /** Spreads attempts out. A client that has just started waits for nothing: its first request would wait, too. */
  #dialDelayMs(replica: number): number {
    const attempts = this.#dialAttempts[replica] ?? null;
    if (attempts === null && this.#role.kind === "client") return 0;
    const { connectionDelayMinMs, connectionDelayMaxMs } = this.#config.process;
    return exponentialBackoffWithJitter(this.#random, connectionDelayMinMs, connectionDelayMaxMs, attempts ?? 0);
  }

  #advanceDialling(): void {
    for (const { connection, dialAtTick, deadlineTick } of this.#dialling.values()) {
      if (connection.state !== "connecting") this.#dialling.delete(connection);
      else if (!connection.hasSocket && this.#ticks >= dialAtTick) this.#dial(connection);
      else if (this.#ticks >= deadlineTick) connection.terminate("unreachable", "no reaction");
    }
  }

  #dial(connection: Connection): void {
    assert(connection.peer.kind === "replica", "a client is dialled");
    const address = this.#addresses[connection.peer.replica];
    assert(address !== undefined, "a replica without an address");
    try {
      // A client is a guest in somebody else's process: it takes nothing there but what Node documents.
      const sendBufferSizeBytes = this.#role.kind === "client" ? null : this.#sendBufferSizeBytes;
      connection.attach(dial(address, connection.onread, sendBufferSizeBytes));
    } catch (error) {
      // No descriptor or port is left. The next attempt may find one.
      this.#logger.log("warn", "cannot connect", { address: formatEndpoint(address), reason: String(error) });
      connection.terminate("given_up", String(error));
    }
  }

  // Accepting.

  #accepted(socket: Socket): void {
    if (this.#closed !== null) {
      socket.destroy();
      return;
    }
    // Sockets in the backlog must not bring down the process.
    socket.on("error", () => socket.destroy());
    this.#backlog.push(socket);
    this.#acceptBacklog();
    if (this.#backlog.length > LISTEN_BACKLOG) this.#backlog.pop()?.destroy();
  }

  #acceptBacklog(): void {
    while (this.#backlog.length > 0) {
      const free = this.#slots.length - this.connectionCount;
      if (free === 0) return;
      const socket = this.#backlog.shift();
      assert(socket !== undefined, "the backlog is empty");
      // With everybody else connected, the last slot is taken by a client above the limit.
      if (free === 1 && this.#peers.allReplicasConnected) {
        this.#logger.log("info", "all connections are in use; a new one is closed", {
          address: socket.remoteAddress ?? "",
        });
        socket.destroy();
      } else if (!socket.destroyed) {
        this.#accept(socket);
      }
    }
  }

  #accept(socket: Socket): void {
    const connection = this.#open("connected", null);
    this.#unknownSinceTick.set(connection, this.#ticks);
    socket.removeAllListeners("error");
    connection.attach(adopt(socket, connection.onread, (chunk) => connection.receive(chunk)));
  }

  // Reclaiming: replicas must win over clients, or clients could starve the cluster.

  #reclaimForAccepting(): void {
    if (this.#role.kind === "client" || this.#freeSlot() !== null) return;
    for (let replica = 0; replica < this.#role.replica; replica += 1) {
      if (this.#peers.replica(replica) === null) {
        this.#reclaim();
        return;
      }
    }
  }

  #reclaim(): void {
    if (this.#slots.some((connection) => connection?.state === "terminating")) return;
    const reclaimed = this.#reclaimable();
    reclaimed?.terminate("given_up", "its slot is needed for a replica");
  }

  #reclaimable(): Connection | null {
    // In the order in which they were accepted.
    const [oldest] = this.#unknownSinceTick;
    if (oldest !== undefined && this.#ticks - oldest[1] >= this.#ticksOf(UNKNOWN_MAX_MS)) return oldest[0];
    return this.#slots.find((connection) => connection?.peer.kind === "client") ?? oldest?.[0] ?? null;
  }

  // What connections report.

  #received({ peer }: Connection): void {
    // A replica that has no slot accepts and closes. Counting that as success would make a storm of it.
    if (peer.kind === "replica") this.#dialAttempts[peer.replica] = 0;
  }

  #connected({ peer }: Connection): void {
    if (peer.kind === "replica") this.#observer?.onConnected(peer.replica);
  }

  #identify(connection: Connection, header: Header): boolean {
    if (this.#role.kind === "client") {
      if (connection.peer.kind === "replica") this.#observer?.onMessage(connection.peer.replica, header);
      return true;
    }
    const identified = this.#peers.identify(connection, header);
    if (connection.peer.kind !== "unknown") this.#unknownSinceTick.delete(connection);
    return identified;
  }

  #connectionClosed(connection: Connection): void {
    assert(this.#slots[connection.slot] === connection, () => `slot ${connection.slot} holds another connection`);
    this.#slots[connection.slot] = null;
    this.#peers.unregister(connection);
    this.#unknownSinceTick.delete(connection);
    this.#dialling.delete(connection);
    if (connection.peer.kind === "replica") this.#observer?.onDisconnected(connection.peer.replica, connection.end);
    this.#resolveIfClosed();
  }

  #resume(): void {
    this.#resuming = false;
    const suspended = this.#suspended;
    this.#suspended = [];
    for (const connection of suspended) connection.resume();
  }

  #resolveIfClosed(): void {
    if (this.connectionCount === 0) this.#closed?.();
  }

  #open(state: "connecting" | "connected", replica: number | null): Connection {
    const slot = this.#freeSlot();
    assert(slot !== null, "no slot is free");
    const peer = replica === null ? UNKNOWN_PEER : ({ kind: "replica", replica } as const);
    const connection = new Connection(slot, state, peer, this.#owner);
    this.#slots[slot] = connection;
    return connection;
  }

  #freeSlot(): number | null {
    const slot = this.#slots.indexOf(null);
    return slot === -1 ? null : slot;
  }

  #ticksOf(milliseconds: number): number {
    return Math.ceil(milliseconds / this.#config.process.tickMs);
  }

  get #sendQueueMax(): number {
    const { connectionSendQueueMaxReplica, connectionSendQueueMaxClient } = this.#config.derived;
    return this.#role.kind === "replica" ? connectionSendQueueMaxReplica : connectionSendQueueMaxClient;
  }

  get #sendBufferSizeBytes(): number {
    return this.#sendQueueMax * this.#config.cluster.messageSizeMax;
  }

  #logDropped(receiver: string): void {
    if (!this.#logger.enabled("debug")) return;
    this.#logger.log("debug", "a message is dropped: there is no connection", { receiver });
  }
}
