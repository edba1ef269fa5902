import { describe, expect, test } from "vitest";
import { RELEASE_CLIENT_MIN, RELEASE_NOW, type RequestFields, Solo, Tally, type TestClient } from "../../test/solo.ts";
import { Command } from "../command.ts";
import { EvictionReason, evictionReasonName } from "../eviction.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { Operation } from "../operation.ts";
import { ADMISSION_RULES } from "./admission.ts";

/** Sends one request of client 9 and tells what came back, in one word. */
function answer(solo: Solo, fields: RequestFields): string {
  const before = solo.bus.sent.length;
  const op = solo.replica.state.op;
  solo.receive(solo.requestBytes({ client: 9n, ...fields }));
  solo.settle();
  const sent = solo.bus.sent.slice(before);
  expect(sent.length).toBeLessThanOrEqual(1);
  const [received] = sent;
  if (received === undefined) return solo.replica.state.op === op ? "dropped" : "executed";
  expect(received.client).toBe(fields.client ?? 9n);
  if (received.command === Command.reply) return "replied";
  return evictionReasonName(received.eviction.reason);
}

const REGISTER: RequestFields = { operation: Operation.register, body: new Uint8Array(256) };

describe("a request is judged by the first rule of spec 03 §12.1 that applies", () => {
  /** A session of client 9 whose latest request is number 2. */
  function withSession(): { readonly solo: Solo; readonly next: RequestFields; readonly client: TestClient } {
    const solo = Solo.serving({ requestSizeLimit: 1024 });
    const client = solo.registered(9n);
    client.add(1);
    client.add(2);
    const next = { session: client.session, request: 3, parent: client.context, view: 1, body: Uint8Array.of(3) };
    return { solo, next, client };
  }

  test("the next request of a session is executed", () => {
    const { solo, next } = withSession();
    expect(answer(solo, next)).toBe("replied");
    expect(solo.machine.sum).toBe(6);
  });

  const cases: readonly (readonly [row: string, name: string, fields: RequestFields, expected: string])[] = [
    ["3", "a newer view than the replica's", { view: 2 }, "dropped"],
    ["3", "a newer view, and a release that is too low", { view: 2, release: 1 }, "dropped"],
    ["5", "a release that is too low", { release: RELEASE_CLIENT_MIN - 1 }, "client_release_too_low"],
    ["6", "a release that is too high", { release: RELEASE_NOW + 1 }, "client_release_too_high"],
    ["7", "a body that is too large", { body: new Uint8Array(1024 - 255) }, "invalid_request_body_size"],
    [
      "7",
      "too large, with an unknown operation",
      { body: new Uint8Array(1024), operation: 199 },
      "invalid_request_body_size",
    ],
    ["8", "an operation that the state machine does not know", { operation: 199 }, "invalid_request_operation"],
    [
      "",
      "a reconfiguration, whatever it asks for",
      { operation: Operation.reconfigure, body: new Uint8Array(256) },
      "replied",
    ],
    ["9", "a body that the state machine does not take", { body: Uint8Array.of(255) }, "invalid_request_body"],
    ["9", "an invalid body without a session", { client: 8n, body: Uint8Array.of(255) }, "invalid_request_body"],
    [
      "10",
      "register without a body",
      { ...REGISTER, body: new Uint8Array(0), session: 0, request: 0, parent: 0n },
      "invalid_request_body_size",
    ],
    [
      "10",
      "register with a body that is not zero",
      { ...REGISTER, body: new Uint8Array(256).fill(1), session: 0, request: 0, parent: 0n, client: 8n },
      "dropped",
    ],
    ["12", "upgrade, which is not for clients", { operation: Operation.upgrade, body: new Uint8Array(16) }, "dropped"],
    ["13", "no session", { client: 8n }, "no_session"],
    ["13", "a newer session", { session: 2 }, "dropped"],
    ["13", "another release in the session", { release: RELEASE_NOW - 1 }, "session_release_mismatch"],
    ["13", "an older request", { request: 1 }, "dropped"],
    ["13", "the latest request's number with other bytes", { request: 2 }, "dropped"],
    ["13", "a request that skips one", { request: 4 }, "dropped"],
    ["13", "a request that does not prove the latest reply", { parent: 5n }, "dropped"],
    ["15", "a timestamp", { timestamp: 1n }, "dropped"],
  ];

  test.each(cases)("row %s: %s", (_, __, fields, expected) => {
    const { solo, next } = withSession();
    expect(answer(solo, { ...next, ...fields })).toBe(expected);
    expect(solo.pool.available).toBe(solo.pool.messagesMax - 1);
  });

  test("row 2: while the log is replayed, requests are dropped", () => {
    const { solo, next } = withSession();
    const again = new Solo({ storage: solo.storage.restart(), requestSizeLimit: 1024 });
    again.open();
    again.settleUntil(() => again.replica.state.commitMin === 1);
    again.receive(again.requestBytes({ client: 9n, ...next }));
    expect(again.replica.state.op).toBe(3);
    again.settle();
    expect(again.bus.sent).toEqual([]);
    expect(again.machine.sum).toBe(3);
  });

  test("row 11: until the view is durable, requests are dropped", () => {
    const solo = new Solo();
    solo.open();
    solo.settleUntil(() => solo.replica.state.status === "normal");
    expect(solo.serving).toBe(false);
    expect(solo.replica.state.view).toBe(1);
    const client = solo.client(9n);
    client.register();
    expect(solo.replica.state.op).toBe(0);
    solo.settle();
    expect(solo.serving).toBe(true);
    client.resend();
    solo.settle();
    expect(client.take().reply.view).toBe(1);
  });

  test("row 13: an older session is evicted", () => {
    const { solo } = withSession();
    // Sessions begin at op 1, and 0 is no session: a client whose register was executed later has an older one.
    const late = solo.registered(20n);
    expect(late.session).toBeGreaterThan(1);
    expect(answer(solo, { client: 20n, session: 1, request: 1, parent: late.context, body: Uint8Array.of(1) })).toBe(
      "session_too_low",
    );
    expect(solo.logger.lines.join("\n")).toContain("on_request: ignoring older session");
  });

  test("the rules stand in the order of their rows", () => {
    const rows = ADMISSION_RULES.map(({ row }) => row);
    expect(rows).toEqual(rows.toSorted((left, right) => left - right));
  });
});

describe("the session of a client", () => {
  test("begins with its register, whose number is the session", () => {
    const solo = Solo.serving();
    expect(solo.registered(5n).session).toBe(1);
    expect(solo.registered(6n).session).toBe(2);
  });

  test("a register that is sent again gets the same reply while it is the latest", () => {
    const solo = Solo.serving();
    const client = solo.client(5n);
    client.register();
    solo.settle();
    const [first] = client.inbox();
    client.resend();
    solo.settle();
    const [second] = client.inbox();
    expect(second?.bytes).toEqual(first?.bytes);
    expect(solo.replica.state.op).toBe(1);
  });

  test("a register that is sent again after a request was answered is dropped", () => {
    const solo = Solo.serving();
    const client = solo.registered(5n);
    client.add(1);
    expect(answer(solo, { ...REGISTER, client: 5n })).toBe("dropped");
  });

  test("when one client too many registers, the one that was idle for longest loses its session without being told", () => {
    const solo = Solo.serving();
    const { clientsMax } = solo.config.cluster;
    const clients = Array.from({ length: clientsMax }, (_, index) => solo.registered(BigInt(100 + index)));
    // The first client is heard of again, so the second is the idle one.
    clients[0]?.add(1);
    const extra = solo.registered(200n);
    expect(clients.map((client) => client.inbox().length)).toEqual(clients.map(() => 0));
    expect(extra.add(1).tally.sum).toBe(2);

    const idle = clients[1];
    idle?.send();
    solo.settle();
    expect(idle?.inbox()[0]?.eviction.reason).toBe(EvictionReason.noSession);
    expect(solo.logger.lines.join("\n")).toContain("on_request: no session");
    expect(clients[2]?.add(1).tally.sum).toBe(3);
  });

  test("a request of a client that lost its session while it was in the pipeline is executed and answered", () => {
    const solo = Solo.serving();
    const { clientsMax } = solo.config.cluster;
    const clients = Array.from({ length: clientsMax }, (_, index) => solo.registered(BigInt(100 + index)));
    const oldest = clients[0];
    const extra = solo.client(200n);
    extra.register();
    oldest?.send({ body: Uint8Array.of(9) });
    solo.settle();
    expect(extra.take().reply.operation).toBe(Operation.register);
    expect(oldest?.take().tally).toEqual({ count: 1, sum: 9 });
    oldest?.send();
    solo.settle();
    expect(oldest?.inbox()[0]?.eviction.reason).toBe(EvictionReason.noSession);
  });

  test("noop is answered without a result", () => {
    const solo = Solo.serving();
    const client = solo.registered(5n);
    client.send({ operation: Operation.noop, body: new Uint8Array(0) });
    solo.settle();
    expect(client.take().bytes.length).toBe(256);
    expect(client.add(1).tally.sum).toBe(1);
  });

  test("operation 128 of a client is executed like any other, as the reference does", () => {
    const solo = Solo.serving();
    const client = solo.registered(5n);
    client.send({ operation: 128, body: new Uint8Array(0) });
    solo.settle();
    expect(client.take().bytes.length).toBe(256);
  });
});

describe("the pipeline", () => {
  /** Clients that each send one `add` of their number before anything completes. */
  function rush(solo: Solo, count: number): TestClient[] {
    const clients = Array.from({ length: count }, (_, index) => solo.registered(BigInt(1 + index)));
    for (const client of clients) client.send({ body: Uint8Array.of(Number(client.id)) });
    return clients;
  }

  test("requests beyond the prepare queue wait, and all are executed in the order of their arrival", () => {
    const solo = Solo.serving();
    const clients = rush(solo, 7);
    expect(solo.replica.describe()).toContain("prepares=4 requests=3");
    solo.settle();
    expect(clients.map((client) => client.take().tally.sum)).toEqual([1, 3, 6, 10, 15, 21, 28]);
    expect(solo.replica.describe()).toContain("prepares=0 requests=0");
  });

  test("a full pipeline drops further requests, and the client's retry succeeds", () => {
    const solo = Solo.serving({ pipelineRequestQueueLimit: 1 });
    const clients = rush(solo, 6);
    solo.settle();
    const last = clients[5];
    expect(last?.inbox()).toEqual([]);
    last?.resend();
    solo.settle();
    expect(last?.take().tally.sum).toBe(21);
  });

  test("a request that is on its way is not taken twice, neither prepared nor waiting", () => {
    const solo = Solo.serving();
    const clients = rush(solo, 6);
    for (const client of clients) client.resend();
    expect(solo.replica.describe()).toContain("prepares=4 requests=2");
    solo.settle();
    expect(clients.map((client) => client.take().tally.count)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("a client that sends another request before the first is answered is not served twice", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send({ body: Uint8Array.of(1) });
    solo.receive(
      solo.requestBytes({
        client: 1n,
        session: client.session,
        request: 1,
        parent: client.context,
        body: Uint8Array.of(2),
      }),
    );
    solo.settle();
    expect(client.take().tally).toEqual({ count: 1, sum: 1 });
    expect(solo.logger.lines.join("\n")).toContain("client forked");
  });

  test("a request before the client's register is executed is dropped, not evicted", () => {
    const solo = Solo.serving();
    const client = solo.client(1n);
    client.register();
    solo.receive(solo.requestBytes({ client: 1n, session: 1, request: 1, body: Uint8Array.of(2) }));
    solo.settle();
    expect(client.take().reply.operation).toBe(Operation.register);
    expect(solo.machine.count).toBe(0);
  });

  test("prepares are written strictly one after the other", () => {
    const solo = Solo.serving();
    let writing = 0;
    const clients = Array.from({ length: 4 }, (_, index) => solo.registered(BigInt(1 + index)));
    solo.storage.log.length = 0;
    for (const client of clients) client.send();
    while (solo.storage.step()) writing = Math.max(writing, solo.journal.writesPending);
    expect(writing).toBe(1);
    const writes = solo.storage.log.filter((line) => line.startsWith("write walPrepares"));
    expect(writes).toEqual([5, 6, 7, 8].map((op) => `write walPrepares ${op * 4096}`));
  });
});

describe("a prepare", () => {
  test("has every field of spec 03 §13.2", () => {
    const solo = Solo.serving();
    solo.time.realtimeNs = 5_000n;
    const client = solo.registered(7n);
    const parent = solo.journal.headerWithOp(1);
    solo.time.realtimeNs = 9_000n;
    client.send({ body: Uint8Array.of(1, 2, 3) });
    const request = client.inFlight;
    solo.settle();
    const prepare = solo.journal.headerWithOp(2);
    expect(prepare).toMatchObject({
      cluster: 0n,
      size: 259,
      view: 1,
      release: RELEASE_NOW,
      command: Command.prepare,
      replica: 0,
      parent: parent?.checksum,
      requestChecksum: new PrepareHeader(request ?? new Uint8Array(256)).checksum,
      checkpointId: 0n,
      client: 7n,
      op: 2,
      commit: 1,
      // The machine above asks for as many timestamps as there are bytes.
      timestamp: 9_003n,
      request: 1,
      operation: Tally.add,
    });
  });

  test("of a register carries the replica's batch size limit, and the reply tells it to the client", () => {
    const solo = Solo.serving({ requestSizeLimit: 2048 });
    const client = solo.client(7n);
    client.register();
    solo.settle();
    const reply = client.take();
    expect(new DataView(reply.body.buffer, reply.body.byteOffset).getUint32(0, true)).toBe(2048 - 256);
    expect(reply.bytes.length).toBe(256 + 64);
    expect(solo.journal.headerWithOp(1)?.requestChecksum).toBe(reply.reply.requestChecksum);
  });

  test("never goes back in time when the wall clock does", () => {
    const solo = Solo.serving();
    const client = solo.registered(7n);
    const timestamps = [1_000n, 900n, 0n, 5_000n].map((realtime) => {
      solo.time.realtimeNs += realtime;
      const { timestamp } = client.add(1).reply;
      solo.time.realtimeNs -= 10_000n;
      return timestamp;
    });
    expect(timestamps).toEqual(timestamps.toSorted((left, right) => (left < right ? -1 : 1)));
    expect(new Set(timestamps).size).toBe(4);
  });
});

describe("what a network can deliver is never fatal", () => {
  test("a request of client 0", () => {
    const solo = Solo.serving();
    const bytes = solo.requestBytes({ client: 0n, operation: Operation.pulse, body: new Uint8Array(0) });
    expect(solo.receive(bytes)).toBeNull();
    solo.settle();
    expect(solo.replica.state.op).toBe(0);
  });

  test("another cluster closes the connection", () => {
    const solo = Solo.serving();
    expect(solo.receive(solo.requestBytes({ cluster: 5n, ...REGISTER }))).toBe("header_cluster");
    expect(solo.replica.state.op).toBe(0);
  });

  test("a request of a replica that does not exist", () => {
    const solo = Solo.serving();
    expect(solo.receive(solo.requestBytes({ replica: 3, ...REGISTER }))).toBeNull();
    solo.settle();
    expect(solo.replica.state.op).toBe(0);
  });

  test.each(Object.entries(Command))("command %s with nothing but zeros", (_, command) => {
    const solo = Solo.serving();
    const bytes = solo.requestBytes({});
    const header = new PrepareHeader(bytes.fill(0, 16, 256));
    header.command = command;
    header.size = bytes.length;
    header.protocol = 0;
    solo.checksums.setBody(header, bytes.subarray(256));
    solo.checksums.set(header);
    expect(solo.receive(bytes)).toBeNull();
    solo.settle();
    expect(solo.replica.state.op).toBe(0);
    expect(solo.messagesHeld).toBe(1);
  });

  test("a message before the superblock is open is forgotten", () => {
    const solo = new Solo();
    solo.open();
    expect(solo.receive(solo.requestBytes(REGISTER))).toBeNull();
    solo.settle();
    expect(solo.replica.state.op).toBe(0);
  });

  test("a prepare waits in its connection while none could be written, and is offered again", () => {
    const solo = Solo.serving();
    const client = solo.registered(1n);
    client.send();
    const bytes = solo.requestBytes({});
    const header = new PrepareHeader(bytes.fill(0, 16, 256));
    header.command = Command.prepare;
    header.size = bytes.length;
    solo.checksums.setBody(header, bytes.subarray(256));
    solo.checksums.set(header);
    const held = solo.messagesHeld;
    solo.receive(bytes);
    expect(solo.messagesHeld).toBe(held);
    expect(solo.bus.resumed).toBe(0);
    solo.settle();
    expect(solo.bus.resumed).toBe(1);
    solo.offerAgain();
    expect(solo.logger.lines.at(-1)).toContain("on_prepare: dropped: of an unused slot");
  });
});
