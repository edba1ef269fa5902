import { LinearMemory } from "@stagbeetle/kernels";
import { expect, test } from "vitest";
import { TEST_MIN } from "../config/test-min.ts";
import { Command } from "../command.ts";
import { Checksums } from "../message/checksums.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { MessagePool } from "../message/pool.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation } from "../operation.ts";
import { Pipeline, type PipelineKind } from "./pipeline.ts";

const checksums = new Checksums();

/** A pipeline of four prepares and two requests, and messages to put into it. */
class Bench {
  readonly pipeline = new Pipeline({ prepareQueueMax: 4, requestQueueMax: 2 });
  readonly #pool = new MessagePool({
    memory: new LinearMemory({ sizeBytes: 1 << 20 }),
    messageSizeMax: TEST_MIN.cluster.messageSizeMax,
    messagesMax: 16,
  });
  #parent = 0n;

  constructor(kind: PipelineKind = "queue") {
    if (kind === "queue") this.pipeline.toQueue(1, 0);
  }

  get available(): number {
    return this.#pool.available;
  }

  request(client: bigint, operation = 200): Message {
    const message = this.#pool.acquire();
    message.buffer.fill(0, 0, HEADER_SIZE_BYTES);
    const header = message.as(RequestHeader);
    header.command = Command.request;
    header.size = HEADER_SIZE_BYTES;
    header.client = client;
    header.operation = operation;
    checksums.setEmptyBody(header);
    return message;
  }

  prepare(op: number, client: bigint, operation = 200): Message {
    const message = this.#pool.acquire();
    message.buffer.fill(0, 0, HEADER_SIZE_BYTES);
    const header = message.as(PrepareHeader);
    header.command = Command.prepare;
    header.size = HEADER_SIZE_BYTES;
    header.op = op;
    header.client = client;
    header.operation = operation;
    header.parent = this.#parent;
    checksums.setEmptyBody(header);
    this.#parent = header.checksum;
    return message;
  }

  /** Prepares of the ops, each of a client with the same number. */
  fill(...ops: readonly number[]): this {
    for (const op of ops) this.pipeline.pushPrepare(this.prepare(op, BigInt(op)));
    return this;
  }
}

test("prepares leave in their order, once they have a quorum", () => {
  const { pipeline } = new Bench().fill(7, 8);
  expect(() => pipeline.popPrepare()).toThrow("leaves the queue without a quorum");
  const { head } = pipeline;
  if (head !== null) head.okQuorumReceived = true;
  expect(pipeline.head?.op).toBe(8);
});

test("a prepare is found by op and checksum, and by nothing less", () => {
  const { pipeline } = new Bench().fill(7, 8, 9);
  const checksum = pipeline.head?.checksum ?? 0n;
  expect(pipeline.find(7, checksum)).toBe(pipeline.head?.message);
  expect(pipeline.findQueued(7, checksum)).toBe(pipeline.head);
  expect(pipeline.find(8, checksum)).toBeNull();
  expect(pipeline.find(6, checksum)).toBeNull();
  expect(pipeline.find(10, checksum)).toBeNull();
  expect(new Bench().pipeline.find(7, checksum)).toBeNull();
});

test("acknowledgements are counted once for each replica", () => {
  const { pipeline } = new Bench().fill(7, 8);
  const head = pipeline.head;
  head?.acknowledge(2);
  head?.acknowledge(0);
  expect(head?.okCount).toBe(2);
  expect([0, 1, 2].map((replica) => head?.okFrom(replica))).toEqual([true, false, true]);
  expect(() => head?.acknowledge(2)).toThrow("twice");
});

test("only full when both queues are", () => {
  const bench = new Bench().fill(1, 2, 3);
  const { pipeline } = bench;
  expect(() => pipeline.pushRequest(bench.request(9n), 0n)).toThrow();
  bench.fill(4);
  expect([pipeline.prepareQueueFull, pipeline.full]).toEqual([true, false]);
  pipeline.pushRequest(bench.request(9n), 5n);
  pipeline.pushRequest(bench.request(10n), 6n);
  expect(pipeline.full).toBe(true);
  expect(pipeline.popRequest()).toMatchObject({ client: 9n, realtime: 5n });
  expect(pipeline.popRequest()).toMatchObject({ client: 10n, realtime: 6n });
  expect(pipeline.popRequest()).toBeNull();
});

test("a client waits with one request at a time", () => {
  const bench = new Bench().fill(1, 2, 3, 4);
  bench.pipeline.pushRequest(bench.request(9n), 0n);
  expect(() => bench.pipeline.pushRequest(bench.request(9n), 0n)).toThrow("has a request in the queue already");
});

test("the newest message of a client is the one that waits, else its last prepare", () => {
  const bench = new Bench().fill(1, 2, 3);
  const { pipeline } = bench;
  pipeline.pushPrepare(bench.prepare(4, 2n));
  expect(pipeline.newestOfClient(2n)).toMatchObject({ op: 4 });
  const waiting = bench.request(2n);
  pipeline.pushRequest(waiting, 0n);
  expect(pipeline.newestOfClient(2n)?.message).toBe(waiting);
  expect(pipeline.newestOfClient(9n)).toBeNull();
});

test("a pulse is seen in either queue", () => {
  const bench = new Bench().fill(1, 2, 3, 4);
  const { pipeline } = bench;
  expect(pipeline.containsOperation(Operation.pulse)).toBe(false);
  pipeline.pushRequest(bench.request(0n, Operation.pulse), 0n);
  expect(pipeline.containsOperation(Operation.pulse)).toBe(true);
});

test("prepares are consecutive and chained, and nothing follows an upgrade but upgrades", () => {
  const bench = new Bench().fill(1);
  const { pipeline } = bench;
  expect(() => pipeline.pushPrepare(bench.prepare(3, 1n))).toThrow("op 3 is prepared after op 1");
  // The prepare that was refused was the parent of this one.
  expect(() => pipeline.pushPrepare(bench.prepare(2, 1n))).toThrow("not chained");
  const upgrading = new Bench();
  upgrading.pipeline.pushPrepare(upgrading.prepare(1, 0n, Operation.upgrade));
  expect(() => upgrading.pipeline.pushPrepare(upgrading.prepare(2, 1n))).toThrow("follows an upgrade");
});

test("the cache keeps one prepare in each slot, the latest", () => {
  const bench = new Bench("cache");
  const { pipeline } = bench;
  expect(pipeline.cacheCapacity).toBe(6);
  const free = bench.available;
  const old = bench.prepare(3, 1n);
  const { checksum } = old.header;
  pipeline.cache(old);
  old.release();
  expect(pipeline.find(3, checksum)).toBe(old);
  expect(pipeline.find(3, checksum + 1n)).toBeNull();
  expect(pipeline.find(9, checksum)).toBeNull();
  const young = bench.prepare(9, 1n);
  pipeline.cache(young);
  young.release();
  expect(pipeline.find(3, checksum)).toBeNull();
  expect(pipeline.find(9, young.header.checksum)).toBe(young);
  expect(bench.available).toBe(free - 1);
});

test("a queue that becomes a cache keeps the prepares, forgets who had them and drops the requests", () => {
  const bench = new Bench();
  const free = bench.available;
  bench.fill(1, 2, 3, 4);
  const { pipeline } = bench;
  const second = pipeline.prepares[1];
  second?.acknowledge(1);
  pipeline.pushRequest(bench.request(9n), 0n);
  pipeline.toCache();
  expect([pipeline.kind, pipeline.prepareCount, pipeline.requestCount]).toEqual(["cache", 0, 0]);
  expect(bench.available).toBe(free - 4);
  expect(pipeline.find(2, second?.checksum ?? 0n)).toBe(second?.message);
  pipeline.toQueue(2, 3);
  expect(pipeline.prepares.map(({ op, okCount }) => [op, okCount])).toEqual([
    [2, 0],
    [3, 0],
  ]);
  expect(bench.available).toBe(free - 2);
});

test("a cache without all the ops cannot become the queue of them", () => {
  const bench = new Bench("cache");
  bench.pipeline.cache(bench.prepare(1, 1n));
  expect(() => bench.pipeline.toQueue(1, 2)).toThrow("op 2 is not in the cache");
});

test("the first prepare without a quorum is the one that is sent again", () => {
  const { pipeline } = new Bench().fill(7, 8, 9);
  expect(pipeline.firstWithoutQuorum?.op).toBe(7);
  for (const prepare of pipeline.prepares.slice(0, 2)) prepare.okQuorumReceived = true;
  expect(pipeline.firstWithoutQuorum?.op).toBe(9);
});
