import { expect, test } from "vitest";

import { jsonText } from "./json.ts";
import { hex128, snakeCase } from "./text.ts";

test("names are spelled as the reference does", () => {
  expect(snakeCase("freeSetBlocksAcquiredLastBlockChecksum")).toBe("free_set_blocks_acquired_last_block_checksum");
  expect(snakeCase("userData128")).toBe("user_data_128");
  expect(snakeCase("view_headers_all[0]")).toBe("view_headers_all[0]");
});

test("a checksum has 32 digits", () => expect(hex128(0xabcn)).toBe("00000000000000000000000000000abc"));

test("JSON has integers of 64 bits and more as strings, names as in the text, and ends with its line", () => {
  const text = jsonText({ blockCount: 1, nested: [{ snapshotMax: 2n ** 64n - 1n, none: null }] });
  expect(JSON.parse(text)).toEqual({
    block_count: 1,
    nested: [{ snapshot_max: "18446744073709551615", none: null }],
  });
  expect(text.endsWith("}\n")).toBe(true);
});
