import fc from "fast-check";
import { expect, test } from "vitest";

import { DATAGRAM_SIZE_MAX_BYTES, datagrams } from "./datagrams.ts";

test("lines are packed in order, whole, into as few datagrams as that takes", () => {
  const line = fc.integer({ min: 1, max: DATAGRAM_SIZE_MAX_BYTES }).map((size) => "x".repeat(size - 1) + "\n");
  const property = fc.property(fc.array(line), (lines) => {
    const packed = datagrams(lines).map(String);
    expect(packed.join("")).toBe(lines.join(""));
    for (const [index, datagram] of packed.entries()) {
      expect(datagram.length).toBeLessThanOrEqual(DATAGRAM_SIZE_MAX_BYTES);
      expect(datagram.endsWith("\n")).toBe(true);
      const [next = ""] = packed[index + 1]?.split(/(?<=\n)/u) ?? [];
      if (next !== "") expect(datagram.length + next.length).toBeGreaterThan(DATAGRAM_SIZE_MAX_BYTES);
    }
  });
  fc.assert(property, { numRuns: 50 });
});

test("a datagram may be full to the last byte", () => {
  const lines = ["a".repeat(DATAGRAM_SIZE_MAX_BYTES - 2), "\n\n", "b\n"];
  expect(datagrams(lines).map(({ length }) => length)).toEqual([DATAGRAM_SIZE_MAX_BYTES, 2]);
});

test("nothing takes no datagram", () => {
  expect(datagrams([])).toEqual([]);
});
