import { type OperationCodec, rawOperation, SharedSession } from "@stagbeetle/client";
import { buildMessage } from "@stagbeetle/client/testing";
import { echo, FakeReplica, freePorts } from "@stagbeetle/tcp-client/testing";
import { Command, EvictionReason, Header } from "@stagbeetle/vsr-protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { ClientState } from "./client-state.ts";
import { ClusterSession } from "./cluster-session.ts";
import { RequestError } from "./request-error.ts";

/** Text that comes back. */
const ECHO: OperationCodec<string, string> = {
  encoding: rawOperation(200),
  encode: (text) => new TextEncoder().encode(text),
  decode: (body) => new TextDecoder().decode(body),
};

let replica: FakeReplica;
let sessions: ClusterSession[];

beforeEach(async () => {
  sessions = [];
  replica = await new FakeReplica().start();
});

afterEach(async () => {
  for (const session of sessions) await session[Symbol.asyncDispose]();
  await replica.stop();
});

function connect(port: number | string = replica.port, cluster = 0n): ClusterSession {
  const session = new ClusterSession({ cluster_id: cluster, replica_addresses: [port] });
  sessions.push(session);
  return session;
}

/** The error with which a promise rejects. */
async function rejection(promise: Promise<unknown>): Promise<RequestError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof RequestError) return error;
  throw new Error(`not a RequestError: ${String(error)}`);
}

/** Waits for a state. */
async function until(session: ClusterSession, condition: (state: ClientState) => boolean): Promise<ClientState> {
  return new Promise((resolve) => {
    const off = session.on("state", (state) => {
      if (!condition(state)) return;
      off();
      resolve(state);
    });
  });
}

describe("a session", () => {
  test("brings requests to their results, in any number", async () => {
    const session = connect();
    const texts = Array.from({ length: 50 }, (_, index) => `request ${index}`);
    expect(await Promise.all(texts.map((text) => session.request(ECHO, text)))).toEqual(texts);
    expect(session.state).toMatchObject({ status: "ready", finding: null, requests_open: 0, session: 2 });
    expect(session.state.replicas).toMatchObject([{ connected: true, answers: true }]);
  });

  test("is ready before the first request for whoever wants to know", async () => {
    const session = connect();
    expect(session.state.status).toBe("connecting");
    await session.ready();
    await session.ready();
    expect(session.state.status).toBe("ready");
  });

  test("finds a replica by its name", async () => {
    expect(await connect(`localhost:${replica.port}`).request(ECHO, "by name")).toBe("by name");
  });

  test("finds a replica again that was gone, and repeats what it had asked", async () => {
    const session = connect();
    replica.onRequest = () => null;
    await session.ready();
    const request = session.request(ECHO, "patience");
    await replica.stop();
    const { finding } = await until(session, (state) => state.finding !== null);
    expect(finding?.code).toMatch(/nothing_listens|closed_without_answer|connecting/u);
    replica.onRequest = echo;
    await replica.start();
    expect(await request).toBe("patience");
    expect((await until(session, (state) => state.finding === null)).status).toBe("ready");
  });

  test("does not take other requests with it whose results cannot be read", async () => {
    const session = connect();
    const broken: OperationCodec<string, string> = {
      ...ECHO,
      decode: () => {
        throw new Error("not mine");
      },
    };
    const [error, text] = await Promise.all([rejection(session.request(broken, "a")), session.request(ECHO, "b")]);
    expect(error).toMatchObject({ code: "ERR_INVALID_REPLY", execution: "done" });
    expect(error.cause).toEqual(new Error("not mine"));
    expect(text).toBe("b");
  });

  test("rejects what its codec refuses, with the codec's words", async () => {
    const picky: OperationCodec<string, string> = {
      ...ECHO,
      encode: () => {
        throw new TypeError("never");
      },
    };
    await expect(connect().request(picky, "a")).rejects.toThrow(new TypeError("never"));
  });

  test("rejects what the cluster does not take in one request", async () => {
    const error = await rejection(connect().request(ECHO, "x".repeat(32_513)));
    expect(error).toMatchObject({ code: "ERR_TOO_MUCH_DATA", execution: "none" });
  });
});

describe("a deadline", () => {
  test("ends a request that was sent, whose execution nobody knows then", async () => {
    const session = connect();
    await session.ready();
    replica.onRequest = () => null;
    const error = await rejection(session.request(ECHO, "a", { deadline_ms: 30 }));
    expect(error).toMatchObject({ name: "RequestError", code: "ERR_DEADLINE_EXCEEDED", execution: "unknown" });
    expect(error.message).toMatch(/^The deadline of the request has passed\. It was sent: it may have been executed/u);
  });

  test("ends a request that was not, and says why it was not", async () => {
    const [port] = await freePorts(1);
    const error = await rejection(connect(port).request(ECHO, "a", { deadline_ms: 200 }));
    expect(error).toMatchObject({ code: "ERR_DEADLINE_EXCEEDED", execution: "none" });
    expect(error.finding?.code).toBe("nothing_listens");
    expect(error.message).toContain(`nothing listens on 127.0.0.1:${port} (connect ECONNREFUSED`);
  });

  test("of the client holds for every request without its own", async () => {
    replica.registers = false;
    const session = new ClusterSession({ cluster_id: 0n, replica_addresses: [replica.port], deadline_ms: 30 });
    sessions.push(session);
    expect((await rejection(session.request(ECHO, "a"))).code).toBe("ERR_DEADLINE_EXCEEDED");
    expect((await rejection(session.ready())).code).toBe("ERR_DEADLINE_EXCEEDED");
    replica.registers = true;
    expect(await session.request(ECHO, "a", { deadline_ms: Number.POSITIVE_INFINITY })).toBe("a");
  });

  test.each([Number.POSITIVE_INFINITY, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER])("of %d never passes", async (ms) => {
    expect(await connect().request(ECHO, "a", { deadline_ms: ms })).toBe("a");
  });

  test.each([0, -1, Number.NaN, "1"])("of %s is no deadline", async (deadline) => {
    await expect(connect().request(ECHO, "a", { deadline_ms: deadline as number })).rejects.toThrow(TypeError);
  });
});

describe("a signal", () => {
  test("ends a request that waits, and one that comes after it", async () => {
    replica.registers = false;
    const session = connect();
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const open = [rejection(session.request(ECHO, "a", options)), rejection(session.ready(options))];
    const reason = new Error("changed my mind");
    controller.abort(reason);
    for (const error of [...(await Promise.all(open)), await rejection(session.request(ECHO, "b", options))]) {
      expect(error).toMatchObject({ code: "ERR_ABORTED", execution: "none", cause: reason });
    }
    expect((await rejection(session.ready(options))).code).toBe("ERR_ABORTED");
  });

  test("that comes after the result does nothing", async () => {
    const controller = new AbortController();
    const session = connect();
    expect(await session.request(ECHO, "a", { signal: controller.signal })).toBe("a");
    controller.abort();
    expect(await session.request(ECHO, "b")).toBe("b");
  });
});

describe("the end of a session", () => {
  test("by its owner rejects everything that is open, and everything later", async () => {
    const session = connect();
    await session.ready();
    replica.onRequest = () => null;
    const open = [rejection(session.request(ECHO, "a")), rejection(session.request(ECHO, "b"))];
    session.destroy();
    session.destroy();
    expect((await Promise.all(open)).map(({ execution }) => execution)).toEqual(["unknown", "none"]);
    for (const error of await Promise.all([
      ...open,
      rejection(session.request(ECHO, "c")),
      rejection(session.ready()),
    ])) {
      expect(error).toMatchObject({ code: "ERR_CLIENT_CLOSED", message: "Client was closed." });
    }
    expect(session.state).toMatchObject({ status: "closed", requests_open: 0, finding: null });
  });

  test.each([
    [EvictionReason.noSession, "ERR_CLIENT_EVICTED", "evicted"],
    [EvictionReason.clientReleaseTooLow, "ERR_CLIENT_RELEASE_TOO_LOW", "release_too_old"],
    [EvictionReason.clientReleaseTooHigh, "ERR_CLIENT_RELEASE_TOO_HIGH", "release_too_new"],
  ])("by the cluster, for reason %i, rejects with %s", async (evict, code, finding) => {
    const session = connect();
    await session.ready();
    replica.onRequest = () => ({ evict });
    const [sent, pending] = [rejection(session.request(ECHO, "a")), rejection(session.request(ECHO, "b"))];
    expect(await sent).toMatchObject({ code, execution: "unknown", finding: { code: finding } });
    expect(await pending).toMatchObject({ code, execution: "none" });
    const later = await rejection(session.request(ECHO, "c"));
    expect(later).toMatchObject({ code: "ERR_CLIENT_CLOSED", cause: { code } });
    expect(session.state).toMatchObject({ status: "evicted", finding: { code: finding } });
    session.destroy();
    expect(session.state.status).toBe("closed");
  });
});

describe("a mistake of ours", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(["onMessages", "tick"] as const)("in %s ends the session, and not the process", async (method) => {
    const session = connect();
    await session.ready();
    // Whichever comes first must be what is broken.
    replica.onRequest = method === "tick" ? () => null : echo;
    const mistake = new Error("a broken invariant");
    vi.spyOn(SharedSession.prototype, method).mockImplementation(() => {
      throw mistake;
    });
    const error = await rejection(session.request(ECHO, "a"));
    expect(error).toMatchObject({ code: "ERR_CLIENT_CLOSED", execution: "unknown", cause: mistake });
    expect(session.state.status).toBe("closed");
  });

  test("in a codec ends its request only", async () => {
    const session = connect();
    const impossible = { ...ECHO, encoding: { ...rawOperation(200), multiBatch: true, resultSizeBytes: 3 } };
    const controller = new AbortController();
    const request = session.request(impossible, "a", { signal: controller.signal });
    await expect(request).rejects.toThrow("operation 200 has elements of 3 bytes");
    // There is nothing left that would listen, and fail.
    controller.abort();
    expect(await session.request(ECHO, "b")).toBe("b");
  });
});

describe("what keeps the cluster from answering is found:", () => {
  test("another cluster id", async () => {
    const session = connect(replica.port, 1n);
    const { finding } = await until(session, (state) => state.finding?.code !== "connecting");
    expect(finding?.code).toBe("closed_without_answer");
    expect(finding?.message).toContain("its cluster has another id than 1");
  });

  test("somebody who speaks another protocol", async () => {
    replica.greeting = new TextEncoder().encode(`HTTP/1.1 400 Bad Request\r\n${" ".repeat(300)}`);
    const { finding } = await until(connect(), (state) => state.finding?.code !== "connecting");
    expect(finding?.code).toBe("not_a_replica");
  });

  test("a newer protocol, which does not end the process", async () => {
    replica.greeting = buildMessage(Header, Command.reserved, 0n, new Uint8Array(0), (header) => (header.command = 25));
    const { finding } = await until(connect(), (state) => state.finding?.code === "release_too_old");
    expect(finding?.message).toContain("command 25");
  });

  test("replicas that answer pings and nothing else", async () => {
    replica.registers = false;
    const { finding } = await until(connect(), (state) => state.finding?.code === "no_primary");
    expect(finding?.message).toContain("1 of 1 replicas answer and none of them executes requests");
  });
});

test("there is one kind of event, and listeners can leave", async () => {
  const session = connect();
  const states: ClientState[] = [];
  const listener = (state: ClientState): void => void states.push(state);
  session.on("state", listener);
  await until(session, ({ status }) => status === "ready");
  session.off("state", listener);
  const count = states.length;
  session.destroy();
  expect(states).toHaveLength(count);
  expect(() => session.on("end" as "state", listener)).toThrow("there is no event 'end'");
});
