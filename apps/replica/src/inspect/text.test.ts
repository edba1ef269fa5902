import { describe, expect, test } from "vitest";

import { operationText, sizeText, underscored } from "./text.ts";

describe("text", () => {
  test.each([
    [0, "0B"],
    [880, "880B"],
    [4096, "4KiB"],
    [98_304, "96KiB"],
    [33_858_520, "32.29MiB"],
    [2 ** 46, "64TiB"],
    [2 ** 52, "4096TiB"],
  ])("a size of %d bytes is %s", (bytes, text) => expect(sizeText(bytes)).toBe(text));

  test.each([
    [0, "reserved"],
    [4, "pulse"],
    [7, "7!"],
    [128, "pulse"],
    [147, "create_transfers"],
    [255, "255!"],
  ])("operation %d is %s", (operation, text) => expect(operationText(operation)).toBe(text));

  test("numbers are right-aligned, and long ones are whole", () => {
    expect(underscored(7, 4)).toBe("___7");
    expect(underscored("12345", 4)).toBe("12345");
  });
});
