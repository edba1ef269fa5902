import { MultiBatchDecoder } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBatches } from "../../test/ledger.ts";
import { inputValid } from "./input-valid.ts";
import { Limits } from "./limits.ts";
import { Operation, OPERATIONS, type OperationTraits, operationTraits } from "./operations.ts";

const limits = new Limits({ messageBodySizeMax: 3840, batchSizeLimit: 3840 });

function valid(traits: OperationTraits, body: Uint8Array): boolean {
  return inputValid(traits, body, limits, new MultiBatchDecoder());
}

/** A query body with one filter per limit. */
function filters(operation: Operation, queryLimits: readonly number[]): Uint8Array {
  const traits = operationTraits(operation);
  const batches = queryLimits.map((limit) => {
    const filter = new Uint8Array(traits.eventSizeBytes);
    new DataView(filter.buffer).setUint32(traits.limitOffset, limit, true);
    return filter;
  });
  return encodeBatches(operation, batches);
}

describe("the number of events in one batch", () => {
  test.each(OPERATIONS.filter(({ eventSizeBytes }) => eventSizeBytes > 0))("$name", (traits) => {
    const eventMax = traits.batchable ? limits.eventMax(traits) : 1;
    const body = (count: number): Uint8Array =>
      encodeBatches(traits.operation, [new Uint8Array(count * traits.eventSizeBytes)]);
    expect(valid(traits, body(0))).toBe(traits.batchable);
    expect(valid(traits, body(1))).toBe(true);
    expect(valid(traits, body(eventMax))).toBe(true);
    expect(valid(traits, body(eventMax + 1))).toBe(false);
  });
});

test("a pulse has no body", () => {
  const pulse = operationTraits(Operation.pulse);
  expect(valid(pulse, new Uint8Array(0))).toBe(true);
  expect(valid(pulse, new Uint8Array(1))).toBe(false);
});

test("a body of several batches needs its trailer even if it is empty", () => {
  expect(valid(operationTraits(Operation.create_transfers), new Uint8Array(0))).toBe(false);
  expect(valid(operationTraits(Operation.deprecated_create_transfers_unbatched), new Uint8Array(0))).toBe(true);
});

describe("the limits of the filters in one body", () => {
  const m = 29;
  const half = Math.floor(m / 2);
  const u32Max = 0xffff_ffff;
  const validLimits = [
    [0],
    [0, 0],
    [1],
    [1, 1, 1],
    [m],
    [0, m],
    [0, 1, m - 1],
    [1, 1, m - 2],
    [half, m - half],
    [u32Max],
  ];
  const invalidLimits = [
    [1, m],
    [1, u32Max],
    [m, m],
    [half, m - half, 1],
  ];
  const queries = OPERATIONS.filter(({ multiBatch, limitOffset }) => multiBatch && limitOffset !== -1);

  test("there are four such operations, and their results per batch are 29", () => {
    expect(queries.map((traits) => limits.resultMax(traits))).toEqual([m, m, m, m]);
  });

  test.each(queries)("$name", (traits) => {
    for (const each of validLimits) expect(valid(traits, filters(traits.operation, each)), each.join()).toBe(true);
    for (const each of invalidLimits) expect(valid(traits, filters(traits.operation, each)), each.join()).toBe(false);
    expect(valid(traits, encodeBatches(traits.operation, [new Uint8Array(0)]))).toBe(false);
  });
});

test("any number of the largest limits is refused without overflowing (hazard 5)", () => {
  const production = new Limits({ messageBodySizeMax: 1_048_320, batchSizeLimit: 1_048_320 });
  const queryLimits = Array.from({ length: 4200 }, () => 0xffff_ffff);
  const traits = operationTraits(Operation.get_account_transfers);
  const body = filters(Operation.get_account_transfers, queryLimits);
  expect(inputValid(traits, body, production, new MultiBatchDecoder())).toBe(false);
});

test("arbitrary bytes are valid or not, and never throw", () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    // Bytes that end like a trailer.
    fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(3), fc.nat(3)).map(([bytes, count, batches]) => {
      const padding = Array.from({ length: 124 }, () => 0xff);
      return Uint8Array.from([...bytes, ...padding, count, 0, batches, 0]);
    }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...OPERATIONS), body, (traits, bytes) => {
      expect(typeof valid(traits, bytes)).toBe("boolean");
    }),
    { numRuns: Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 500) },
  );
});
