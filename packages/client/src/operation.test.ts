import { AccountingOperation, operationFromVsr } from "@stagbeetle/state-machine";
import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, it } from "vitest";

import { assertEncoding, batchesFit, rawOperation, resultCountMax } from "./operation.ts";

const PRODUCTION_MAX = PRODUCTION.derived.messageBodySizeMax;
const TEST_MIN_MAX = TEST_MIN.derived.messageBodySizeMax;

function encodingOf(operation: AccountingOperation): NonNullable<ReturnType<typeof operationFromVsr>> {
  return operationFromVsr(operation) ?? expect.fail("no such operation");
}

/** The most events and the most results of one batch, found by trying. */
function maxima(operation: AccountingOperation, batchSizeLimit: number, messageBodySizeMax: number): [number, number] {
  const encoding = encodingOf(operation);
  const limits = { batchSizeLimit, messageBodySizeMax };
  const fits = (events: number, results: number): boolean =>
    batchesFit(
      encoding,
      { batchCount: 1, eventsSizeBytes: events * encoding.eventSizeBytes, resultCountMax: results },
      limits,
    );
  let events = 0;
  while (fits(events + 1, encoding.batchable ? events + 1 : 0)) events += 1;
  let results = 0;
  while (fits(encoding.batchable ? results + 1 : 1, results + 1)) results += 1;
  return [events, results];
}

describe("what fits into one batch (spec 01 §6.5)", () => {
  const { create_accounts, create_transfers, lookup_accounts, lookup_transfers } = AccountingOperation;
  const { get_account_transfers, get_account_balances, query_accounts, query_transfers } = AccountingOperation;
  it.each([
    [create_accounts, PRODUCTION_MAX, PRODUCTION_MAX, 8189, 8189],
    [create_transfers, PRODUCTION_MAX, PRODUCTION_MAX, 8189, 8189],
    [lookup_accounts, PRODUCTION_MAX, PRODUCTION_MAX, 8189, 8189],
    [lookup_transfers, PRODUCTION_MAX, PRODUCTION_MAX, 8189, 8189],
    [get_account_transfers, PRODUCTION_MAX, PRODUCTION_MAX, 8189, 8189],
    [create_accounts, 32_512, PRODUCTION_MAX, 253, 253],
    [lookup_transfers, 32_512, PRODUCTION_MAX, 2031, 2031],
    [get_account_balances, 32_512, PRODUCTION_MAX, 253, 8189],
    [query_accounts, 32_512, PRODUCTION_MAX, 507, 8189],
    [AccountingOperation.get_change_events, 32_512, PRODUCTION_MAX, 508, 2730],
    [create_transfers, TEST_MIN_MAX, TEST_MIN_MAX, 29, 29],
    [lookup_accounts, TEST_MIN_MAX, TEST_MIN_MAX, 29, 29],
    [query_transfers, TEST_MIN_MAX, TEST_MIN_MAX, 59, 29],
    [AccountingOperation.get_change_events, TEST_MIN_MAX, TEST_MIN_MAX, 60, 10],
  ])(
    "of operation %i in requests of %i bytes and replies of %i: %i events, %i results",
    (operation, limit, body, events, results) => {
      expect(maxima(operation, limit, body)).toEqual([events, results]);
    },
  );

  it("is any number of bytes up to the limit, for an operation that is only bytes", () => {
    const encoding = rawOperation(200);
    const limits = { batchSizeLimit: 1000, messageBodySizeMax: 10 };
    const totals = { batchCount: 1, resultCountMax: 1000 };
    expect(batchesFit(encoding, { ...totals, eventsSizeBytes: 1000 }, limits)).toBe(true);
    expect(batchesFit(encoding, { ...totals, eventsSizeBytes: 1001 }, limits)).toBe(false);
  });
});

describe("an encoding", () => {
  const batches = { ...rawOperation(200), eventSizeBytes: 16, resultSizeBytes: 8, multiBatch: true };

  it.each([
    ["bytes", rawOperation(128)],
    ["batches", batches],
    ["records of any size, without batches", { ...rawOperation(255), eventSizeBytes: 24 }],
    ["one event that ends with its limit", { ...batches, batchable: false, limitOffset: 12 }],
  ])("of %s is one", (_, encoding) => {
    expect(() => assertEncoding(encoding)).not.toThrow();
  });

  it.each([
    ["an operation of the protocol", rawOperation(127)],
    ["an operation that is no u8", rawOperation(256)],
    ["batches of events whose size is no power of two", { ...batches, eventSizeBytes: 24 }],
    ["batches of results whose size is no power of two", { ...batches, resultSizeBytes: 12 }],
    ["events without a size", { ...batches, eventSizeBytes: 0 }],
    ["one event with a limit that is not in it", { ...batches, batchable: false, limitOffset: 13 }],
    ["any number of events with a limit", { ...batches, limitOffset: 0 }],
  ])("of %s is none", (_, encoding) => {
    expect(() => assertEncoding(encoding)).toThrow(/operation \d+/u);
  });
});

describe("how many results a call can get", () => {
  it("is one an event", () => {
    expect(resultCountMax(encodingOf(AccountingOperation.create_accounts), new Uint8Array(3 * 128))).toBe(3);
  });

  it("is the limit of a filter", () => {
    const encoding = encodingOf(AccountingOperation.query_accounts);
    const filter = new Uint8Array(64);
    new DataView(filter.buffer).setUint32(56, 77, true);
    expect(resultCountMax(encoding, filter)).toBe(77);
  });
});
