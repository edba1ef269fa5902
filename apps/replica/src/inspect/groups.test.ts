import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { groupCopies } from "./groups.ts";
import type { Copy } from "./groups.ts";

const copy = (byte: number, valid = true): Copy => ({ bytes: Uint8Array.of(byte), valid });

describe("copies side by side", () => {
  test.each([
    ["copies that agree are one group", [copy(1), copy(1), copy(1), copy(1)], ["||||"]],
    ["each content has a group, in the order of its first copy", [copy(2), copy(1), copy(2)], ["|_|", "_|_"]],
    ["a damaged copy is marked, wherever its bytes are", [copy(1), copy(1, false), copy(3, false)], ["|X_", "__X"]],
  ] as const)("%s", (_, copies, marks) => {
    expect(groupCopies(copies).map((group) => group.marks)).toEqual(marks);
  });

  test("every copy is marked in exactly one group, that of its bytes", () => {
    const anyCopy = fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 1, max: 2 }), valid: fc.boolean() });
    fc.assert(
      fc.property(fc.array(anyCopy, { minLength: 1, maxLength: 6 }), (copies) => {
        const groups = groupCopies(copies);
        for (const [index, { bytes, valid }] of copies.entries()) {
          const marks = groups.map((group) => group.marks[index]);
          expect(marks.filter((mark) => mark !== "_")).toEqual([valid ? "|" : "X"]);
          expect(groups[marks.findIndex((mark) => mark !== "_")]?.bytes).toEqual(bytes);
        }
      }),
    );
  });
});
