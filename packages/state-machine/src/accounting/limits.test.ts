import { describe, expect, test } from "vitest";
import { Limits } from "./limits.ts";
import { Operation, OPERATIONS, operationFromVsr, operationTraits } from "./operations.ts";

const PRODUCTION = new Limits({ messageBodySizeMax: 1_048_320, batchSizeLimit: 1_048_320 });
const DEVELOPMENT = new Limits({ messageBodySizeMax: 1_048_320, batchSizeLimit: 32_512 });
const TEST_MIN = new Limits({ messageBodySizeMax: 3840, batchSizeLimit: 3840 });

// Spec 02 §4, spec 01 §6.5: events and results per batch. Queries take one event per batch all the same.
// oxfmt-ignore
const ROWS = [
  // operation                                          production    development    test_min
  ["create_accounts",                                   8189, 8189,   253, 8189,     29, 29],
  ["create_transfers",                                  8189, 8189,   253, 8189,     29, 29],
  ["lookup_accounts",                                   8189, 8189,  2031, 8189,     29, 29],
  ["lookup_transfers",                                  8189, 8189,  2031, 8189,     29, 29],
  ["get_account_transfers",                             8189, 8189,   253, 8189,     29, 29],
  ["get_account_balances",                              8189, 8189,   253, 8189,     29, 29],
  ["query_accounts",                                    8189, 8189,   507, 8189,     29, 29],
  ["query_transfers",                                   8189, 8189,   507, 8189,     29, 29],
  ["get_change_events",                                 2730, 2730,   508, 2730,     10, 10],
  ["deprecated_create_accounts_sparse",                 8189, 8189,   253, 8189,     29, 29],
  ["deprecated_create_transfers_sparse",                8189, 8189,   253, 8189,     29, 29],
  ["deprecated_create_accounts_unbatched",              8190, 8190,   254, 8190,     30, 30],
  ["deprecated_create_transfers_unbatched",             8190, 8190,   254, 8190,     30, 30],
  ["deprecated_lookup_accounts_unbatched",              8190, 8190,  2032, 8190,     30, 30],
  ["deprecated_lookup_transfers_unbatched",             8190, 8190,  2032, 8190,     30, 30],
  ["deprecated_get_account_transfers_unbatched",        8190, 8190,   254, 8190,     30, 30],
  ["deprecated_query_transfers_unbatched",              8190, 8190,   508, 8190,     30, 30],
  ["pulse",                                                0,    0,     0,    0,      0,  0],
] as const;

describe("events and results per batch", () => {
  test.each(ROWS)("%s", (name, ...expected) => {
    const traits = operationTraits(Operation[name]);
    const actual = [PRODUCTION, DEVELOPMENT, TEST_MIN].flatMap((limits) => [
      limits.eventMax(traits),
      limits.resultMax(traits),
    ]);
    expect(actual).toEqual(expected);
  });
});

test("what one operation can create, expire and tell at most follows", () => {
  const of = (limits: Limits): number[] => [
    limits.createAccountsMax,
    limits.createTransfersMax,
    limits.expireMax,
    limits.changeEventsMax,
  ];
  expect(of(PRODUCTION)).toEqual([8190, 8190, 8190, 2730]);
  expect(of(DEVELOPMENT)).toEqual([8190, 8190, 254, 1016]);
  expect(of(TEST_MIN)).toEqual([30, 30, 30, 10]);
});

test("a batch size limit must hold an event and fit into a message", () => {
  expect(() => new Limits({ messageBodySizeMax: 3840, batchSizeLimit: 127 })).toThrow("batch size limit");
  expect(() => new Limits({ messageBodySizeMax: 3840, batchSizeLimit: 3841 })).toThrow("batch size limit");
});

test("operations have the numbers 128 to 147, and the protocol's pulse is the machine's", () => {
  expect(OPERATIONS.map(({ operation }) => operation)).toEqual(Array.from({ length: 20 }, (_, index) => 128 + index));
  expect(OPERATIONS.every(({ name, operation }) => Operation[name] === operation)).toBe(true);
  expect(operationFromVsr(4)?.name).toBe("pulse");
  const invalid = Array.from({ length: 256 }, (_, operation) => operation).filter(
    (operation) => operationFromVsr(operation) === null,
  );
  expect(invalid).toEqual([0, 1, 2, 3, ...range(5, 128), ...range(148, 256)]);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
