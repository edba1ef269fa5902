import { AccountingOperation, OPERATIONS, Transfer } from "@stagbeetle/state-machine";
import { MultiBatchEncoder, Operation } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { bodyLines, bodyReport } from "./message-body.ts";

/** A body of batches of zeros with these element counts. */
function batches(elementSizeBytes: number, ...counts: readonly number[]): Uint8Array {
  const buffer = new Uint8Array(4096);
  const encoder = new MultiBatchEncoder();
  encoder.begin(buffer, elementSizeBytes);
  for (const count of counts) encoder.add(count * elementSizeBytes);
  return buffer.slice(0, encoder.finish());
}

describe("a body", () => {
  test("without bytes is none", () => {
    expect(bodyLines("events", bodyReport("events", Operation.pulse, new Uint8Array(0)))).toEqual(["(no body)"]);
  });

  test.each(OPERATIONS.filter(({ kind }) => kind !== "pulse"))("of $name is known from both sides", (traits) => {
    const { operation, eventSizeBytes, resultSizeBytes, multiBatch } = traits;
    for (const [kind, sizeBytes] of [
      ["events", eventSizeBytes],
      ["results", resultSizeBytes],
    ] as const) {
      const body = multiBatch ? batches(sizeBytes, 2, 1) : new Uint8Array(3 * sizeBytes);
      const report = bodyReport(kind, operation, body);
      expect(report).toMatchObject({ fault: null, batches: multiBatch ? [2, 1] : null });
      expect(report.elements).toHaveLength(3);
    }
  });

  test("is printed field by field", () => {
    const transfer = new Transfer(new Uint8Array(Transfer.sizeBytes));
    Object.assign(transfer, { id: 0xabcn, code: 7 });
    const { deprecated_create_transfers_unbatched: operation } = AccountingOperation;
    const lines = bodyLines("events", bodyReport("events", operation, transfer.buffer));
    expect(lines[0]).toBe("events[0]: .id=0x00000000000000000000000000000abc");
    expect(lines).toContain("events[0]: .code=7");
    expect(lines).toHaveLength(13);
  });

  test.each([
    [AccountingOperation.deprecated_create_transfers_unbatched, 100, "error: unexpected body size=100"],
    [AccountingOperation.create_transfers, 128, /^error: unexpected body size=128 \(/u],
    [Operation.noop, 16, "error: unimplemented operation=noop"],
    [255, 16, "error: unimplemented operation=255!"],
  ])("of operation %d with %d bytes is refused", (operation, sizeBytes, line) => {
    const body = new Uint8Array(sizeBytes).fill(0xee);
    expect(bodyLines("events", bodyReport("events", operation, body))).toEqual([expect.stringMatching(line)]);
  });

  test("can be anything", () => {
    const kind = fc.constantFrom("events" as const, "results" as const);
    fc.assert(
      fc.property(
        kind,
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 600 }),
        (side, operation, body) => {
          expect(bodyLines(side, bodyReport(side, operation, body)).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
