import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { AssertionError } from "@stagbeetle/kernels";
import {
  type Address,
  exponentialBackoffWithJitter,
  Command,
  HEADER_SIZE_BYTES,
  type Header,
  type Message,
  type MessageBuffer,
  type MessageBusReceiver,
  Random,
  RequestHeader,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { Child } from "../testing/child.ts";
import { createMember, type Member, type MemberOptions, Network } from "../testing/network.ts";
import { messageBytes, ping, pingClient, RawPeer, request } from "../testing/raw-peer.ts";
import { until } from "../testing/until.ts";

const NO_BODY = new Uint8Array(0);
const RUNS = Number(process.env["STAGBEETLE_FUZZ_RUNS"] ?? 100);

/** A receiver that keeps copies of what it consumes, and can be told to leave messages. */
class Inbox implements MessageBusReceiver {
  readonly messages: Uint8Array[] = [];
  suspending = false;
  offered = 0;

  onMessages(buffer: MessageBuffer): void {
    while (buffer.next() !== null) {
      this.offered += 1;
      if (this.suspending) {
        buffer.suspend();
        continue;
      }
      const message = buffer.consume();
      this.messages.push(message.bytes().slice());
      message.release();
    }
  }

  requestNumbers(): number[] {
    return this.messages.map((bytes) => new RequestHeader(bytes).request);
  }
}

/** One replica of a cluster, reached by plain connections. */
class OneReplica {
  readonly inbox: Inbox;
  readonly member: Member;
  readonly address: Address;
  readonly peers: RawPeer[] = [];

  private constructor(inbox: Inbox, member: Member, address: Address) {
    this.inbox = inbox;
    this.member = member;
    this.address = address;
  }

  /** Starts replica `replica` of `nodeCount`; nobody listens at the others' addresses. */
  static async start(options: MemberOptions = {}, replica = 0, nodeCount = 1): Promise<OneReplica> {
    const inbox = new Inbox();
    const addresses = Array.from({ length: nodeCount }, (): Address => ({ family: 4, host: "127.0.0.1", port: 0 }));
    const role = { kind: "replica", replica, clientsLimit: options.clientsLimit ?? 8 } as const;
    const member = createMember(role, addresses, inbox, options);
    const address = await member.bus.listen();
    const started = new OneReplica(inbox, member, address);
    running.push(started);
    return started;
  }

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

  async close(): Promise<void> {
    for (const peer of this.peers) peer.close();
    await this.member.bus.close();
    expect(this.member.pool.available).toBe(this.member.pool.messagesMax);
  }
}

const running: OneReplica[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const replica of running.splice(0)) await replica.close();
  for (const server of servers.splice(0)) server.close();
});

/** A server that does with each connection what it is told. */
async function listen(onConnection: (socket: Socket) => void): Promise<Address> {
  const server = createServer(onConnection);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("the server has no port");
  return { family: 4, host: "127.0.0.1", port: address.port };
}

function bodyOf(sizeBytes: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 31 + seed) & 0xff);
}

describe("framing", () => {
  test("messages arrive whole and in order, however the stream is cut", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: TEST_MIN.derived.messageBodySizeMax }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 20 }),
        async (bodySizes, cuts) => {
          replica.inbox.messages.length = 0;
          const sent = bodySizes.map((size, index) => request(1n, bodyOf(size, index), index));
          const stream = Buffer.concat(sent);
          for (let at = 0, cut = 0; at < stream.length; cut += 1) {
            const end = Math.min(stream.length, at + (cuts[cut % cuts.length] ?? 1));
            await new Promise((resolve) => peer.socket.write(stream.subarray(at, end), resolve));
            at = end;
          }
          await replica.arrived(sent.length);
          expect(replica.inbox.messages).toEqual(sent);
        },
      ),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });

  test("a message that comes byte by byte arrives", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    const message = request(1n, bodyOf(40));
    for (const byte of message) await new Promise((resolve) => peer.socket.write(Uint8Array.of(byte), resolve));
    await replica.arrived(1);
    expect(replica.inbox.messages).toEqual([message]);
  });
});

test("a connection that fails is logged with the address that it led to", async () => {
  const failures: unknown[] = [];
  const log = (_: string, message: string, fields: unknown): void => {
    if (message === "the connection failed") failures.push(fields);
  };
  const replica = await OneReplica.start({ logger: { enabled: () => true, log } });
  const peer = await replica.connectAccepted();
  peer.socket.resetAndDestroy();
  await until(() => failures.length > 0);
  expect(failures).toEqual([
    { connection: 0, peer: "unknown", address: "127.0.0.1", reason: expect.stringContaining("ECONNRESET") as string },
  ]);
});

/** Makes the header checksum right again after `change`. */
function changed(change: (header: Header) => void, body: Uint8Array = NO_BODY): Uint8Array {
  return messageBytes(Command.request, body, change);
}

describe("bytes that make no sense", () => {
  test.each([
    ["a header checksum", () => request(1n).fill(1, 0, 1)],
    ["a body checksum", () => request(1n, bodyOf(100)).fill(0xff, 300, 301)],
    ["a size below a header", () => changed((header) => (header.size = HEADER_SIZE_BYTES - 1))],
    ["a size above a message", () => changed((header) => (header.size = TEST_MIN.cluster.messageSizeMax + 1))],
    ["nothing but zeros", () => new Uint8Array(HEADER_SIZE_BYTES)],
  ])("close the connection without an answer, and only that one: %s", async (_name, bytes) => {
    const replica = await OneReplica.start();
    const good = await replica.connectAccepted();
    const bad = await replica.connectAccepted();
    bad.send(bytes());
    await until(() => bad.ended);
    expect(bad.received.length).toBe(0);
    expect(replica.inbox.messages).toEqual([]);
    good.send(request(1n));
    await replica.arrived(1);
    await until(() => replica.member.bus.connectionCount === 1);
    expect(good.ended).toBe(false);
  });

  test("take good messages behind them along", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(request(1n).fill(1, 0, 1), request(1n));
    await until(() => peer.ended);
    expect(replica.inbox.messages).toEqual([]);
  });

  test("of any kind never harm the process", async () => {
    const replica = await OneReplica.start({ clientsLimit: 8 });
    const garbage = fc.uint8Array({ minLength: 1, maxLength: 3000 });
    const damaged = fc
      .tuple(fc.nat(600), fc.nat(HEADER_SIZE_BYTES + 599), fc.integer({ min: 1, max: 255 }))
      .map(([size, at, flip]) => {
        const bytes = request(1n, bodyOf(size));
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ flip;
        return bytes;
      });
    await fc.assert(
      fc.asyncProperty(fc.oneof(garbage, damaged), async (bytes) => {
        const peer = await replica.connectAccepted();
        peer.send(bytes);
        peer.socket.end();
        await until(() => peer.ended && replica.member.bus.connectionCount === 0);
      }),
      { numRuns: RUNS },
    );
    expect(replica.inbox.messages).toEqual([]);
    const peer = await replica.connectAccepted();
    peer.send(request(1n));
    await replica.arrived(1);
  });

  test("an unknown command under a right checksum ends the process with status 7", async () => {
    await using child = new Child("serve.ts", []);
    const peer = await RawPeer.connect({ family: 4, host: "127.0.0.1", port: Number(await child.line()) });
    peer.send(messageBytes(25, NO_BODY));
    expect(await child.exit()).toEqual({ status: 7, signal: null });
    expect(child.stderr).toMatch(/^error: a peer sent command 25.*\n$/u);
    peer.close();
  });
});

describe("who is at the other end", () => {
  test("a client is reached once it pinged, and the bytes are those of the message", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(pingClient(5n));
    await replica.arrived(1);
    replica.sendToClient(5n, bodyOf(700));
    const expected = messageBytes(Command.pongClient, bodyOf(700));
    await until(() => peer.received.length >= expected.length);
    expect(Buffer.compare(peer.received, expected)).toBe(0);
  });

  test("a client is reached once it sent a request", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(request(5n));
    await replica.arrived(1);
    replica.sendToClient(5n);
    await until(() => peer.received.length === HEADER_SIZE_BYTES);
  });

  test("a second connection that pings as the same client takes over and closes the first", async () => {
    const replica = await OneReplica.start();
    const first = await replica.connectAccepted();
    first.send(pingClient(5n));
    await replica.arrived(1);
    const second = await replica.connectAccepted();
    second.send(pingClient(5n));
    await until(() => first.ended);
    await replica.arrived(2);
    replica.sendToClient(5n);
    await until(() => second.received.length === HEADER_SIZE_BYTES);
    // The closed one must not have unregistered its successor.
    await until(() => replica.member.bus.connectionCount === 1);
    replica.sendToClient(5n);
    await until(() => second.received.length === 2 * HEADER_SIZE_BYTES);
  });

  test("a second connection that only sends requests of the same client takes nothing over", async () => {
    const replica = await OneReplica.start();
    const first = await replica.connectAccepted();
    first.send(request(5n));
    await replica.arrived(1);
    const second = await replica.connectAccepted();
    second.send(request(5n));
    await replica.arrived(2);
    replica.sendToClient(5n);
    await until(() => first.received.length === HEADER_SIZE_BYTES);
    expect(second.received.length).toBe(0);
    expect([first.ended, second.ended]).toEqual([false, false]);
  });

  test("is counted by what the bus has learned of it", async () => {
    const replica = await OneReplica.start();
    const { bus } = replica.member;
    const kinds = ["unknown", "replica", "client", "clientLikely"] as const;
    const counts = (): readonly number[] => kinds.map((kind) => bus.connectedCount(kind));
    await replica.connectAccepted();
    (await replica.connectAccepted()).send(pingClient(5n));
    (await replica.connectAccepted()).send(request(6n));
    await replica.arrived(2);
    expect(counts()).toEqual([1, 0, 1, 1]);
    expect(bus.connectionCount).toBeLessThanOrEqual(bus.connectionsMax);
    replica.peers[1]?.close();
    await until(() => bus.connectionCount === 2);
    expect(counts()).toEqual([1, 0, 0, 1]);
  });

  test("a connection that is lost leads to nobody", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(pingClient(5n));
    await replica.arrived(1);
    peer.close();
    await until(() => replica.member.bus.connectionCount === 0);
    replica.sendToClient(5n);
    expect(replica.member.pool.available).toBe(replica.member.pool.messagesMax);
  });

  test.each([
    ["two clients that ping", [pingClient(5n), pingClient(6n)]],
    ["a client that pings and another's request", [pingClient(5n), request(6n)]],
    ["a client that pings and a replica", [pingClient(5n), ping(1)]],
    ["a replica and a client that pings", [ping(1), pingClient(5n)]],
    ["two replicas", [ping(1), ping(2)]],
    ["a replica beyond the addresses", [ping(3)]],
    ["the replica itself", [ping(0)]],
    ["a request and the ping of another client", [request(5n), pingClient(6n)]],
  ])("%s on one connection close it", async (_name, messages) => {
    const replica = await OneReplica.start({}, 0, 3);
    const peer = await replica.connectAccepted();
    peer.send(...messages);
    await until(() => peer.ended);
  });

  test.each([
    ["requests of two clients, as a backup forwards them", [request(5n), request(6n)]],
    ["a request and then a replica", [request(5n), ping(1)]],
    ["a request and the ping of the same client", [request(5n), pingClient(5n)]],
    ["a replica that forwards a request", [ping(1), request(5n)]],
    ["a replica that sends a prepare of somebody else", [ping(1), messageBytes(Command.prepare, NO_BODY)]],
  ])("%s on one connection are fine", async (_name, messages) => {
    const replica = await OneReplica.start({}, 0, 3);
    const peer = await replica.connectAccepted();
    peer.send(...messages);
    await replica.arrived(messages.length);
    expect(peer.ended).toBe(false);
  });

  test("a request that turns out to come from a replica no longer leads to the client", async () => {
    const replica = await OneReplica.start({}, 0, 3);
    const backup = await replica.connectAccepted();
    backup.send(request(5n), ping(1));
    await replica.arrived(2);
    replica.sendToClient(5n);
    const direct = await replica.connectAccepted();
    direct.send(request(5n));
    await replica.arrived(3);
    replica.sendToClient(5n);
    await until(() => direct.received.length === HEADER_SIZE_BYTES);
    expect(backup.received.length).toBe(0);
  });
});

describe("limits", () => {
  test("of 70 connections 32 stay open and the others are closed without a byte", async () => {
    const replica = await OneReplica.start({ clientsLimit: 32 });
    const peers = await Promise.all(Array.from({ length: 70 }, () => replica.connect()));
    await until(() => peers.filter((peer) => peer.ended).length === 38);
    expect(replica.member.bus.connectionCount).toBe(32);
    for (const [index, peer] of peers.filter((open) => !open.ended).entries()) peer.send(pingClient(BigInt(index + 1)));
    await replica.arrived(32);
    expect(peers.filter((peer) => peer.ended).every((peer) => peer.received.length === 0)).toBe(true);

    peers.find((peer) => !peer.ended)?.close();
    await until(() => replica.member.bus.connectionCount === 31);
    const late = await replica.connectAccepted();
    late.send(pingClient(99n));
    await replica.arrived(33);
  });

  test("a client that does not read gets as much as was queued, and the rest is dropped", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    peer.send(pingClient(5n));
    await replica.arrived(1);
    peer.socket.pause();
    const message = replica.message(bodyOf(TEST_MIN.derived.messageBodySizeMax));
    const before = message.references;
    // The kernel takes some megabytes; nothing of it may pile up here.
    for (let index = 0; index < 20_000; index += 1) {
      replica.member.bus.sendMessageToClient(5n, message);
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(message.references - before).toBeLessThanOrEqual(TEST_MIN.derived.connectionSendQueueMaxReplica);
    }
    expect(message.references - before).toBe(TEST_MIN.derived.connectionSendQueueMaxReplica);
    peer.socket.resume();
    await until(() => message.references === before);
    await until(() => peer.received.length % message.header.size === 0);
    const first = peer.received.subarray(0, message.header.size);
    expect(Buffer.compare(first, message.bytes())).toBe(0);
    message.release();
  });

  test("a connection of a client makes room for a replica that has none", async () => {
    const replica = await OneReplica.start({ clientsLimit: 2 }, 1, 2);
    // Its slots are for replica 0, two clients and one more.
    const peers: RawPeer[] = [];
    for (let client = 1; client <= 4; client += 1) {
      const peer = await replica.connectAccepted();
      peer.send(pingClient(BigInt(client)));
      peers.push(peer);
      await replica.arrived(client);
    }
    const other = await replica.connect();
    other.send(ping(0));
    await until(
      () => peers[0]?.ended === true,
      () => replica.member.bus.tick(),
    );
    await until(
      () => replica.inbox.messages.length === 5,
      () => replica.member.bus.tick(),
    );
    expect(peers.map((peer) => peer.ended)).toEqual([true, false, false, false]);
    for (let tick = 0; tick < 100; tick += 1) replica.member.bus.tick();
    expect(replica.member.bus.connectionCount).toBe(4);
  });

  test("a connection that stays unknown for 45 s makes room before clients do", async () => {
    const replica = await OneReplica.start({ clientsLimit: 2 }, 1, 2);
    const client = await replica.connectAccepted();
    client.send(pingClient(1n));
    await replica.arrived(1);
    const silent = [await replica.connectAccepted(), await replica.connectAccepted()];
    for (let tick = 0; tick < 4500; tick += 1) replica.member.bus.tick();
    const another = await replica.connectAccepted();
    another.send(pingClient(2n));
    await replica.arrived(2);
    replica.member.bus.tick();
    await until(() => silent[0]?.ended === true);
    expect([client.ended, silent[1]?.ended, another.ended]).toEqual([false, false, false]);
  });
});

describe("back-pressure", () => {
  test("a connection with a suspended message is not read from until it is resumed", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    replica.inbox.suspending = true;
    const total = 4000;
    const sent = Array.from({ length: total }, (_, index) => request(1n, bodyOf(3000), index));
    let written = false;
    peer.socket.write(Buffer.concat(sent), () => (written = true));
    await until(() => replica.inbox.offered > 0);
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const { offered } = replica.inbox;
    expect(offered).toBeLessThanOrEqual(TEST_MIN.cluster.messageSizeMax / HEADER_SIZE_BYTES);
    expect(written).toBe(false);

    // Asked for in vain: everything stays as it is.
    replica.member.bus.resumeReceive();
    await until(() => replica.inbox.offered > offered);
    expect(replica.inbox.messages).toEqual([]);

    replica.inbox.suspending = false;
    replica.member.bus.resumeReceive();
    await replica.arrived(total);
    expect(replica.inbox.requestNumbers()).toEqual(Array.from({ length: total }, (_, index) => index));
  });

  test("other connections go on", async () => {
    const replica = await OneReplica.start();
    const [slow, fast] = [await replica.connectAccepted(), await replica.connectAccepted()];
    replica.inbox.suspending = true;
    slow.send(request(1n, NO_BODY, 1));
    await until(() => replica.inbox.offered === 1);
    replica.inbox.suspending = false;
    fast.send(request(2n, NO_BODY, 2));
    await replica.arrived(1);
    expect(replica.inbox.requestNumbers()).toEqual([2]);
    replica.member.bus.resumeReceive();
    await replica.arrived(2);
    expect(replica.inbox.requestNumbers()).toEqual([2, 1]);
  });

  test("suspending now and then changes neither messages nor their order", async () => {
    const replica = await OneReplica.start();
    const peer = await replica.connectAccepted();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: TEST_MIN.derived.messageBodySizeMax }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
        async (bodySizes, suspensions) => {
          replica.inbox.messages.length = 0;
          const sent = bodySizes.map((size, index) => request(1n, bodyOf(size, index), index));
          peer.send(...sent);
          let turn = 0;
          await until(
            () => replica.inbox.messages.length === sent.length,
            () => {
              turn += 1;
              replica.inbox.suspending = suspensions[turn % suspensions.length] === true && turn < 50;
              replica.member.bus.resumeReceive();
            },
          );
          expect(replica.inbox.messages).toEqual(sent);
        },
      ),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });

  test("a suspended message of a connection that was replaced is not lost", async () => {
    const replica = await OneReplica.start();
    const first = await replica.connectAccepted();
    first.send(pingClient(5n));
    await replica.arrived(1);
    replica.inbox.suspending = true;
    first.send(request(5n, NO_BODY, 77));
    await until(() => replica.inbox.offered === 2);
    const second = await replica.connectAccepted();
    second.send(pingClient(5n));
    await until(() => first.ended);
    expect(replica.member.bus.connectionCount).toBe(2);
    replica.inbox.suspending = false;
    replica.member.bus.resumeReceive();
    await replica.arrived(3);
    expect(replica.inbox.requestNumbers()).toContain(77);
    await until(() => replica.member.bus.connectionCount === 1);
    expect(second.ended).toBe(false);
  });
});

describe("dialling", () => {
  test("waits for nothing at first, longer after each attempt that brought no data, and little after one that did", async () => {
    let connections = 0;
    let talkative = false;
    const address = await listen((socket) => {
      connections += 1;
      socket.on("error", () => undefined);
      socket.end(talkative ? ping(0) : NO_BODY);
    });
    const { bus, pool } = createMember({ kind: "client" }, [address], new Inbox(), { config: TEST_MIN });
    const { connectionDelayMinMs: min, connectionDelayMaxMs: max, tickMs } = TEST_MIN.process;
    // The same draws as those of the bus.
    const random = new Random(42);
    const attempt = async (attempts: number | "first"): Promise<void> => {
      const before = connections;
      const delayMs = attempts === "first" ? 0 : exponentialBackoffWithJitter(random, min, max, attempts);
      const delayTicks = Math.ceil(delayMs / tickMs);
      for (let tick = 0; tick < delayTicks; tick += 1) bus.tick();
      await new Promise((resolve) => setImmediate(resolve));
      expect(connections).toBe(before);
      bus.tick();
      await until(() => connections === before + 1 && bus.connectionCount === 0);
    };
    await attempt("first");
    for (let attempts = 1; attempts < 8; attempts += 1) await attempt(attempts);
    talkative = true;
    await attempt(8);
    talkative = false;
    for (let attempts = 0; attempts < 3; attempts += 1) await attempt(attempts);
    await bus.close();
    expect(pool.available).toBe(pool.messagesMax);
  });

  test("goes only to replicas with a higher index", async () => {
    const inboxes = [new Inbox(), new Inbox(), new Inbox()];
    const network = await Network.start(inboxes);
    await network.until(() => network.replicas.every(({ bus }) => bus.connectionCount === 2));
    for (let tick = 0; tick < 20; tick += 1) network.tick();
    expect(network.replicas.map(({ bus }) => bus.connectionCount)).toEqual([2, 2, 2]);
    await network.close();
  });

  test("finds a replica that was restarted", async () => {
    const inbox = new Inbox();
    const network = await Network.start([inbox]);
    const client = network.addClient(new Inbox());
    const reach = async (receiver: Inbox, each: () => void): Promise<void> => {
      const before = receiver.messages.length;
      await until(
        () => receiver.messages.length > before,
        () => {
          each();
          const message = client.pool.acquire();
          message.buffer.set(pingClient(5n));
          client.bus.sendMessageToReplica(0, message);
          message.release();
        },
      );
    };
    await reach(inbox, () => network.tick());
    const [first] = network.replicas;
    if (first === undefined) throw new Error("there is no replica");
    await network.closeMember(first);
    const successorInbox = new Inbox();
    const role = { kind: "replica", replica: 0, clientsLimit: 8 } as const;
    const successor = createMember(role, network.addresses, successorInbox);
    await successor.bus.listen();
    await reach(successorInbox, () => {
      network.tick();
      successor.bus.tick();
    });
    await successor.bus.close();
    await network.close();
  });

  test("messages that are sent while it lasts arrive when it is done", async () => {
    const inbox = new Inbox();
    const network = await Network.start([inbox]);
    const client = network.addClient(new Inbox());
    client.bus.tick();
    const message = client.pool.acquire();
    message.buffer.set(pingClient(5n));
    // One more than a client's queue holds.
    for (let index = 0; index < 3; index += 1) client.bus.sendMessageToReplica(0, message);
    expect(message.references).toBe(3);
    await network.until(() => inbox.messages.length === 2);
    await network.until(() => message.references === 1);
    message.release();
    await network.close();
  });
});

test("messages for a replica that is never reached are given back", async () => {
  const replica = await OneReplica.start();
  running.length = 0;
  await replica.close();
  // Nobody listens there any more.
  const { bus, pool } = createMember({ kind: "client" }, [replica.address], new Inbox());
  bus.tick();
  const message = pool.acquire();
  message.buffer.set(pingClient(5n));
  bus.sendMessageToReplica(0, message);
  expect(message.references).toBe(2);
  await until(
    () => message.references === 1,
    () => bus.tick(),
  );
  message.release();
  await bus.close();
  expect(pool.available).toBe(pool.messagesMax);
});

describe("listening", () => {
  test("a port that is taken is refused with one line", async () => {
    const { address } = await OneReplica.start();
    const { bus } = createMember({ kind: "replica", replica: 0, clientsLimit: 1 }, [address], new Inbox());
    const refused = expect(bus.listen()).rejects;
    await refused.toMatchObject({ name: "ListenError", code: "address_in_use", exitStatus: 1 });
    await bus.close();
  });

  test("an address that the machine does not have is refused with one line", async () => {
    const address: Address = { family: 4, host: "192.0.2.1", port: 0 };
    const { bus } = createMember({ kind: "replica", replica: 0, clientsLimit: 1 }, [address], new Inbox());
    await expect(bus.listen()).rejects.toMatchObject({ code: "address_not_available" });
    await bus.close();
  });

  test("on port 0 tells the port", async () => {
    const { address } = await OneReplica.start();
    expect(address).toMatchObject({ family: 4, host: "127.0.0.1" });
    expect(address.port).toBeGreaterThan(0);
  });
});

describe("closing", () => {
  test("ends all connections, those with suspended messages too, and gives every message back", async () => {
    const replica = await OneReplica.start();
    const [idle, suspended] = [await replica.connectAccepted(), await replica.connectAccepted()];
    replica.inbox.suspending = true;
    suspended.send(request(1n));
    await until(() => replica.inbox.offered === 1);
    running.length = 0;
    await replica.close();
    await until(() => idle.ended && suspended.ended);
    const { bus } = createMember({ kind: "replica", replica: 0, clientsLimit: 1 }, [replica.address], new Inbox());
    await bus.listen();
    await bus.close();
  });

  test("a closed bus does nothing any more", async () => {
    const replica = await OneReplica.start();
    running.length = 0;
    await replica.close();
    replica.member.bus.tick();
    expect(replica.member.bus.connectionCount).toBe(0);
    await expect(replica.member.bus.close()).rejects.toThrow(AssertionError);
  });
});
