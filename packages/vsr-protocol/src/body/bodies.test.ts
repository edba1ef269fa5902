import { describe, expect, test } from "vitest";
import { checksums, fromHex, fromMemoryOrder, toHex } from "../../test/messages.ts";
import { BlockRequest, blockRequestReservedZero } from "./block-request.ts";
import { invalidRegisterRequest, RegisterRequest, RegisterResult } from "./register.ts";
import { invalidUpgradeRequest, UpgradeRequest } from "./upgrade-request.ts";

describe("register", () => {
  test.each([
    [1_048_320, "2f0ffdc8f8081744f5c3830113366218"],
    [32_512, "c1333f38f2eeca3b3098da16de157faa"],
  ])("with a limit of %i bytes has the body of the specification", (limit, checksum) => {
    const body = new RegisterRequest(new Uint8Array(256));
    body.batchSizeLimit = limit;
    expect(checksums.of(body.buffer)).toBe(fromMemoryOrder(checksum));
  });

  test("comes from a client with zeros only", () => {
    expect(invalidRegisterRequest(new RegisterRequest(new Uint8Array(256)))).toBeNull();
    expect(invalidRegisterRequest(new RegisterRequest(fromHex("00100000", 256)))).toBe("batch_size_limit is not 0");
    expect(invalidRegisterRequest(new RegisterRequest(fromHex(`${"00".repeat(255)}01`)))).toBe("reserved is not zero");
  });

  test("is answered with a limit", () => {
    const body = new RegisterResult(new Uint8Array(64));
    body.batchSizeLimit = 1_048_320;
    expect(checksums.of(body.buffer)).toBe(fromMemoryOrder("b5d20e04fd672c08f88ed62b32da1c19"));
  });
});

describe("an upgrade", () => {
  test.each([
    [`09110000${"00".repeat(12)}`, null],
    ["00".repeat(16), "release is 0"],
    [`09110000${"00".repeat(11)}01`, "reserved is not zero"],
  ])("of body %s: %s", (hex, reason) => {
    expect(invalidUpgradeRequest(new UpgradeRequest(fromHex(hex)))).toBe(reason);
  });

  test("has its release first", () => {
    expect(new UpgradeRequest(fromHex("09110000", 16)).release).toBe(4361);
  });
});

describe("a request for a block", () => {
  test("has the bytes of the specification", () => {
    const request = new BlockRequest(new Uint8Array(32));
    request.blockChecksum = 0xabcn;
    request.blockAddress = 77;
    expect(checksums.of(request.buffer)).toBe(fromMemoryOrder("b2dce226d6194524c50e6b8480b7fa12"));
    expect(toHex(request.buffer)).toBe(`bc0a${"00".repeat(14)}4d${"00".repeat(15)}`);
    expect(blockRequestReservedZero(request)).toBe(true);
    request.buffer[31] = 1;
    expect(blockRequestReservedZero(request)).toBe(false);
  });
});
