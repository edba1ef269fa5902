import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROPERTY_RUNS, replyHeader } from "../../test/builders.ts";
import { MemoryStorage } from "../../test/memory-storage.ts";
import { TEST_MIN } from "../config/test-min.ts";
import { recordBytes } from "../layout.ts";
import { Checksums } from "../message/checksums.ts";
import type { Message } from "../message/message.ts";
import { MessagePool } from "../message/pool.ts";
import { ReplyHeader } from "../message/reply.ts";
import { zoneStart } from "../zone.ts";
import { ClientReplies } from "./replies.ts";
import { type ClientSession, ClientSessions } from "./sessions.ts";

const MESSAGES = 12;
const SLOT_SIZE = TEST_MIN.cluster.messageSizeMax;

/** Replies with all that they need, and a client that sends requests. */
class Fixture {
  readonly storage = new MemoryStorage(TEST_MIN);
  readonly memory = new LinearMemory({ sizeBytes: 1 << 18 });
  readonly sessions = new ClientSessions({ config: TEST_MIN, memory: this.memory });
  readonly messages = new MessagePool({ memory: this.memory, messageSizeMax: SLOT_SIZE, messagesMax: MESSAGES });
  readonly replies = new ClientReplies({
    config: TEST_MIN,
    storage: this.storage,
    sessions: this.sessions,
    messages: this.messages,
    checksums: new Checksums(createKernels({ memory: this.memory })),
  });
  #op = 0;

  /** A reply message; the caller holds the only reference. */
  reply(client: bigint, body: Uint8Array, request = 1): Message {
    this.#op += 1;
    const message = this.messages.acquire();
    message.buffer.fill(0xdd);
    message.buffer.set(recordBytes(replyHeader({ client, op: this.#op, request, body })));
    message.buffer.set(body, 256);
    return message;
  }

  /** Executes a request: the session gets the reply, and its slot too if there is a body. */
  execute(client: bigint, body: Uint8Array, request = 1): ClientSession {
    const message = this.reply(client, body, request);
    const session = this.record(message);
    if (body.length === 0) this.replies.remove(session.slot);
    else this.replies.write(session.slot, message, "commit");
    message.release();
    return session;
  }

  /** Only the session's part of it. */
  record(message: Message): ClientSession {
    const header = message.as(ReplyHeader);
    return this.sessions.get(header.client) === null
      ? this.sessions.insert(this.#op, header)
      : this.sessions.update(header);
  }

  /** Reads a reply; the storage comes to rest. `busy` if no read was free, null if the reply is not there. */
  read(session: ClientSession): Uint8Array | null | "busy" {
    let result: Uint8Array | null = null;
    const started = this.replies.read(session, (message) => {
      result = message?.body().slice() ?? null;
      message?.release();
    });
    if (!started) return "busy";
    this.storage.run();
    return result;
  }

  /** Where the slot is in the file. */
  slotAt(slot: number): number {
    return zoneStart(TEST_MIN, "clientReplies") + slot * SLOT_SIZE;
  }

  /** All messages are back, and nothing is under way. */
  expectIdle(): void {
    expect(this.messages.available).toBe(MESSAGES);
    expect(this.replies.writesPending).toBe(0);
    expect(this.storage.pending).toBe(0);
  }
}

const body = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("writing a reply", () => {
  it("puts header and body into the client's slot, and zeros up to the next sector", () => {
    const f = new Fixture();
    f.execute(1n, body("one"));
    const second = f.execute(2n, body("two"));
    f.storage.run();
    const bytes = f.storage.read(f.slotAt(1), SLOT_SIZE);
    expect(bytes.subarray(0, 256)).toEqual(recordBytes(second.header));
    expect(bytes.subarray(256, 259)).toEqual(body("two"));
    expect(bytes.subarray(259).every((byte) => byte === 0)).toBe(true);
    expect(f.read(second)).toEqual(body("two"));
    f.expectIdle();
  });

  it("happens only for replies with a body", () => {
    const f = new Fixture();
    f.execute(1n, body(""));
    expect(f.storage.log).toEqual([]);
    const message = f.reply(1n, body(""), 2);
    const { slot } = f.record(message);
    expect(() => f.replies.write(slot, message, "commit")).toThrow(/without a body/);
  });

  it("is bounded: whoever executes waits until a write is free", () => {
    const f = new Fixture();
    f.execute(1n, body("a"));
    expect(f.replies.writeAvailable).toBe(true);
    f.execute(2n, body("b"));
    expect(f.replies.writeAvailable).toBe(false);
    let ready = false;
    f.replies.whenWriteAvailable(() => (ready = true));
    expect(ready).toBe(false);
    f.storage.step();
    expect(ready).toBe(true);
    expect(f.replies.writeAvailable).toBe(true);
    f.storage.run();
    f.expectIdle();
  });

  it("never overlaps with a write of the same slot, and replaces one that has not started", () => {
    const f = new Fixture();
    f.execute(1n, body("first"), 1);
    f.execute(1n, body("second"), 2);
    expect(f.storage.pending).toBe(1);
    const session = f.execute(1n, body("third"), 3);
    expect(f.replies.writesPending).toBe(2);
    f.storage.run();
    expect(f.storage.log).toEqual(["write clientReplies 0", "write clientReplies 0"]);
    expect(f.read(session)).toEqual(body("third"));
    f.expectIdle();
  });

  it("makes the slot durable only when nothing newer is on its way", () => {
    const f = new Fixture();
    f.execute(1n, body("first"), 1);
    f.execute(1n, body("second"), 2);
    expect(f.replies.replyDurable(0)).toBe(false);
    f.storage.step();
    expect(f.replies.replyDurable(0)).toBe(false);
    f.storage.step();
    expect(f.replies.replyDurable(0)).toBe(true);
  });

  it("of a slot that is not faulty is no repair", () => {
    const f = new Fixture();
    const message = f.reply(1n, body("a"));
    const { slot } = f.record(message);
    expect(() => f.replies.write(slot, message, "repair")).toThrow(/needs no repair/);
  });

  it("of a reply that is not the session's is refused", () => {
    const f = new Fixture();
    f.execute(1n, body("a"));
    const message = f.reply(1n, body("b"), 2);
    expect(() => f.replies.write(0, message, "commit")).toThrow(/another reply/);
  });
});

describe("a reply in memory", () => {
  it("is the newest one that is queued or being written for the client", () => {
    const f = new Fixture();
    f.execute(1n, body("first"), 1);
    const session = f.execute(1n, body("second"), 2);
    expect(f.replies.readFromMemory(session)?.body()).toEqual(body("second"));
    f.storage.run();
    expect(f.replies.readFromMemory(session)).toBe(null);
  });

  it("is not that of the client who had the slot before", () => {
    const f = new Fixture();
    f.execute(1n, body("old"), 1);
    f.sessions.remove(1n);
    const message = f.reply(2n, body("new"), 1);
    const session = f.record(message);
    message.release();
    expect(session.slot).toBe(0);
    expect(f.replies.readFromMemory(session)).toBe(null);
  });
});

describe("reading a reply", () => {
  it("is done one at a time", () => {
    const f = new Fixture();
    const first = f.execute(1n, body("a"));
    const second = f.execute(2n, body("b"));
    f.storage.run();
    const got: string[] = [];
    const take = (message: Message | null): void => {
      got.push(new TextDecoder().decode(message?.body()));
      message?.release();
    };
    expect(f.replies.read(first, take)).toBe(true);
    expect(f.replies.read(second, take)).toBe(false);
    f.storage.run();
    expect(f.replies.read(second, take)).toBe(true);
    f.storage.run();
    expect(got).toEqual(["a", "b"]);
    f.expectIdle();
  });

  it.each([
    ["a damaged header", (f: Fixture) => f.storage.write(f.slotAt(0) + 20, Uint8Array.of(1))],
    ["a damaged body", (f: Fixture) => f.storage.write(f.slotAt(0) + 256, Uint8Array.of(1))],
    ["a size that is out of range", (f: Fixture) => f.storage.write(f.slotAt(0) + 96, new Uint8Array(4).fill(0xff))],
    ["nothing", (f: Fixture) => f.storage.write(f.slotAt(0), new Uint8Array(SLOT_SIZE))],
    ["another client's reply", (f: Fixture) => f.storage.write(f.slotAt(0), f.storage.read(f.slotAt(1), SLOT_SIZE))],
    [
      "only zeros behind a good checksum",
      (f: Fixture) => f.storage.write(f.slotAt(0) + 16, new Uint8Array(SLOT_SIZE - 16)),
    ],
  ])("that finds %s marks the slot faulty", (_name, damage) => {
    const f = new Fixture();
    const session = f.execute(1n, body("mine"));
    f.execute(2n, body("theirs"));
    f.storage.run();
    damage(f);
    expect(f.read(session)).toBe(null);
    expect([f.replies.faulty(0), f.replies.faultyNext(), f.replies.faultyCount]).toEqual([true, 0, 1]);
    expect(f.replies.replyDurable(0)).toBe(false);
    f.expectIdle();
  });

  it("that finds a stale reply marks the slot faulty", () => {
    const f = new Fixture();
    f.execute(1n, body("old"), 1);
    f.storage.run();
    f.storage.onWrite = () => "lost";
    const session = f.execute(1n, body("new"), 2);
    f.storage.run();
    expect(f.read(session)).toBe(null);
    expect(f.replies.faulty(0)).toBe(true);
  });

  it("does not mark the slot when the session has moved on meanwhile", () => {
    const f = new Fixture();
    const session = f.execute(1n, body("old"), 1);
    f.storage.run();
    f.storage.write(f.slotAt(0), new Uint8Array(SLOT_SIZE));
    let result: Message | null | "nothing" = "nothing";
    f.replies.read(session, (message) => (result = message));
    f.execute(1n, body(""), 2);
    f.storage.run();
    expect(result).toBe(null);
    expect(f.replies.faultyCount).toBe(0);
    f.expectIdle();
  });

  it("is answered at once by a write of the very reply, and then cannot make it faulty again", () => {
    const f = new Fixture();
    const session = f.execute(1n, body("lost"), 1);
    f.storage.run();
    f.storage.write(f.slotAt(0), new Uint8Array(SLOT_SIZE));
    expect(f.read(session)).toBe(null);
    let answers = 0;
    f.replies.read(session, (message) => {
      answers += 1;
      expect(message?.body()).toEqual(body("lost"));
      message?.release();
    });
    const repair = f.messages.acquire();
    repair.buffer.set(recordBytes(session.header));
    repair.buffer.set(body("lost"), 256);
    f.replies.write(0, repair, "repair");
    repair.release();
    expect(answers).toBe(1);
    f.storage.run();
    expect([answers, f.replies.faultyCount]).toEqual([1, 0]);
    expect(f.read(session)).toEqual(body("lost"));
    f.expectIdle();
  });
});

describe("faulty slots", () => {
  it("are only those whose reply has a body", () => {
    const f = new Fixture();
    f.execute(1n, body(""));
    expect(() => f.replies.markFaulty(0)).toThrow(/no reply to lose/);
    expect(() => f.replies.markFaulty(1)).toThrow(/no reply to lose/);
  });

  it("stop being faulty at the start of a write, by a reply without a body, or by a reset", () => {
    const f = new Fixture();
    for (const client of [1n, 2n]) {
      f.execute(client, body("x"));
      f.storage.run();
    }
    f.replies.markFaulty(1);
    f.replies.markFaulty(0);
    expect(f.replies.faultyNext()).toBe(0);
    f.execute(1n, body("y"), 2);
    expect(f.replies.faultyNext()).toBe(1);
    f.execute(2n, body(""), 2);
    expect(f.replies.faultyNext()).toBe(null);
    f.storage.run();
    f.replies.markFaulty(0);
    f.replies.resetFaulty();
    expect(f.replies.faultyCount).toBe(0);
  });

  it("stay faulty when they are marked while an older reply is being written", () => {
    const f = new Fixture();
    f.execute(1n, body("x"));
    f.replies.markFaulty(0);
    f.storage.run();
    expect(f.replies.faulty(0)).toBe(true);
  });
});

describe("a checkpoint of the replies", () => {
  it("waits for commits, and calls back later even if there are none", () => {
    const f = new Fixture();
    let done = 0;
    f.replies.checkpoint(() => (done += 1));
    expect(done).toBe(0);
    f.storage.run();
    expect(done).toBe(1);
    f.execute(1n, body("a"));
    f.execute(2n, body("b"));
    f.replies.checkpoint(() => (done += 1));
    f.storage.step();
    expect(done).toBe(1);
    f.storage.step();
    expect(done).toBe(2);
  });

  it("does not wait for repairs", () => {
    const f = new Fixture();
    const message = f.reply(1n, body("a"));
    const { slot } = f.record(message);
    f.replies.markFaulty(slot);
    let done = false;
    f.replies.checkpoint(() => (done = true));
    f.replies.write(slot, message, "repair");
    message.release();
    expect(f.storage.step()).toBe(true);
    expect(done).toBe(true);
    expect(f.replies.writesPending).toBe(1);
    f.storage.run();
    f.expectIdle();
  });

  it("admits no commit before it is done", () => {
    const f = new Fixture();
    f.execute(1n, body("a"), 1);
    f.replies.checkpoint(() => undefined);
    expect(() => f.execute(1n, body("b"), 2)).toThrow(/during a checkpoint/);
  });
});

describe("whatever is written, read and lost", () => {
  it("a read gives the session's reply or nothing, and no message is leaked", () => {
    const command = fc.record({
      kind: fc.constantFrom("execute", "executeEmpty", "read", "step", "damage", "evict"),
      client: fc.integer({ min: 1, max: 5 }),
    });
    const property = fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const f = new Fixture();
      const bodies = new Map<bigint, string>();
      let request = 0;
      for (const { kind, client: number } of commands) {
        const client = BigInt(number);
        const session = f.sessions.get(client);
        request += 1;
        if (kind === "execute" && f.replies.writeAvailable) {
          bodies.set(client, `reply ${request}`);
          f.execute(client, body(`reply ${request}`), request);
        } else if (kind === "executeEmpty" && session !== null) {
          bodies.delete(client);
          f.execute(client, body(""), request);
        } else if (kind === "evict" && session !== null) {
          bodies.delete(client);
          f.replies.remove(session.slot);
          f.sessions.remove(client);
        } else if (kind === "damage") {
          f.storage.write(f.slotAt(number - 1) + 260, Uint8Array.of(request));
        } else if (kind === "step") {
          f.storage.step();
        } else if (kind === "read" && session !== null && bodies.has(client)) {
          const expected = body(bodies.get(client) ?? "");
          const inMemory = f.replies.readFromMemory(session);
          if (inMemory !== null) expect(inMemory.body()).toEqual(expected);
          f.replies.read(session, (message) => {
            if (message !== null) expect(message.body()).toEqual(expected);
            message?.release();
          });
        }
      }
      f.storage.run();
      f.expectIdle();
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});
