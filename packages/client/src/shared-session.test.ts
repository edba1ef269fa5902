import { AccountingOperation, operationFromVsr } from "@stagbeetle/state-machine";
import { Command, EvictionReason, MultiBatchDecoder, MultiBatchEncoder, RequestHeader } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";

import { CLIENT, CLUSTER, FakeCluster, MESSAGES_MAX } from "../test/fake-cluster.ts";
import { evictionOf, registerResult, replyTo } from "../test/messages.ts";
import type { Call, CallOutcome } from "./call.ts";
import { type OperationEncoding, rawOperation } from "./operation.ts";
import { SharedSession } from "./shared-session.ts";

const LIMIT_BYTES = 3840;
const EVENT_SIZE_BYTES = 128;
const RESULT_SIZE_BYTES = 16;

const CREATE = encodingOf(AccountingOperation.create_transfers);
const LOOKUP = encodingOf(AccountingOperation.lookup_accounts);
const CHANGES = encodingOf(AccountingOperation.get_change_events);

let cluster: FakeCluster;
let session: SharedSession;

function encodingOf(operation: AccountingOperation): OperationEncoding {
  return operationFromVsr(operation) ?? expect.fail("no such operation");
}

beforeEach(() => {
  cluster = new FakeCluster();
  session = new SharedSession(cluster.options());
});

function register(): void {
  session.register(() => undefined);
  cluster.answer(session, replyTo(cluster.lastRequest(), registerResult(LIMIT_BYTES)));
  expect(session.state).toBe("idle");
}

interface Caller {
  readonly call: Call;
  readonly outcomes: CallOutcome[];
}

/** Calls with `count` events whose bytes are all `mark`. */
function call(encoding: OperationEncoding, count: number, mark = 0, deadlineTicks: number | null = null): Caller {
  const outcomes: CallOutcome[] = [];
  const onOutcome = (outcome: CallOutcome): void => {
    outcomes.push(outcome.kind === "reply" ? { ...outcome, body: outcome.body.slice() } : outcome);
  };
  const body = new Uint8Array(count * encoding.eventSizeBytes).fill(mark);
  return { call: session.submit(encoding, body, onOutcome, { deadlineTicks }), outcomes };
}

function failed(failure: string, execution: string): object[] {
  return [{ kind: "failure", failure, execution }];
}

/** The bodies that were sent as requests, without the registration; what was sent again counts once. */
function bodies(): Uint8Array[] {
  const requests = new Map<number, Uint8Array>();
  for (const { bytes } of cluster.sent) {
    const header = new RequestHeader(bytes);
    if (header.command === Command.request && header.request > 0) requests.set(header.request, bytes.subarray(256));
  }
  return [...requests.values()];
}

/** The batches of the request that was sent last: how many events each has. */
function batches(encoding: OperationEncoding): number[] {
  const decoder = new MultiBatchDecoder();
  const body = bodies().at(-1) ?? expect.fail("no request was sent");
  expect(decoder.decode(body, encoding.eventSizeBytes)).toBeNull();
  const counts: number[] = [];
  while (decoder.next()) counts.push(decoder.elementCount);
  return counts;
}

/** A reply with so many results in each batch, each of which is filled with the number of its batch, from 1. */
function results(...counts: readonly number[]): Uint8Array {
  const buffer = new Uint8Array(LIMIT_BYTES);
  const encoder = new MultiBatchEncoder();
  encoder.begin(buffer, RESULT_SIZE_BYTES);
  for (const [index, count] of counts.entries()) {
    const sizeBytes = count * RESULT_SIZE_BYTES;
    encoder.space().fill(index + 1, 0, sizeBytes);
    encoder.add(sizeBytes);
  }
  return buffer.subarray(0, encoder.finish());
}

function reply(body: Uint8Array): void {
  cluster.answer(session, replyTo(cluster.lastRequest(), body));
}

describe("calls that share a session", () => {
  it("wait for the registration, then are sent and merged", () => {
    session.register(() => undefined);
    const first = call(CREATE, 1);
    call(CREATE, 2);
    call(CREATE, 3);
    expect(bodies()).toEqual([]);
    cluster.answer(session, replyTo(cluster.lastRequest(), registerResult(LIMIT_BYTES)));
    expect(batches(CREATE)).toEqual([1]);
    reply(results(1));
    expect(first.outcomes).toHaveLength(1);
    expect(batches(CREATE)).toEqual([2, 3]);
  });

  it("travel together as in the recorded session: one alone, then 2, 0 and 1 events (spec 01 §6.4)", () => {
    register();
    call(CREATE, 1);
    const callers = [call(CREATE, 2), call(CREATE, 0), call(CREATE, 1)];
    expect(batches(CREATE)).toEqual([1]);
    reply(results(1));
    expect(batches(CREATE)).toEqual([2, 0, 1]);
    const body = bodies().at(-1) ?? expect.fail("no request was sent");
    expect(body).toHaveLength(512);
    expect(Buffer.from(body.subarray(-8)).toString("hex")).toBe("0100000002000300");
    reply(results(2, 0, 1));
    const parts = callers.map(({ outcomes }) => outcomes);
    expect(parts).toEqual([
      [{ kind: "reply", timestamp: 5000n, body: new Uint8Array(32).fill(1) }],
      [{ kind: "reply", timestamp: 5000n, body: new Uint8Array(0) }],
      [{ kind: "reply", timestamp: 5000n, body: new Uint8Array(16).fill(3) }],
    ]);
  });

  it("join the oldest request of their operation that has room, and no other", () => {
    register();
    call(LOOKUP, 1);
    call(CREATE, 20);
    call(LOOKUP, 1);
    call(CREATE, 10);
    call(CREATE, 9);
    reply(results(0));
    expect(batches(CREATE)).toEqual([20, 9]);
    reply(results(0, 0));
    expect(batches(LOOKUP)).toEqual([1]);
    reply(results(0));
    expect(batches(CREATE)).toEqual([10]);
  });

  it("are not merged if their results would not fit, however small their events are", () => {
    register();
    call(LOOKUP, 1);
    call(LOOKUP, 20);
    call(LOOKUP, 20);
    reply(results(0));
    expect(batches(LOOKUP)).toEqual([20]);
  });

  it("of operations without batches are sent one by one, as they are", () => {
    register();
    const raw = rawOperation(200);
    for (const mark of [1, 2, 3]) call(raw, mark, mark);
    call(CHANGES, 1);
    call(CHANGES, 1);
    for (const answer of [7, 8, 9]) reply(new Uint8Array(3).fill(answer));
    expect(bodies().map((body) => body.length)).toEqual([1, 2, 3, 64]);
  });

  it("with more events or results than fit fail alone, at once and without being sent", () => {
    register();
    expect(call(CREATE, 30).outcomes).toEqual(failed("too_much_data", "none"));
    const filter = new Uint8Array(64);
    new DataView(filter.buffer).setUint32(16, 11, true);
    const outcomes: CallOutcome[] = [];
    session.submit(CHANGES, filter, (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual(failed("too_much_data", "none"));
    expect(bodies()).toEqual([]);
    expect(session.state).toBe("idle");
  });

  it("may be made from within the outcome of another", () => {
    register();
    const outcomes: CallOutcome[] = [];
    session.submit(CREATE, new Uint8Array(EVENT_SIZE_BYTES), () => {
      session.submit(CREATE, new Uint8Array(0), (outcome) => outcomes.push(outcome));
    });
    reply(results(1));
    expect(batches(CREATE)).toEqual([0]);
    reply(results(0));
    expect(outcomes).toHaveLength(1);
  });

  it("are counted while they are open, and the silence of the cluster is counted, too", () => {
    register();
    session.tick();
    expect([session.callsOpen, session.ticksUnanswered]).toEqual([0, 0]);
    call(CREATE, 1);
    call(CREATE, 1);
    session.tick();
    session.tick();
    expect([session.callsOpen, session.ticksUnanswered]).toEqual([2, 2]);
    reply(results(1));
    expect([session.callsOpen, session.ticksUnanswered]).toEqual([1, 0]);
  });
});

describe("an answer that makes no sense", () => {
  it.each([
    ["with fewer batches than were sent", results(1)],
    ["with more batches than were sent", results(1, 1, 1)],
    ["with more results than events", results(1, 2)],
    ["that is no multi-batch body", new Uint8Array(17)],
  ])("%s fails all calls of its request, which were executed, and no other", (_, body) => {
    register();
    call(CREATE, 1);
    const callers = [call(CREATE, 1), call(CREATE, 1)];
    reply(results(1));
    const other = call(CREATE, 1);
    reply(body);
    for (const { outcomes } of callers) expect(outcomes).toEqual(failed("invalid_reply", "done"));
    reply(results(1));
    expect(other.outcomes[0]?.kind).toBe("reply");
  });

  it("fails the call of an operation without batches", () => {
    register();
    const { outcomes } = call(CHANGES, 1);
    reply(new Uint8Array(385));
    expect(outcomes).toEqual(failed("invalid_reply", "done"));
  });

  it("never stops the client, whatever its bytes are", () => {
    register();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3), (body, more) => {
        const callers = Array.from({ length: 1 + more }, () => call(CREATE, 1));
        reply(body);
        for (let left = 0; left < 2 && session.state === "busy"; left += 1) reply(body);
        for (const { outcomes } of callers) expect(outcomes).toHaveLength(1);
      }),
    );
  });
});

describe("a deadline", () => {
  it("ends a call that was not sent, which then never is", () => {
    register();
    const first = call(CREATE, 1);
    const late = call(CREATE, 2, 0, 5);
    const other = call(CREATE, 3);
    for (let tick = 0; tick < 4; tick += 1) session.tick();
    expect(late.outcomes).toEqual([]);
    session.tick();
    expect(late.outcomes).toEqual(failed("deadline", "none"));
    reply(results(1));
    expect(batches(CREATE)).toEqual([3]);
    reply(results(3));
    expect([first, late, other].map(({ outcomes }) => outcomes.length)).toEqual([1, 1, 1]);
  });

  it("ends the waiting for a call that was sent, and leaves the others of its request alone", () => {
    register();
    call(CREATE, 1);
    const late = call(CREATE, 1, 0, 5);
    const other = call(CREATE, 1);
    reply(results(1));
    session.tick(7);
    expect(late.outcomes).toEqual(failed("deadline", "unknown"));
    expect(session.state).toBe("busy");
    reply(results(1, 1));
    expect(late.outcomes).toHaveLength(1);
    expect(other.outcomes).toEqual([{ kind: "reply", timestamp: 5000n, body: new Uint8Array(16).fill(2) }]);
  });

  it("holds before the session is registered, and for a cluster that never answers", () => {
    session.register(() => undefined);
    const { outcomes } = call(CREATE, 1, 0, 1);
    session.tick(0);
    expect(outcomes).toEqual([]);
    session.tick();
    expect(outcomes).toEqual(failed("deadline", "none"));
    cluster.answer(session, replyTo(cluster.lastRequest(), registerResult(LIMIT_BYTES)));
    expect(bodies()).toEqual([]);
  });
});

describe("a cancelled call", () => {
  it("that was the only one of its request takes the request with it", () => {
    register();
    call(CREATE, 1);
    const cancelled = call(LOOKUP, 1);
    const next = call(CREATE, 2);
    session.cancel(cancelled.call);
    expect(cancelled.outcomes).toEqual(failed("cancelled", "none"));
    reply(results(1));
    expect(batches(CREATE)).toEqual([2]);
    session.cancel(next.call);
    expect(next.outcomes).toEqual(failed("cancelled", "unknown"));
    session.cancel(next.call);
    expect(next.outcomes).toHaveLength(1);
  });

  it("makes room for another", () => {
    register();
    call(CREATE, 1);
    const cancelled = call(CREATE, 29);
    call(CREATE, 1);
    session.cancel(cancelled.call);
    call(CREATE, 20);
    reply(results(1));
    expect(batches(CREATE)).toEqual([1, 20]);
  });
});

describe("the end of a session", () => {
  it("by an eviction fails what was sent, what was not, and what comes later", () => {
    register();
    const sent = call(CREATE, 1);
    const pending = call(CREATE, 1);
    cluster.answer(session, evictionOf(CLIENT, CLUSTER, EvictionReason.noSession));
    expect(session.state).toBe("evicted");
    expect(cluster.evictions.map(({ reason }) => reason)).toEqual([EvictionReason.noSession]);
    expect(sent.outcomes).toEqual(failed("evicted", "unknown"));
    expect(pending.outcomes).toEqual(failed("evicted", "none"));
    expect(call(CREATE, 1).outcomes).toEqual(failed("closed", "none"));
    for (let tick = 0; tick < 4000; tick += 1) session.tick();
    session.close();
    expect(session.state).toBe("closed");
  });

  it("by its owner does the same, also before it is registered", () => {
    session.register(() => undefined);
    const waiting = call(CREATE, 1);
    session.close();
    session.close();
    expect(waiting.outcomes).toEqual(failed("closed", "none"));
    expect(session.state).toBe("closed");
    expect(cluster.pool.available).toBe(MESSAGES_MAX);
  });

  it("from within an outcome ends the calls that are left once", () => {
    register();
    call(CREATE, 1);
    const outcomes: string[] = [];
    for (const name of ["a", "b"]) {
      session.submit(CREATE, new Uint8Array(0), ({ kind }) => {
        outcomes.push(`${name}: ${kind}`);
        session.close();
      });
    }
    const pending = call(LOOKUP, 1);
    reply(results(1));
    reply(results(0, 0));
    // Their answer is there, whatever becomes of the session.
    expect(outcomes).toEqual(["a: reply", "b: reply"]);
    expect(pending.outcomes).toEqual(failed("closed", "unknown"));
  });

  it("lets a caller cancel another call when its own ends", () => {
    register();
    call(CREATE, 1);
    session.submit(CREATE, new Uint8Array(EVENT_SIZE_BYTES), () => session.cancel(other.call));
    const other = call(CREATE, 1);
    session.close();
    expect(other.outcomes).toEqual(failed("cancelled", "none"));
    expect(session.callsOpen).toBe(0);
  });

  it("ends any number of requests that wait", () => {
    const count = 150_000;
    register();
    let ended = 0;
    for (let made = 0; made < count; made += 1) {
      session.submit(rawOperation(200), new Uint8Array(0), () => {
        ended += 1;
      });
    }
    expect(session.callsOpen).toBe(count);
    session.close();
    expect([ended, session.callsOpen]).toEqual([count, 0]);
  });
});
