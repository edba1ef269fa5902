/**
 * The bus of one replica, seen from its connections, for tests.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Address, Command, type Message } from "@stagbeetle/vsr-protocol";
import { Inbox } from "./inbox.ts";
import { createMember, type Member, type MemberOptions } from "./network.ts";
import { messageBytes, NO_BODY, RawPeer } from "./raw-peer.ts";
import { until } from "./until.ts";

/** Which replica of how many; alone unless said. */
interface OneReplicaOptions extends MemberOptions {
  readonly replica?: number;
  readonly nodeCount?: number;
}

/** One replica of a cluster, reached by plain connections. Closed with the end of its block. */
export class OneReplica implements AsyncDisposable {
  readonly inbox: Inbox;
  readonly member: Member;
  readonly address: Address;
  readonly peers: RawPeer[] = [];
  #closed = false;

  private constructor(inbox: Inbox, member: Member, address: Address) {
    this.inbox = inbox;
    this.member = member;
    this.address = address;
  }

  /** Starts a replica; nobody listens at the others' addresses. */
  static async start({ replica = 0, nodeCount = 1, ...options }: OneReplicaOptions = {}): Promise<OneReplica> {
    const inbox = new Inbox();
    const addresses = Array.from({ length: nodeCount }, (): Address => ({ family: 4, host: "127.0.0.1", port: 0 }));
    const role = { kind: "replica", replica, clientsLimit: options.clientsLimit ?? 8 } as const;
    const member = createMember(role, addresses, inbox, options);
    return new OneReplica(inbox, member, await member.bus.listen());
  }

  /** Connects, whether or not the bus takes the connection. */
  async connect(): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.address);
    this.peers.push(peer);
    return peer;
  }

  /** Connects and waits until the bus has the connection. */
  async connectAccepted(): Promise<RawPeer> {
    const before = this.member.bus.connectionCount;
    const peer = await this.connect();
    await until(() => this.member.bus.connectionCount > before);
    return peer;
  }

  /** Waits until as many messages arrived, in all. */
  async arrived(count: number): Promise<void> {
    await until(() => this.inbox.messages.length >= count);
  }

  /** Sends a message to a client. */
  sendToClient(client: bigint, body: Uint8Array = NO_BODY): void {
    const message = this.message(body);
    this.member.bus.sendMessageToClient(client, message);
    message.release();
  }

  /** A message of the replica's pool. */
  message(body: Uint8Array): Message {
    const message = this.member.pool.acquire();
    message.buffer.set(messageBytes(Command.pongClient, body));
    return message;
  }

  /** Closes all connections and the bus, which has to have given every message back. */
  async close(): Promise<void> {
    assert(!this.#closed, "the replica is closed once");
    this.#closed = true;
    for (const peer of this.peers) peer.close();
    await this.member.bus.close();
    const { available, messagesMax } = this.member.pool;
    assert(available === messagesMax, () => `${available} of ${messagesMax} messages came back`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) await this.close();
  }
}
