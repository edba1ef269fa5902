import { describe, expect, test } from "vitest";

import { jsonText } from "./json.ts";
import { operationText, sizeText, snakeCase, underscored } from "./text.ts";

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

  test("names are spelled as the reference does", () => {
    expect(snakeCase("freeSetBlocksAcquiredLastBlockChecksum")).toBe("free_set_blocks_acquired_last_block_checksum");
    expect(snakeCase("userData128")).toBe("user_data_128");
    expect(snakeCase("view_headers_all[0]")).toBe("view_headers_all[0]");
  });

  test("numbers are right-aligned, and long ones are whole", () => {
    expect(underscored(7, 4)).toBe("___7");
    expect(underscored("12345", 4)).toBe("12345");
  });

  test("JSON has integers of 64 bits and more as strings, names as in the text, and ends with its line", () => {
    const text = jsonText({ blockCount: 1, nested: [{ snapshotMax: 2n ** 64n - 1n, none: null }] });
    expect(JSON.parse(text)).toEqual({
      block_count: 1,
      nested: [{ snapshot_max: "18446744073709551615", none: null }],
    });
    expect(text.endsWith("}\n")).toBe(true);
  });
});
