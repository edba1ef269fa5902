import fc from "fast-check";
import { expect, test } from "vitest";

import { decodeBase64 } from "./base64.ts";

test("base64 decodes to what was encoded", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeBase64(Buffer.from(bytes).toString("base64"))).toEqual(bytes);
    }),
  );
});

test("base64 refuses other characters and lengths", () => {
  expect(() => decodeBase64("AA-A")).toThrow('base64: "-" at 2');
  expect(() => decodeBase64("AAA")).toThrow("base64: length 3 is no multiple of 4");
});
