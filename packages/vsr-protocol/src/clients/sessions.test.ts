import { checksumOf } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dirtyMemory, PROPERTY_RUNS, replyHeader } from "../../test/builders.ts";
import { PRODUCTION } from "../config/production.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { Command } from "../command.ts";
import { recordBytes } from "../layout.ts";
import { ReplyHeader } from "../message/reply.ts";
import { ClientSessions, clientSessionsEncodeSize } from "./sessions.ts";

const CLIENTS_MAX = TEST_MIN.cluster.clientsMax;
const ENCODE_SIZE = clientSessionsEncodeSize(TEST_MIN);

function makeSessions(): ClientSessions {
  return new ClientSessions({ config: TEST_MIN, memory: dirtyMemory(65_536) });
}

function register(sessions: ClientSessions, client: bigint, op: number): number {
  return sessions.insert(op, replyHeader({ client, op })).slot;
}

function encoded(sessions: ClientSessions): Uint8Array {
  const bytes = new Uint8Array(sessions.encodeSizeBytes);
  sessions.encode(bytes);
  return bytes;
}

describe("client sessions", () => {
  it("take the lowest free slot", () => {
    const sessions = makeSessions();
    expect([1n, 2n, 3n].map((client) => register(sessions, client, Number(client)))).toEqual([0, 1, 2]);
    sessions.remove(2n);
    sessions.remove(1n);
    expect(register(sessions, 4n, 4)).toBe(0);
    expect(register(sessions, 5n, 5)).toBe(1);
    expect(register(sessions, 6n, 6)).toBe(3);
  });

  it("give way to a new client at the client whose latest reply is the oldest", () => {
    const sessions = makeSessions();
    for (let client = 1; client <= CLIENTS_MAX; client++) register(sessions, BigInt(client), client);
    sessions.update(replyHeader({ client: 1n, op: 20, request: 2 }));
    sessions.update(replyHeader({ client: 2n, op: 21, request: 2 }));
    expect(sessions.full).toBe(true);
    const evictee = sessions.evictee();
    expect([evictee.slot, evictee.header.client]).toEqual([2, 3n]);
    sessions.remove(3n);
    expect(register(sessions, 9n, 22)).toBe(2);
  });

  it("keep slot and session when the reply is replaced", () => {
    const sessions = makeSessions();
    register(sessions, 7n, 3);
    sessions.update(replyHeader({ client: 7n, op: 9, request: 2 }));
    const session = sessions.get(7n);
    expect([session?.slot, session?.session, session?.header.request, session?.header.commit]).toEqual([0, 3, 2, 9]);
    expect(sessions.at(0)).toBe(session);
    expect(sessions.at(1)).toBe(null);
    expect(sessions.get(8n)).toBe(null);
  });

  it("refuse what cannot happen", () => {
    const sessions = makeSessions();
    register(sessions, 7n, 3);
    expect(() => register(sessions, 7n, 4)).toThrow(/has a session/);
    expect(() => sessions.update(replyHeader({ client: 8n, op: 9 }))).toThrow(/no session/);
    expect(() => sessions.update(replyHeader({ client: 7n, op: 3 }))).toThrow(/op 3 after 3/);
    expect(() => sessions.remove(8n)).toThrow(/no session/);
    expect(() => sessions.evictee()).toThrow(/1 of 7/);
    expect(() => sessions.get(0n)).toThrow(/client 0/);
    expect(() => sessions.at(CLIENTS_MAX)).toThrow(/slot 7 of 7/);
  });

  it("have the specified encoded sizes", () => {
    expect(clientSessionsEncodeSize(PRODUCTION)).toBe(16_896);
    expect(ENCODE_SIZE).toBe(1848);
  });

  it("are encoded as headers by slot, then sessions by slot", () => {
    const sessions = makeSessions();
    register(sessions, 1n, 3);
    register(sessions, 2n, 4);
    sessions.remove(1n);
    const bytes = encoded(sessions);
    const view = new DataView(bytes.buffer);
    expect(bytes.subarray(0, 256).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(256, 512)).toEqual(recordBytes(replyHeader({ client: 2n, op: 4 })));
    expect(view.getBigUint64(7 * 256, true)).toBe(0n);
    expect(view.getBigUint64(7 * 256 + 8, true)).toBe(4n);
  });

  it("behave like a plain map with slots, and survive encoding", () => {
    const command = fc.record({
      kind: fc.constantFrom("register", "reply", "remove"),
      client: fc.integer({ min: 1, max: 12 }),
    });
    const property = fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const sessions = makeSessions();
      const model = new Map<bigint, { slot: number; session: number; commit: number }>();
      let op = 0;
      for (const { kind, client: number } of commands) {
        const client = BigInt(number);
        const known = model.get(client);
        op += 1;
        if (kind === "register" && known === undefined) {
          if (model.size === CLIENTS_MAX) {
            const [oldest] = [...model].toSorted(([, left], [, right]) => left.commit - right.commit);
            expect(sessions.evictee().header.client).toBe(oldest?.[0]);
            sessions.remove(oldest?.[0] ?? 0n);
            model.delete(oldest?.[0] ?? 0n);
          }
          const used = new Set([...model.values()].map(({ slot }) => slot));
          const slot = Array.from({ length: CLIENTS_MAX }, (_, index) => index).find((index) => !used.has(index)) ?? -1;
          expect(register(sessions, client, op)).toBe(slot);
          model.set(client, { slot, session: op, commit: op });
        } else if (kind === "reply" && known !== undefined) {
          sessions.update(replyHeader({ client, op, request: op }));
          known.commit = op;
        } else if (kind === "remove" && known !== undefined) {
          sessions.remove(client);
          model.delete(client);
        }
      }
      const restored = makeSessions();
      expect(restored.decode(encoded(sessions))).toBe(null);
      for (const table of [sessions, restored]) {
        const content = [...table.entries()].map(({ slot, session, header }) => [
          header.client,
          { slot, session, commit: header.commit },
        ]);
        expect(new Map(content as [bigint, { slot: number; session: number; commit: number }][])).toEqual(model);
        expect(table.count).toBe(model.size);
      }
      expect(encoded(restored)).toEqual(encoded(sessions));
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});

describe("encoded client sessions are refused", () => {
  function table(): Uint8Array {
    const sessions = makeSessions();
    register(sessions, 1n, 3);
    register(sessions, 2n, 4);
    return encoded(sessions);
  }
  const SESSIONS_AT = CLIENTS_MAX * 256;

  function notReply(bytes: Uint8Array): Uint8Array {
    const header = new ReplyHeader(bytes);
    header.command = Command.prepare;
    header.checksum = checksumOf(bytes.subarray(16, 256));
    return bytes;
  }

  it.each([
    ["with another size", (bytes: Uint8Array) => bytes.subarray(1), /1847 bytes, not 1848/],
    [
      "with a free slot that is not zero",
      (bytes: Uint8Array) => (bytes.fill(0, SESSIONS_AT, SESSIONS_AT + 8), bytes),
      /slot 0: a free slot/,
    ],
    ["with a damaged header", (bytes: Uint8Array) => bytes.fill(9, 300, 301), /slot 1: checksum/],
    ["with a header that is no reply", (bytes: Uint8Array) => notReply(bytes), /slot 0: command 6/],
    [
      "with a session above its reply",
      (bytes: Uint8Array) => bytes.fill(9, SESSIONS_AT, SESSIONS_AT + 1),
      /slot 0: commit 3 is below/,
    ],
    [
      "with a session beyond exact numbers",
      (bytes: Uint8Array) => bytes.fill(0xff, SESSIONS_AT, SESSIONS_AT + 8),
      /slot 0: session is out/,
    ],
    [
      "with a client twice",
      (bytes: Uint8Array) => (bytes.copyWithin(512, 0, 256), bytes.fill(1, SESSIONS_AT + 16, SESSIONS_AT + 17)),
      /slot 2: client 1 is not unique/,
    ],
  ])("%s, and leave the table empty", (_name, change, reason) => {
    const sessions = makeSessions();
    register(sessions, 5n, 5);
    expect(sessions.decode(change(table()))).toMatch(reason);
    expect(sessions.count).toBe(0);
    expect(encoded(sessions).every((byte) => byte === 0)).toBe(true);
  });

  it("or taken, whatever the bytes are, without an error", () => {
    const edits = fc.array(fc.tuple(fc.nat(ENCODE_SIZE - 1), fc.nat(255)), { maxLength: 4 });
    const bytes = fc.oneof(
      fc.constant(null),
      fc.uint8Array({ minLength: ENCODE_SIZE, maxLength: ENCODE_SIZE, size: "max" }),
    );
    const property = fc.property(bytes, edits, (arbitrary, changes) => {
      const source = arbitrary ?? table();
      for (const [offset, value] of changes) source[offset] = value;
      const sessions = makeSessions();
      const reason = sessions.decode(source);
      if (reason === null) expect(encoded(sessions)).toEqual(source);
      else expect(sessions.count).toBe(0);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
