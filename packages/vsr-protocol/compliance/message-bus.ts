/**
 * What every implementation of the message bus port does (spec 01 §8).
 *
 * Delivery is best effort, so the cases repeat what they send until it arrives, and say nothing about order.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  type Config,
  HEADER_SIZE_BYTES,
  initHeader,
  type Message,
  type MessageBuffer,
  type MessageBus,
  type MessageBusReceiver,
  type MessagePool,
  PingClientHeader,
} from "@stagbeetle/vsr-protocol";
import { assertBytes, aWhile, type ComplianceCase, type Subject } from "./compliance-case.ts";

/** One bus of a network. */
export interface NetworkMember {
  readonly bus: MessageBus;
  /** Where its messages come from and go back to. */
  readonly pool: MessagePool;
}

/** Buses that can reach each other without faults. `until` ticks them all. */
export interface MessageBusNetwork extends Subject {
  readonly config: Config;
  /** By index. */
  readonly replicas: readonly NetworkMember[];
  /** Adds a client that can reach every replica. */
  addClient(client: bigint, receiver: MessageBusReceiver): Promise<NetworkMember>;
}

/** Makes a network of one replica for each receiver. */
export type CreateMessageBusNetwork = (receivers: readonly MessageBusReceiver[]) => Promise<MessageBusNetwork>;

type MessageBusCase = ComplianceCase<CreateMessageBusNetwork>;

const CLUSTER = 7n;
const CLIENT = 0x0102_0304n;

const checksums = new Checksums();

/** What was received, as it was when it was consumed. */
interface Received {
  readonly command: number;
  readonly replica: number;
  readonly body: Uint8Array;
  readonly references: number;
}

/** A receiver that does with all messages what it is told. */
class Inbox implements MessageBusReceiver {
  readonly received: Received[] = [];
  mode: "consume" | "suspend" | "invalidate" = "consume";
  /** How many messages were offered and not consumed. */
  refusals = 0;

  onMessages(buffer: MessageBuffer): void {
    for (let header = buffer.next(); header !== null; header = buffer.next()) {
      if (this.mode === "consume") {
        this.#consume(buffer);
        continue;
      }
      this.refusals += 1;
      if (this.mode === "suspend") buffer.suspend();
      else buffer.invalidate("header_cluster");
      if (buffer.invalid !== null) return;
    }
  }

  /** How many messages of a replica arrived. */
  countOf(replica: number): number {
    return this.received.filter((message) => message.replica === replica).length;
  }

  #consume(buffer: MessageBuffer): void {
    const message = buffer.consume();
    const { command, replica } = message.header;
    this.received.push({ command, replica, body: message.body().slice(), references: message.references });
    message.release();
  }
}

/** A message of a replica with a body of `bodySizeBytes` bytes that depend on `seed`. The caller owns a reference. */
function fromReplica(member: NetworkMember, replica: number, bodySizeBytes = 0, seed = 0): Message {
  const message = member.pool.acquire();
  initHeader(message.header, Command.ping, CLUSTER);
  message.header.replica = replica;
  message.header.size = HEADER_SIZE_BYTES + bodySizeBytes;
  message.body().set(bodyOf(bodySizeBytes, seed));
  checksums.setMessage(message);
  return message;
}

function pingOfClient(member: NetworkMember, client: bigint): Message {
  const message = member.pool.acquire();
  initHeader(message.header, Command.pingClient, CLUSTER);
  message.as(PingClientHeader).client = client;
  checksums.setMessage(message);
  return message;
}

function bodyOf(sizeBytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (seed + index * 7) & 0xff);
}

function sendAndRelease(message: Message, send: (message: Message) => void): void {
  send(message);
  message.release();
}

/** A network with its members' inboxes, whose replicas all have heard of each other. */
interface Connected {
  readonly network: MessageBusNetwork;
  readonly inboxes: readonly Inbox[];
}

function memberOf(network: MessageBusNetwork, replica: number): NetworkMember {
  const member = network.replicas[replica];
  assert(member !== undefined, () => `a network without replica ${replica}`);
  return member;
}

function inboxOf(inboxes: readonly Inbox[], replica: number): Inbox {
  const inbox = inboxes[replica];
  assert(inbox !== undefined, () => `a network without replica ${replica}`);
  return inbox;
}

/** Sends from one replica to another until one more message has arrived. */
async function reach({ network, inboxes }: Connected, from: number, to: number): Promise<void> {
  const sender = memberOf(network, from);
  const inbox = inboxOf(inboxes, to);
  const before = inbox.countOf(from);
  await network.until(() => {
    if (inbox.countOf(from) > before) return true;
    sendAndRelease(fromReplica(sender, from), (message) => sender.bus.sendMessageToReplica(to, message));
    return false;
  });
}

/** Makes a client known to a replica, which then can send to it. */
async function introduce({ network, inboxes }: Connected, client: NetworkMember, replica: number): Promise<void> {
  const inbox = inboxOf(inboxes, replica);
  const arrived = (): boolean => inbox.received.some(({ command }) => command === Command.pingClient);
  await network.until(() => {
    if (arrived()) return true;
    sendAndRelease(pingOfClient(client, CLIENT), (message) => client.bus.sendMessageToReplica(replica, message));
    return false;
  });
}

function networkCase(
  name: string,
  replicaCount: number,
  check: (connected: Connected) => Promise<void>,
): MessageBusCase {
  return {
    name,
    async run(create) {
      const inboxes = Array.from({ length: replicaCount }, () => new Inbox());
      const network = await create(inboxes);
      try {
        const connected = { network, inboxes };
        for (let from = 0; from < replicaCount; from += 1) {
          for (let to = from + 1; to < replicaCount; to += 1) {
            await reach(connected, from, to);
            await reach(connected, to, from);
          }
        }
        await check(connected);
      } finally {
        await network.close();
      }
    },
  };
}

/** The facts about the message bus port. */
export const messageBusCompliance: readonly MessageBusCase[] = [
  networkCase("every replica reaches every other one", 3, async (connected) => {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [0, 2],
      [2, 0],
      [1, 2],
      [2, 1],
    ] as const)
      await reach(connected, from, to);
  }),

  networkCase("a message arrives as it was sent, whatever its size", 2, async (connected) => {
    const sender = memberOf(connected.network, 0);
    const inbox = inboxOf(connected.inboxes, 1);
    for (const sizeBytes of [0, 1, 255, 256, connected.network.config.derived.messageBodySizeMax]) {
      const expected = bodyOf(sizeBytes, sizeBytes);
      const found = (): Received | undefined =>
        inbox.received.find(({ body }) => body.length === sizeBytes && body.every((byte, at) => byte === expected[at]));
      inbox.received.length = 0;
      const message = fromReplica(sender, 0, sizeBytes, sizeBytes);
      await connected.network.until(() => {
        if (found() !== undefined) return true;
        sender.bus.sendMessageToReplica(1, message);
        return false;
      });
      message.release();
      const received = found();
      assert(received?.command === Command.ping, () => `command ${received?.command} arrived`);
      assert(received.references === 1, () => `a consumed message has ${received.references} owners`);
    }
  }),

  networkCase("one message may be sent to several replicas", 3, async (connected) => {
    const sender = memberOf(connected.network, 0);
    const message = fromReplica(sender, 0, 100, 42);
    const arrived = (replica: number): boolean =>
      inboxOf(connected.inboxes, replica).received.some(({ body }) => body.length === 100);
    await connected.network.until(() => {
      if (arrived(1) && arrived(2)) return true;
      sender.bus.sendMessageToReplica(1, message);
      sender.bus.sendMessageToReplica(2, message);
      return false;
    });
    assertBytes("the sender's message", message.body(), bodyOf(100, 42));
    message.release();
  }),

  networkCase("a client that a replica has heard of can be answered", 2, async (connected) => {
    const { network } = connected;
    const inbox = new Inbox();
    const client = await network.addClient(CLIENT, inbox);
    for (const replica of [0, 1]) {
      await introduce(connected, client, replica);
      const sender = memberOf(network, replica);
      await network.until(() => {
        if (inbox.countOf(replica) > 0) return true;
        sendAndRelease(fromReplica(sender, replica, 10, replica), (message) =>
          sender.bus.sendMessageToClient(CLIENT, message),
        );
        return false;
      });
      const received = inbox.received.find((message) => message.replica === replica);
      assertBytes(`the answer of replica ${replica}`, received?.body ?? new Uint8Array(0), bodyOf(10, replica));
    }
  }),

  networkCase("a message to a client that nobody heard of is dropped and given back", 1, async ({ network }) => {
    const { bus, pool } = memberOf(network, 0);
    const before = pool.available;
    sendAndRelease(fromReplica({ bus, pool }, 0), (message) => bus.sendMessageToClient(99n, message));
    await aWhile(network);
    assert(pool.available === before, () => `${pool.available} instead of ${before} messages are free`);
  }),

  networkCase("nothing is delivered inside the call that sends", 2, async (connected) => {
    const sender = memberOf(connected.network, 0);
    const inbox = inboxOf(connected.inboxes, 1);
    const before = inbox.received.length;
    sendAndRelease(fromReplica(sender, 0), (message) => sender.bus.sendMessageToReplica(1, message));
    assert(inbox.received.length === before, "a message was delivered inside the call");
    await reach(connected, 0, 1);
  }),

  networkCase("a flood is dropped, not queued without end, and every message is given back", 2, async (connected) => {
    const { network } = connected;
    const sender = memberOf(network, 0);
    const inbox = inboxOf(connected.inboxes, 1);
    await network.until(quiet(network));
    const before = sender.pool.available;
    const inboxBefore = inbox.received.length;
    const sent = 200;
    const message = fromReplica(sender, 0, network.config.derived.messageBodySizeMax);
    for (let index = 0; index < sent; index += 1) sender.bus.sendMessageToReplica(1, message);
    const queued = message.references - 1;
    assert(queued > 0 && queued < sent, () => `${queued} of ${sent} messages are queued`);
    message.release();
    await network.until(() => sender.pool.available === before && inbox.received.length > inboxBefore);
    const arrived = inbox.received.length - inboxBefore;
    assert(arrived > 0 && arrived <= queued, () => `${arrived} of ${queued} queued messages arrived`);
  }),

  networkCase("a suspended message is offered again once it is asked for, and only then", 2, async (connected) => {
    const { network } = connected;
    const receiver = memberOf(network, 1);
    const inbox = inboxOf(connected.inboxes, 1);
    await network.until(quiet(network));
    inbox.mode = "suspend";
    await until(connected, () => inbox.refusals > 0);
    await aWhile(network);
    const { refusals } = inbox;
    await aWhile(network);
    assert(inbox.refusals === refusals, "a suspended message was offered again without being asked for");

    const before = inbox.received.length;
    inbox.mode = "consume";
    receiver.bus.resumeReceive();
    assert(inbox.received.length === before, "a message was offered inside the call that asks for it");
    await network.until(() => inbox.received.length > before);
    await reach(connected, 0, 1);
  }),

  networkCase("an invalidated connection is lost with what was received, and comes back", 2, async (connected) => {
    const inbox = inboxOf(connected.inboxes, 1);
    inbox.mode = "invalidate";
    await until(connected, () => inbox.refusals > 0);
    inbox.mode = "consume";
    await reach(connected, 0, 1);
  }),
];

/** Sends from replica 0 to replica 1 until `condition` holds. */
async function until({ network }: Connected, condition: () => boolean): Promise<void> {
  const sender = memberOf(network, 0);
  await network.until(() => {
    if (condition()) return true;
    sendAndRelease(fromReplica(sender, 0), (message) => sender.bus.sendMessageToReplica(1, message));
    return false;
  });
}

/** Holds after some turns in which no message of any replica was lent out or came back. */
function quiet({ replicas }: MessageBusNetwork): () => boolean {
  let turns = 0;
  let last = "";
  return () => {
    const now = replicas.map(({ pool }) => pool.available).join(" ");
    turns = now === last ? turns + 1 : 0;
    last = now;
    return turns > 10;
  };
}
