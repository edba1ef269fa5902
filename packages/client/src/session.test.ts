import { LinearMemory } from "@stagbeetle/kernels";
import {
  Checksums,
  Command,
  EvictionHeader,
  EvictionReason,
  Header,
  HEADER_SIZE_BYTES,
  type HeaderOf,
  initHeader,
  type Layout,
  type Message,
  MessageBuffer,
  MessagePool,
  Operation,
  PingClientHeader,
  PongClientHeader,
  Random,
  type RecordClass,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  releaseOf,
  ReplyHeader,
  RequestHeader,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";

import { type Eviction, type Reply, Session, type SessionOptions } from "./session.ts";

const CLUSTER = 7n;
const CLIENT = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10n;
const RELEASE = releaseOf(0, 17, 9);
const OPERATION = 140;
const MESSAGES_MAX = 8;

interface Sent {
  readonly replica: number;
  readonly bytes: Uint8Array;
}

let pool: MessagePool;
let checksums: Checksums;
let sent: Sent[];
let nowNs: bigint;
let evictions: Eviction[];

function sessionWith(options: Partial<SessionOptions> = {}): Session {
  return new Session({
    config: TEST_MIN,
    pool,
    checksums,
    bus: {
      tick: () => undefined,
      sendMessageToReplica: (replica, message) => sent.push({ replica, bytes: message.bytes().slice() }),
      sendMessageToClient: () => expect.fail("a client does not send to clients"),
      resumeReceive: () => undefined,
    },
    time: { monotonic: () => nowNs, realtime: () => nowNs },
    random: new Random(1),
    cluster: CLUSTER,
    client: CLIENT,
    replicaCount: 1,
    release: RELEASE,
    onEviction: (eviction) => evictions.push(eviction),
    ...options,
  });
}

beforeEach(() => {
  const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
  pool = new MessagePool({ memory, messageSizeMax: TEST_MIN.cluster.messageSizeMax, messagesMax: MESSAGES_MAX });
  checksums = new Checksums();
  sent = [];
  nowNs = 1_000_000_000n;
  evictions = [];
});

function build<Fields extends Layout>(
  header: RecordClass<Fields>,
  command: Command,
  body: Uint8Array,
  fill: (header: HeaderOf<Fields>) => void,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES + body.length);
  const record = new header(bytes) as HeaderOf<Fields>;
  initHeader(record, command, CLUSTER);
  const frame = new Header(bytes);
  frame.size = bytes.length;
  frame.release = RELEASE;
  fill(record);
  bytes.set(body, HEADER_SIZE_BYTES);
  checksums.setBody(record, body);
  checksums.set(record);
  return bytes;
}

function deliver(session: Session, bytes: Uint8Array): MessageBuffer {
  const buffer = new MessageBuffer(pool, checksums);
  buffer.receive(bytes);
  session.onMessages(buffer);
  return buffer;
}

function lastRequest(): RequestHeader {
  const requests = sent
    .map(({ bytes }) => new RequestHeader(bytes))
    .filter(({ command }) => command === Command.request);
  return requests.at(-1) ?? expect.fail("no request was sent");
}

function replyTo(
  request: RequestHeader,
  body: Uint8Array,
  fill: (reply: ReplyHeader) => void = () => undefined,
): Uint8Array {
  return build(ReplyHeader, Command.reply, body, (reply) => {
    reply.view = 1;
    reply.requestChecksum = request.checksum;
    reply.context = request.checksum ^ 0xffn;
    reply.client = request.client;
    reply.op = 2 + request.request;
    reply.commit = 2 + request.request;
    reply.timestamp = 5_000n;
    reply.request = request.request;
    reply.operation = request.operation;
    fill(reply);
  });
}

function registerResult(batchSizeLimit: number): Uint8Array {
  const body = new Uint8Array(REGISTER_RESULT_SIZE_BYTES);
  new RegisterResult(body).batchSizeLimit = batchSizeLimit;
  return body;
}

function registered(options: Partial<SessionOptions> = {}): Session {
  const session = sessionWith(options);
  session.register(() => undefined);
  deliver(session, replyTo(lastRequest(), registerResult(1024)));
  expect(session.state).toBe("idle");
  return session;
}

describe("Session", () => {
  it("registers with the message of the specification", () => {
    const session = sessionWith({ cluster: 0n, release: releaseOf(0, 17, 8) });
    session.register(() => undefined);
    const request = lastRequest();
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
    const pings = sent.filter(({ bytes }) => new PingClientHeader(bytes).command === Command.pingClient);
    expect(pings.map(({ replica }) => replica)).toEqual([0, 1, 2]);
  });

  it("chains each request to the context of the answer before it, and numbers them from 1", () => {
    const session = registered();
    const context = sent.length > 0 ? lastRequest().checksum ^ 0xffn : 0n;
    session.request(OPERATION, Uint8Array.of(1, 2, 3), () => undefined);
    const request = lastRequest();
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
    deliver(session, replyTo(lastRequest(), Uint8Array.of(9)));
    expect(replies).toEqual([{ operation: OPERATION, timestamp: 5_000n, body: Uint8Array.of(9) }]);
    expect(lastRequest().request).toBe(2);
  });

  it("repeats an unanswered request byte for byte, later and later", () => {
    const session = registered();
    session.request(OPERATION, Uint8Array.of(1), () => undefined);
    const first = sent.at(-1)?.bytes;
    sent = [];
    const ticksOfSends: number[] = [];
    for (let tick = 1; tick <= 400; tick += 1) {
      const before = sent.length;
      session.tick();
      if (sent.length > before) ticksOfSends.push(tick);
    }
    expect(ticksOfSends[0]).toBe(60);
    expect(ticksOfSends.length).toBeGreaterThan(2);
    for (const { bytes } of sent) expect(bytes).toEqual(first);
  });

  it.each([
    [false, 2000],
    [true, 0],
  ])("tells how long the last answer took, but not in a recovery (%s)", (aofRecovery, latency) => {
    const session = registered({ aofRecovery });
    const timestamp = aofRecovery ? 7n : 0n;
    session.request(OPERATION, new Uint8Array(0), () => undefined, timestamp);
    nowNs += 2_000_000n;
    deliver(session, replyTo(lastRequest(), new Uint8Array(0)));
    session.request(OPERATION, new Uint8Array(0), () => undefined, timestamp);
    expect([lastRequest().previousRequestLatency, lastRequest().timestamp]).toEqual([latency, timestamp]);
  });

  it("sends to the primary of its view and to one other replica", () => {
    const session = registered({ replicaCount: 3 });
    sent = [];
    session.request(OPERATION, new Uint8Array(0), () => undefined);
    expect(sent).toHaveLength(2);
    expect(sent[0]?.replica).toBe(1);
    expect([0, 2]).toContain(sent[1]?.replica);
  });

  it.each([
    ["of another client", (reply: ReplyHeader) => (reply.client = 5n)],
    ["to an older request", (reply: ReplyHeader) => (reply.request = 77)],
    ["to a request with other bytes", (reply: ReplyHeader) => (reply.requestChecksum = 1n)],
  ])("ignores an answer %s", (_, change) => {
    const session = registered();
    session.request(OPERATION, new Uint8Array(0), () => expect.fail("this is not its answer"));
    deliver(session, replyTo(lastRequest(), new Uint8Array(0), change));
    expect(session.state).toBe("busy");
  });

  it("ignores a limit that no message can have, and goes on asking", () => {
    const session = sessionWith();
    session.register(() => expect.fail("not registered"));
    deliver(session, replyTo(lastRequest(), registerResult(TEST_MIN.derived.messageBodySizeMax + 1)));
    expect(session.state).toBe("registering");
  });

  it("closes a connection on which another cluster answers", () => {
    const session = registered({});
    const foreign = replyTo(lastRequest(), new Uint8Array(0));
    const header = new ReplyHeader(foreign);
    header.cluster = 8n;
    checksums.set(header);
    expect(deliver(session, foreign).invalid).toBe("header_cluster");
  });

  it("ends when the cluster evicts it, and says why", () => {
    const session = registered();
    session.request(OPERATION, new Uint8Array(0), () => expect.fail("never answered"));
    const eviction = build(EvictionHeader, Command.eviction, new Uint8Array(0), (header) => {
      header.view = 1;
      header.client = CLIENT;
      header.reason = EvictionReason.noSession;
    });
    deliver(session, eviction);
    expect(session.state).toBe("evicted");
    expect(evictions.map(({ reason }) => reason)).toEqual([EvictionReason.noSession]);
    sent = [];
    for (let tick = 0; tick < 4000; tick += 1) session.tick();
    expect(sent).toEqual([]);
  });

  it("ignores the eviction of a primary that a newer view has deposed", () => {
    const session = registered();
    const eviction = build(EvictionHeader, Command.eviction, new Uint8Array(0), (header) => {
      header.client = CLIENT;
      header.reason = EvictionReason.noSession;
    });
    deliver(session, eviction);
    expect(session.state).toBe("idle");
  });

  it("learns a newer view from a pong and does not trust an unknown replica's round trip", () => {
    const session = registered();
    const pong = build(PongClientHeader, Command.pongClient, new Uint8Array(0), (header) => {
      header.view = 9;
      header.replica = 200;
      header.pingTimestampMonotonic = 1n;
    });
    deliver(session, pong);
    expect(session.view).toBe(9);
  });

  it("takes any message with right checksums without stopping, whatever its fields say", () => {
    const session = registered();
    session.request(OPERATION, new Uint8Array(0), () => expect.fail("nobody answered"));
    const request = lastRequest();
    const command = fc.constantFrom(...Object.values(Command));
    const body = fc.uint8Array({ maxLength: 300 });
    const fields = fc.uint8Array({ minLength: 144, maxLength: 144 });
    const toUs = fc.boolean();
    fc.assert(
      fc.property(command, body, fields, toUs, (anyCommand, anyBody, anyFields, answersUs) => {
        const bytes = build(ReplyHeader, anyCommand, anyBody, (header) => {
          header.buffer.set(anyFields, 112);
          header.command = anyCommand;
          header.protocol = 0;
          // An eviction would end the session, and the test with it.
          if (answersUs && anyCommand !== Command.eviction) header.client = CLIENT;
          // Not even by chance the answer that is waited for.
          if (header.requestChecksum === request.checksum) header.requestChecksum = 0n;
        });
        const buffer = deliver(session, bytes);
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
      const buffer = deliver(session, replyTo(lastRequest(), new Uint8Array(0)));
      buffer.close();
    }
    session.close();
    const messages: Message[] = [];
    while (pool.available > 0) messages.push(pool.acquire());
    // The connection of the registration still has its buffer.
    expect(messages).toHaveLength(MESSAGES_MAX - 1);
  });
});
