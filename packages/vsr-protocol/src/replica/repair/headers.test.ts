import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../../test/builders.ts";
import { build } from "../../../test/messages.ts";
import { RepairBench, type RepairBenchOptions } from "../../../test/repair-bench.ts";
import { Command } from "../../command.ts";
import { recordBytes } from "../../layout.ts";
import { Header, HEADER_SIZE_BYTES } from "../../message/frame.ts";
import { GetHeadersHeader } from "../../message/get-headers.ts";
import { HeadersHeader } from "../../message/headers.ts";
import { invalidBody } from "../../message/invalid-body.ts";
import { PrepareHeader } from "../../message/prepare.ts";
import { HeaderExchange } from "./headers.ts";

const HEAD = 20;

class Bench {
  readonly node: RepairBench;
  readonly exchange: HeaderExchange;
  repairs = 0;

  constructor(options: RepairBenchOptions = {}) {
    const node = new RepairBench(options);
    this.node = node;
    this.exchange = new HeaderExchange({
      ...node.parts,
      joinViewQuorum: () => node.quorum,
      onHeaders: () => (this.repairs += 1),
    });
  }

  /** What is answered to a `get_headers`, as ops; null for nothing. */
  asked(opMin: number, opMax: number, replica = 0): number[] | null {
    const message = this.node.received(build(GetHeadersHeader, { command: Command.getHeaders, replica, opMin, opMax }));
    this.exchange.onGetHeaders(message);
    message.release();
    const [answer] = this.node.taken(Command.headers);
    if (answer === undefined) return null;
    expect(answer.to).toBe(replica);
    const sent = this.node.received(answer.bytes);
    expect(invalidBody(sent, this.node.config, this.node.checksums)).toBeNull();
    sent.release();
    return opsOf(answer.bytes);
  }

  /** Lets `headers` arrive. */
  arrive(headers: readonly PrepareHeader[], replica = 0): void {
    const body = new Uint8Array(headers.length * HEADER_SIZE_BYTES);
    for (const [index, header] of headers.entries()) body.set(recordBytes(header), index * HEADER_SIZE_BYTES);
    const message = this.node.received(build(HeadersHeader, { command: Command.headers, replica, view: 0 }, body));
    this.exchange.onHeaders(message);
    message.release();
  }
}

function opsOf(bytes: Uint8Array): number[] {
  const count = bytes.length / HEADER_SIZE_BYTES - 1;
  return Array.from({ length: count }, (_, index) => new PrepareHeader(bytes, (index + 1) * HEADER_SIZE_BYTES).op);
}

describe("get_headers", () => {
  test("is sent to a random other replica", () => {
    const { node, exchange } = new Bench({ replica: 1, replicaCount: 3 });
    const destinations = new Set<unknown>();
    for (let times = 0; times < 30; times += 1) exchange.request({ opMin: 3, opMax: 5 });
    for (const { to, bytes } of node.taken(Command.getHeaders)) {
      destinations.add(to);
      const { opMin, opMax, view } = new GetHeadersHeader(bytes);
      expect([opMin, opMax, view]).toEqual([3, 5, 0]);
    }
    expect([...destinations].toSorted((left, right) => Number(left) - Number(right))).toEqual([0, 2]);
  });

  test("is sent to nobody by a replica that is alone", () => {
    const { node, exchange } = new Bench({ replica: 0, replicaCount: 1 });
    exchange.request({ opMin: 3, opMax: 5 });
    expect(node.sent).toEqual([]);
  });

  test("is answered with the headers that are there, the highest first", () => {
    const subject = new Bench();
    subject.node.chain(HEAD);
    subject.node.journal.lose(5);
    expect(subject.asked(3, 6)).toEqual([6, 4, 3]);
    expect(subject.asked(HEAD + 1, HEAD + 9)).toBeNull();
    expect(subject.asked(5, 5)).toBeNull();
  });

  test("is answered with the highest headers that fit a message", () => {
    const subject = new Bench();
    subject.node.chain(HEAD);
    const { getHeadersMax } = subject.node.config.derived;
    expect(subject.asked(0, HEAD)).toEqual(Array.from({ length: getHeadersMax }, (_, index) => HEAD - index));
  });

  test("is answered in every status, but not by a standby, and not to itself", () => {
    for (const current of ["normal", "view_change", "recovering", "recovering_head"] as const) {
      const subject = new Bench();
      subject.node.chain(HEAD);
      subject.node.status.current = current;
      expect(subject.asked(3, 3)).toEqual([3]);
    }
    const standby = new Bench({ replica: 3, replicaCount: 3 });
    standby.node.chain(HEAD);
    expect(standby.asked(3, 3)).toBeNull();
    const own = new Bench({ replica: 1 });
    own.node.chain(HEAD);
    expect(own.asked(3, 3, 1)).toBeNull();
  });

  test("with any range is answered with a part of the log, at once", () => {
    const subject = new Bench();
    subject.node.chain(HEAD);
    const op = fc.oneof(fc.nat(40), fc.nat(Number.MAX_SAFE_INTEGER));
    const property = fc.property(op, op, (left, right) => {
      const [opMin, opMax] = [Math.min(left, right), Math.max(left, right)];
      const { getHeadersMax } = subject.node.config.derived;
      const expected = Array.from({ length: HEAD + 1 }, (_, index) => HEAD - index)
        .filter((each) => each >= opMin && each <= opMax)
        .slice(0, getHeadersMax);
      expect(subject.asked(opMin, opMax) ?? []).toEqual(expected);
    });
    fc.assert(property, { numRuns: PROPERTY_RUNS });
  });
});

describe("headers", () => {
  test("fill the gaps of the log, and repair goes on", () => {
    const subject = new Bench();
    const chain = subject.node.chain(HEAD);
    for (const op of [5, 6, 7]) subject.node.journal.lose(op);
    subject.arrive(chain.slice(4, 8).toReversed());
    expect(subject.node.journal.ops()).toEqual(chain.map(({ op }) => op));
    expect(subject.repairs).toBe(1);
  });

  test("that teach nothing lead to nothing: else two replicas would ask and answer without end", () => {
    const subject = new Bench();
    const chain = subject.node.chain(HEAD, { view: (op) => (op > 7 ? 1 : 0) });
    for (const op of [5, 6, 7]) subject.node.journal.lose(op);
    // Not proved to belong into the log, as long as op 7 is missing.
    subject.arrive(chain.slice(5, 7).toReversed());
    expect(subject.repairs).toBe(0);
    subject.arrive(chain.slice(7, 8));
    expect(subject.repairs).toBe(1);
    subject.arrive(chain.slice(7, 8));
    expect(subject.repairs).toBe(1);
  });

  test.each([
    { status: "normal", quorum: false, view: 0, taken: true },
    { status: "view_change", quorum: true, view: 1, taken: true },
    { status: "view_change", quorum: true, view: 2, taken: false },
    { status: "view_change", quorum: false, view: 1, taken: false },
    { status: "recovering_head", quorum: false, view: 0, taken: false },
    { status: "recovering", quorum: false, view: 0, taken: false },
  ] as const)("in status $status of replica 1 in view $view (quorum: $quorum) are taken: $taken", (facts) => {
    const subject = new Bench({ replica: 1 });
    const chain = subject.node.chain(HEAD);
    subject.node.journal.lose(5);
    subject.node.status.current = facts.status;
    subject.node.view.view = facts.view;
    subject.node.quorum = facts.quorum;
    subject.arrive(chain.slice(5, 6));
    expect(subject.node.journal.headerWithOp(5) !== null).toBe(facts.taken);
    expect(subject.repairs).toBe(facts.taken ? 1 : 0);
  });

  test("are taken by a standby, and not from itself", () => {
    const standby = new Bench({ replica: 3, replicaCount: 3 });
    const chain = standby.node.chain(HEAD);
    standby.node.journal.lose(5);
    standby.arrive(chain.slice(5, 6), 3);
    expect(standby.node.journal.headerWithOp(5)).toBeNull();
    standby.arrive(chain.slice(5, 6), 0);
    expect(standby.node.journal.headerWithOp(5)).not.toBeNull();
  });

  test("release what they were built in", () => {
    const subject = new Bench();
    subject.node.chain(HEAD);
    subject.asked(3, 6);
    subject.exchange.request({ opMin: 1, opMax: 2 });
    expect(subject.node.pool.available).toBe(subject.node.pool.messagesMax);
    expect(new Header(subject.node.sent[0]?.bytes ?? new Uint8Array(256)).command).toBe(Command.getHeaders);
  });
});
