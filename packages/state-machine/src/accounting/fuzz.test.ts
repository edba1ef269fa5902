import { MultiBatchDecoder } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeBatches, Ledger } from "../../test/ledger.ts";
import { OPERATIONS, type OperationTraits } from "./operations.ts";

const runs = { numRuns: Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 100) };

/** Bytes of which most are zero or small, so that ids meet and flags are sometimes valid. */
const byte = fc.oneof(
  { weight: 12, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.nat(255) },
);

/** A body of events with arbitrary bytes, in the operation's encoding. */
function bodyOf(traits: OperationTraits): fc.Arbitrary<Uint8Array> {
  const event = fc.uint8Array({ minLength: traits.eventSizeBytes, maxLength: traits.eventSizeBytes });
  const sparse = fc
    .array(byte, { minLength: traits.eventSizeBytes, maxLength: traits.eventSizeBytes })
    .map((bytes) => Uint8Array.from(bytes));
  const count = traits.batchable ? { maxLength: 6 } : { minLength: 1, maxLength: 1 };
  const batch = fc.array(fc.oneof({ weight: 4, arbitrary: sparse }, { weight: 1, arbitrary: event }), count);
  const batches = fc.array(batch, { minLength: 1, maxLength: traits.multiBatch ? 3 : 1 });
  return batches.map((all) =>
    encodeBatches(
      traits.operation,
      all.map((events) => Buffer.concat(events)),
    ),
  );
}

const request = fc
  .constantFrom(...OPERATIONS)
  .chain((traits) => fc.record({ traits: fc.constant(traits), body: bodyOf(traits), wait: fc.nat(3) }));

test("whatever a client sends is refused or executed, and the reply has its batches", () => {
  const reply = new MultiBatchDecoder();
  fc.assert(
    fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
      const ledger = new Ledger();
      for (const { traits, body, wait } of requests) {
        ledger.now += BigInt(wait) * 1_000_000_000n;
        if (!ledger.machine.inputValid(traits.operation, body)) continue;
        const bytes = ledger.executeBody(traits.operation, body);
        if (!traits.multiBatch) {
          expect(bytes.length % Math.max(1, traits.resultSizeBytes)).toBe(0);
          continue;
        }
        expect(reply.decode(bytes, traits.resultSizeBytes)).toBeNull();
        const sent = new MultiBatchDecoder();
        sent.decode(body, traits.eventSizeBytes);
        expect(reply.batchCount).toBe(sent.batchCount);
      }
    }),
    runs,
  );
});

test("bodies at odd addresses are read all the same", () => {
  const shifted = (body: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(body.length + 1);
    bytes.set(body, 1);
    return bytes.subarray(1);
  };
  fc.assert(
    fc.property(fc.array(request, { maxLength: 10 }), (requests) => {
      const [straight, odd] = [new Ledger(), new Ledger()];
      for (const { traits, body } of requests) {
        if (!straight.machine.inputValid(traits.operation, body)) continue;
        expect(odd.executeBody(traits.operation, shifted(body))).toEqual(straight.executeBody(traits.operation, body));
      }
    }),
    { numRuns: Math.ceil(runs.numRuns / 4) },
  );
});
