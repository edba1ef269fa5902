import { Command, HEADER_SIZE_BYTES, initHeader, PrepareHeader, recordClass } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { bytesLeaf, headerLeaf, layoutLeaves, u128Leaf } from "./leaves.ts";
import type { Leaf } from "./leaves.ts";

const LAYOUT = {
  count: { type: "u8", offset: 0 },
  port: { type: "u16", offset: 1 },
  releaseFormat: { type: "u32", offset: 3 },
  op: { type: "u53", offset: 7 },
  members: { type: "bytes", offset: 15, size: 32 },
  reserved: { type: "bytes", offset: 47, size: 3 },
} as const;
const SIZE_BYTES = 50;

const printed = (leaves: readonly Leaf[], bytes: Uint8Array): string[] =>
  leaves.map(({ path, offset, sizeBytes, text }) => `${path}=${text(bytes.subarray(offset, offset + sizeBytes))}`);

describe("the leaves of a record", () => {
  const leaves = layoutLeaves(LAYOUT, "root.", 0, {
    members: (path, offset) => [u128Leaf(`${path}[0]`, offset), u128Leaf(`${path}[1]`, offset + 16)],
  });

  test("are its fields in order, and what those consist of", () => {
    const bytes = new Uint8Array(SIZE_BYTES);
    const record = new (recordClass(SIZE_BYTES, LAYOUT))(bytes);
    record.count = 200;
    record.port = 3001;
    record.releaseFormat = 0x1109;
    record.op = 2 ** 53 - 1;
    bytes[15] = 0xab;
    bytes[49] = 1;
    expect(printed(leaves, bytes)).toEqual([
      "root.count=200",
      "root.port=3001",
      "root.release_format=0.17.9",
      "root.op=9007199254740991",
      "root.members[0]=0x000000000000000000000000000000ab",
      "root.members[1]=0x00000000000000000000000000000000",
      "root.reserved=[3]u8{nonzero}",
    ]);
  });

  test("are exact whatever the bytes", () => {
    const text = printed(leaves, new Uint8Array(SIZE_BYTES).fill(0xff));
    expect(text[3]).toBe("root.op=18446744073709551615");
    expect(text[4]).toBe(`root.members[0]=0x${"f".repeat(32)}`);
  });

  test("of zero bytes say so", () =>
    expect(printed([bytesLeaf("a", 0, 7)], new Uint8Array(7))).toEqual(["a=[7]u8{0}"]));

  test("a header is that of the command of its place, whatever it says itself", () => {
    const bytes = new Uint8Array(HEADER_SIZE_BYTES);
    expect(printed([headerLeaf("h", 0, Command.prepare)], bytes)[0]).toMatch(
      /^h=Prepare\{ .*command=vsr\.Command\.reserved/u,
    );
    initHeader(new PrepareHeader(bytes), Command.prepare, 0n);
    expect(printed([headerLeaf("h", 0, Command.reply)], bytes)[0]).toMatch(
      /^h=Reply\{ .*command=vsr\.Command\.prepare/u,
    );
  });
});
