import {
  Command,
  EvictionHeader,
  EvictionReason,
  type Message,
  Operation,
  PingClientHeader,
  PongClientHeader,
  releaseOf,
  ReplyHeader,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";

import { CLIENT, CLUSTER, FakeCluster, MESSAGES_MAX } from "../test/fake-cluster.ts";
import { evictionOf, registerResult, replyTo } from "../test/messages.ts";
import { type Reply, Session, type SessionOptions } from "./session.ts";

const OPERATION = 140;

let cluster: FakeCluster;

function sessionWith(options: Partial<SessionOptions> = {}): Session {
  return new Session(cluster.options(options));
}

beforeEach(() => {
  cluster = new FakeCluster();
});

function registered(options: Partial<SessionOptions> = {}): Session {
  const session = sessionWith(options);
  session.register(() => undefined);
  cluster.deliver(session, replyTo(cluster.lastRequest(), registerResult(1024)));
  expect(session.state).toBe("idle");
  return session;
}

describe("Session", () => {
  it("registers with the message of the specification", () => {
    const session = sessionWith({ cluster: 0n, release: releaseOf(0, 17, 8) });
    session.register(() => undefined);
    const request = cluster.lastRequest();
    expect(Buffer.from(request.buffer.subarray(0, 16)).toString("hex")).toBe("536b1b59b353b954645d9b3ef56a04cd");
    expect(request.size).toBe(512);
    expect(session.state).toBe("registering");
  });

  it("learns its number and its limit from the answer", () => {
    const session = registered();
    expect([session.session, session.batchSizeLimit, session.view]).toEqual([2, 1024, 1]);
  });

  it("pings every replica once it registers, so that they know whose connection it is", () => {
    sessionWith({ replicaCount: 3 }).register(() => undefined);
    const pings = cluster.sent.filter(({ bytes }) => new PingClientHeader(bytes).command === Command.pingClient);
    expect(pings.map(({ replica }) => replica)).toEqual([0, 1, 2]);
  });

  it("chains each request to the context of the answer before it, and numbers them from 1", () => {
    const session = registered();
    const context = cluster.sent.length > 0 ? cluster.lastRequest().checksum ^ 0xffn : 0n;
    session.request(OPERATION, Uint8Array.of(1, 2, 3), () => undefined);
    const request = cluster.lastRequest();
    expect([request.parent, request.session, request.request, request.view, request.size]).toEqual([
      context,
      2,
      1,
      1,
      259,
    ]);
    expect(session.state).toBe("busy");
  });

  it("hands over the answer, and allows the next request from within", () => {
    const session = registered();
    const replies: Reply[] = [];
    session.request(OPERATION, new Uint8Array(0), (reply) => {
      replies.push({ ...reply, body: reply.body.slice() });
      session.request(OPERATION, new Uint8Array(0), () => undefined);
    });
    cluster.deliver(session, replyTo(cluster.lastRequest(), Uint8Array.of(9)));
    expect(replies).toEqual([{ operation: OPERATION, timestamp: 5_000n, body: Uint8Array.of(9) }]);
    expect(cluster.lastRequest().request).toBe(2);
  });

  it("repeats an unanswered request byte for byte, later and later", () => {
    const session = registered();
    session.request(OPERATION, Uint8Array.of(1), () => undefined);
    const first = cluster.sent.at(-1)?.bytes;
    cluster.sent = [];
    const ticksOfSends: number[] = [];
    for (let tick = 1; tick <= 400; tick += 1) {
      const before = cluster.sent.length;
      session.tick();
      if (cluster.sent.length > before) ticksOfSends.push(tick);
    }
    expect(ticksOfSends[0]).toBe(60);
    expect(ticksOfSends.length).toBeGreaterThan(2);
    for (const { bytes } of cluster.sent) expect(bytes).toEqual(first);
  });

  it.each([
    [false, 2000],
    [true, 0],
  ])("tells how long the last answer took, but not in a recovery (%s)", (aofRecovery, latency) => {
    const session = registered({ aofRecovery });
    const timestamp = aofRecovery ? 7n : 0n;
    session.request(OPERATION, new Uint8Array(0), () => undefined, timestamp);
    cluster.nowNs += 2_000_000n;
    cluster.deliver(session, replyTo(cluster.lastRequest(), new Uint8Array(0)));
    session.request(OPERATION, new Uint8Array(0), () => undefined, timestamp);
    const request = cluster.lastRequest();
    expect([request.previousRequestLatency, request.timestamp]).toEqual([latency, timestamp]);
  });

  it("sends to the primary of its view and to one other replica", () => {
    const session = registered({ replicaCount: 3 });
    cluster.sent = [];
    session.request(OPERATION, new Uint8Array(0), () => undefined);
    expect(cluster.sent).toHaveLength(2);
    expect(cluster.sent[0]?.replica).toBe(1);
    expect([0, 2]).toContain(cluster.sent[1]?.replica);
  });

  it.each([
    ["of another client", (reply: ReplyHeader) => (reply.client = 5n)],
    ["to an older request", (reply: ReplyHeader) => (reply.request = 77)],
    ["to a request with other bytes", (reply: ReplyHeader) => (reply.requestChecksum = 1n)],
  ])("ignores an answer %s", (_, change) => {
    const session = registered();
    session.request(OPERATION, new Uint8Array(0), () => expect.fail("this is not its answer"));
    cluster.deliver(session, replyTo(cluster.lastRequest(), new Uint8Array(0), change));
    expect(session.state).toBe("busy");
  });

  it("ignores a limit that no message can have, and goes on asking", () => {
    const session = sessionWith();
    session.register(() => expect.fail("not registered"));
    cluster.deliver(session, replyTo(cluster.lastRequest(), registerResult(TEST_MIN.derived.messageBodySizeMax + 1)));
    expect(session.state).toBe("registering");
  });

  it("closes a connection on which another cluster answers", () => {
    const session = registered({});
    const foreign = replyTo(cluster.lastRequest(), new Uint8Array(0));
    const header = new ReplyHeader(foreign);
    header.cluster = 8n;
    cluster.checksums.set(header);
    expect(cluster.deliver(session, foreign).invalid).toBe("header_cluster");
  });

  it("ends when the cluster evicts it, and says why", () => {
    const session = registered();
    session.request(OPERATION, new Uint8Array(0), () => expect.fail("never answered"));
    cluster.deliver(session, evictionOf(CLIENT, CLUSTER, EvictionReason.noSession));
    expect(session.state).toBe("evicted");
    expect(cluster.evictions.map(({ reason }) => reason)).toEqual([EvictionReason.noSession]);
    cluster.sent = [];
    for (let tick = 0; tick < 4000; tick += 1) session.tick();
    expect(cluster.sent).toEqual([]);
  });

  it("ignores the eviction of a primary that a newer view has deposed", () => {
    const session = registered();
    const eviction = cluster.build(EvictionHeader, Command.eviction, new Uint8Array(0), (header) => {
      header.client = CLIENT;
      header.reason = EvictionReason.noSession;
    });
    cluster.deliver(session, eviction);
    expect(session.state).toBe("idle");
  });

  describe("when there is a new connection", () => {
    const commands = (): (readonly [number, number])[] =>
      cluster.sent.map(({ replica, bytes }) => [replica, new PingClientHeader(bytes).command]);

    it("sends nothing before there is a session to speak of", () => {
      const session = sessionWith({ replicaCount: 3 });
      session.onConnected(2);
      expect(commands()).toEqual([]);
    });

    it("pings the replica, and no other", () => {
      const session = registered({ replicaCount: 3 });
      cluster.sent = [];
      session.onConnected(2);
      expect(commands()).toEqual([[2, Command.pingClient]]);
    });

    it("repeats the request that is under way to the primary, and to nobody else", () => {
      const session = registered({ replicaCount: 3 });
      session.request(OPERATION, Uint8Array.of(1), () => undefined);
      const { checksum } = cluster.lastRequest();
      cluster.sent = [];
      session.onConnected(0);
      session.onConnected(1);
      expect(commands()).toEqual([
        [0, Command.pingClient],
        [1, Command.pingClient],
        [1, Command.request],
      ]);
      expect(cluster.lastRequest().checksum).toBe(checksum);
    });
  });

  it.each([
    [5, 0],
    [6, 2],
  ])("says in a ping which session it has from release 0.17.6 on: 0.17.%i says %i", (patch, number) => {
    const session = registered({ release: releaseOf(0, 17, patch) });
    cluster.sent = [];
    session.onConnected(0);
    expect(cluster.sent.map(({ bytes }) => new PingClientHeader(bytes).session)).toEqual([number]);
  });

  it("learns a newer view from a pong and does not trust an unknown replica's round trip", () => {
    const session = registered();
    const pong = cluster.build(PongClientHeader, Command.pongClient, new Uint8Array(0), (header) => {
      header.view = 9;
      header.replica = 200;
      header.pingTimestampMonotonic = 1n;
    });
    cluster.deliver(session, pong);
    expect(session.view).toBe(9);
  });

  it("takes any message with right checksums without stopping, whatever its fields say", () => {
    const session = registered();
    session.request(OPERATION, new Uint8Array(0), () => expect.fail("nobody answered"));
    const request = cluster.lastRequest();
    const command = fc.constantFrom(...Object.values(Command));
    const body = fc.uint8Array({ maxLength: 300 });
    const fields = fc.uint8Array({ minLength: 144, maxLength: 144 });
    const toUs = fc.boolean();
    fc.assert(
      fc.property(command, body, fields, toUs, (anyCommand, anyBody, anyFields, answersUs) => {
        const bytes = cluster.build(ReplyHeader, anyCommand, anyBody, (header) => {
          header.buffer.set(anyFields, 112);
          header.command = anyCommand;
          header.protocol = 0;
          // An eviction would end the session, and the test with it.
          if (answersUs && anyCommand !== Command.eviction) header.client = CLIENT;
          // Not even by chance the answer that is waited for.
          if (header.requestChecksum === request.checksum) header.requestChecksum = 0n;
        });
        const buffer = cluster.deliver(session, bytes);
        buffer.close();
      }),
      { numRuns: 300 },
    );
    expect(session.state).toBe("busy");
  });

  it("returns every message to the pool", () => {
    const session = registered();
    for (let count = 0; count < 3 * MESSAGES_MAX; count += 1) {
      session.request(Operation.noop, new Uint8Array(0), () => undefined);
      const buffer = cluster.deliver(session, replyTo(cluster.lastRequest(), new Uint8Array(0)));
      buffer.close();
    }
    session.close();
    expect(session.state).toBe("closed");
    const messages: Message[] = [];
    while (cluster.pool.available > 0) messages.push(cluster.pool.acquire());
    // The connection of the registration still has its buffer.
    expect(messages).toHaveLength(MESSAGES_MAX - 1);
  });
});
