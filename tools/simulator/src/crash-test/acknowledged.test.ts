import { AccountingModel, AccountingWorkload } from "@stagbeetle/io-sim";
import { PRODUCTION, Random } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { AcknowledgedRequests } from "./acknowledged.ts";
import { sweepRequest } from "./sweep.ts";

interface Request {
  readonly operation: number;
  readonly body: Uint8Array;
}

/** A ledger that answers as it should, and what it is asked. */
function ledger(): {
  readonly answer: (request: Request, timestamp: bigint) => Uint8Array;
  readonly next: () => Request;
} {
  const { messageBodySizeMax } = PRODUCTION.derived;
  const model = new AccountingModel({ messageBodySizeMax, expireMax: 0 });
  const workload = new AccountingWorkload({
    config: PRODUCTION,
    random: new Random(3),
    model,
    eventsMax: 10,
    timeouts: false,
  });
  return {
    answer: ({ operation, body }, timestamp) => model.execute({ operation, timestamp, body }).slice(),
    next: () => workload.next(messageBodySizeMax),
  };
}

/** So far apart that events of different requests never meet. */
const APART_NS = 1_000_000n;

test("answers are checked in the order of their timestamps, whatever the order in which they came", () => {
  const { answer, next } = ledger();
  const requests = new AcknowledgedRequests();
  const acknowledged = Array.from({ length: 40 }, (_, index) => {
    const request = next();
    const timestamp = BigInt(index + 1) * APART_NS;
    return { ...request, answer: { timestamp, body: answer(request, timestamp) } };
  });
  for (const one of acknowledged.toReversed()) requests.add(one, 0n);
  requests.check();
  expect(requests.count).toBe(40);
  expect(requests.model.accounts.size).toBeGreaterThan(0);
});

test("an answer that forgets what was acknowledged is found", () => {
  const { answer, next } = ledger();
  const requests = new AcknowledgedRequests();
  for (let index = 1n; requests.model.transfers.size === 0; index += 1n) {
    const request = next();
    const timestamp = index * APART_NS;
    requests.add({ ...request, answer: { timestamp, body: answer(request, timestamp) } }, 0n);
    requests.check();
  }
  const sweep = sweepRequest("transfers", 0n, "newest");
  const nothing = ledger().answer(sweep, 1n);
  requests.add({ ...sweep, answer: { timestamp: 10_000n * APART_NS, body: nothing } }, 0n);
  expect(() => requests.check()).toThrow("the answer to query_transfers");
});

test("two requests at one time, and one that is older than an answer that was there before it, are found", () => {
  const { answer, next } = ledger();
  const requests = new AcknowledgedRequests();
  const request = next();
  const acknowledged = { ...request, answer: { timestamp: APART_NS, body: answer(request, APART_NS) } };
  requests.add(acknowledged, 0n);
  expect(() => requests.add(acknowledged, requests.newestTimestamp)).toThrow("after one of 1000000");
  requests.add(acknowledged, 0n);
  expect(() => requests.check()).toThrow("two requests are executed at 1000000");
});
