/**
 * Which connection leads to whom (spec 01 §8.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Header, type Peer, peerOf, peerTransition } from "@stagbeetle/vsr-protocol";
import type { Connection } from "./connection.ts";

/** The registered connections of a bus: at most one for each replica and each client. */
export class Peers {
  /** By index; null for those without a connection, and for this replica itself. */
  readonly #replicas: (Connection | null)[];
  readonly #clients: Map<bigint, Connection> = new Map();
  readonly #self: number | null;

  /**
   * @param nodeCount how many replicas and standbys there are.
   * @param self the index of this replica; null for a client.
   */
  constructor(nodeCount: number, self: number | null) {
    assert(self === null || (self >= 0 && self < nodeCount), () => `replica ${self} of ${nodeCount}`);
    this.#replicas = Array.from({ length: nodeCount }, () => null);
    this.#self = self;
  }

  /** How many replicas and standbys there are, this one included. */
  get nodeCount(): number {
    return this.#replicas.length;
  }

  /** The registered connection to a replica or standby, or null. */
  replica(replica: number): Connection | null {
    return this.#replicas[replica] ?? null;
  }

  /** The registered connection to a client, or null. */
  client(client: bigint): Connection | null {
    return this.#clients.get(client) ?? null;
  }

  /** Whether there is a live connection to every other replica and standby. */
  get allReplicasConnected(): boolean {
    return this.#replicas.every((connection, replica) => replica === this.#self || connection?.state === "connected");
  }

  /** Registers a connection that was dialled. */
  register(connection: Connection): void {
    const { peer } = connection;
    assert(peer.kind === "replica" && this.replica(peer.replica) === null, "a replica is dialled twice");
    this.#replicas[peer.replica] = connection;
  }

  /** Removes a closed connection, unless a newer one has taken its place. */
  unregister(connection: Connection): void {
    const { peer } = connection;
    if (peer.kind === "replica" && this.replica(peer.replica) === connection) this.#replicas[peer.replica] = null;
    if (peer.kind === "client" || peer.kind === "clientLikely") this.#unregisterClient(peer.client, connection);
  }

  /**
   * Learns from a message who is at the other end of the connection it came on.
   *
   * @returns false if it cannot have come from there.
   */
  identify(connection: Connection, header: Header): boolean {
    const next = peerOf(header);
    switch (peerTransition(connection.peer, next)) {
      case "retain":
        return true;
      case "reject":
        return false;
      case "update":
        return this.#update(connection, next);
    }
  }

  #update(connection: Connection, next: Peer): boolean {
    switch (next.kind) {
      case "unknown":
        break;
      case "replica":
        if (next.replica >= this.nodeCount || next.replica === this.#self) return false;
        this.replica(next.replica)?.terminate("given_up", "a newer connection of the replica takes its place");
        if (connection.peer.kind === "clientLikely") this.#unregisterClient(connection.peer.client, connection);
        this.#replicas[next.replica] = connection;
        break;
      case "client":
        if (this.client(next.client) !== connection) {
          this.client(next.client)?.terminate("given_up", "a newer connection of the client takes its place");
        }
        this.#clients.set(next.client, connection);
        break;
      case "clientLikely":
        // The sender may be a backup that forwards, so a connection that was there before stays registered.
        if (!this.#clients.has(next.client)) this.#clients.set(next.client, connection);
        break;
    }
    connection.peer = next;
    return true;
  }

  #unregisterClient(client: bigint, connection: Connection): void {
    if (this.#clients.get(client) === connection) this.#clients.delete(client);
  }
}
