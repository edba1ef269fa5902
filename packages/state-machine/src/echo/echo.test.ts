import { type Committing, Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { CallQueue } from "../memory-forest/call-queue.ts";
import { MemoryForest } from "../memory-forest/memory-forest.ts";
import { Demuxer, EchoStateMachine, Operation, operationFromVsr, ThingGroove, Workload } from "./index.ts";

const batchSizeLimit = 3840;

class Echo {
  readonly queue = new CallQueue();
  readonly forest = new MemoryForest({ grooves: [ThingGroove], nextTick: this.queue.push, scansMax: 1 });
  readonly machine = new EchoStateMachine({ forest: this.forest, batchSizeLimit });

  constructor() {
    this.machine.open(() => undefined);
    this.queue.run();
  }

  execute(op: number, body: Uint8Array, { client = 1n, timestamp = BigInt(op) } = {}): Uint8Array {
    const committing: Committing = { client, op, timestamp, operation: Operation.echo, body };
    let prefetched = false;
    this.machine.prefetch(committing, op, () => {
      prefetched = true;
    });
    expect(prefetched).toBe(false);
    this.queue.run();
    expect(prefetched).toBe(true);
    const output = new Uint8Array(batchSizeLimit);
    const reply = output.slice(0, this.machine.commit(committing, output));
    this.machine.compact(op, () => undefined);
    this.queue.run();
    return reply;
  }
}

test("an echo is its request", () => {
  const echo = new Echo();
  const body = new TextEncoder().encode("hello");
  expect(echo.execute(1, body)).toEqual(body);
  expect(echo.execute(2, new Uint8Array(0))).toHaveLength(0);
});

test("what is stored is a checksum of everything about the operation (spec 02 §29)", () => {
  const echo = new Echo();
  echo.execute(1, new Uint8Array(0), { client: 1n, timestamp: 1n });
  echo.execute(7, new TextEncoder().encode("hello"), { client: 0x0123456789abcdefn, timestamp: 1000n });
  expect(echo.forest.entriesOf(3)).toEqual([
    [9355536906324878078n, 1n],
    [13443418391451864641n, 1000n],
  ]);
  expect(echo.forest.entriesOf(2)).toEqual([
    [1n, 1n],
    [7n, 1000n],
  ]);
});

test("an op that is executed twice is noticed", () => {
  const echo = new Echo();
  echo.execute(1, new Uint8Array(1));
  expect(() => echo.execute(1, new Uint8Array(1), { timestamp: 2n })).toThrow("executed twice");
});

test("there is one operation, the first that is not the protocol's", () => {
  expect(operationFromVsr(128)).toBe(Operation.echo);
  expect([0, 4, 127, 129, 255].map(operationFromVsr)).toEqual([null, null, null, null, null]);
  const { machine } = new Echo();
  expect([4, 127, 128, 129].map((operation) => machine.operationValid(operation))).toEqual([false, false, true, false]);
  expect(machine.pulseNeeded((1n << 63n) - 1n)).toBe(false);
  machine.prepare(Operation.echo, new Uint8Array(10));
  expect(machine.prepareTimestamp).toBe(0n);
});

test("a reply belongs to one caller", () => {
  const reply = Uint8Array.of(1, 2, 3);
  expect(new Demuxer(reply).decode(0, 3)).toBe(reply);
  expect(() => new Demuxer(reply).decode(1, 2)).toThrow("events 1 + 2");
});

describe("the workload", () => {
  test("is done when every request was answered, and every answer is an echo", () => {
    const echo = new Echo();
    const workload = new Workload({ random: new Random(92), batchSizeLimit });
    const body = new Uint8Array(batchSizeLimit);
    const sizes = new Set<number>();
    for (let op = 1; op <= 50; op += 1) {
      const { operation, sizeBytes } = workload.buildRequest(0, body);
      expect(workload.done).toBe(false);
      const request = body.slice(0, sizeBytes);
      workload.onReply(0, operation, BigInt(op), request, echo.execute(op, request));
      expect(workload.done).toBe(true);
      sizes.add(sizeBytes);
    }
    expect(sizes.size).toBeGreaterThan(40);
  });

  test("does not accept a reply that is no echo, or that nobody asked for", () => {
    const workload = new Workload({ random: new Random(92), batchSizeLimit });
    const none = new Uint8Array(0);
    expect(() => workload.onReply(0, Operation.echo, 1n, none, none)).toThrow("1 replies to 0 requests");
    expect(() => workload.onReply(0, Operation.echo, 1n, none, Uint8Array.of(1))).toThrow("not its request");
    expect(() => workload.onPulse(1n)).toThrow("pulse");
  });
});
