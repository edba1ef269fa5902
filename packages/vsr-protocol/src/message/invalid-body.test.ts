import { LinearMemory } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../../test/builders.ts";
import { build, checksums, fromHex, SPECIFICATION_MESSAGES } from "../../test/messages.ts";
import { Command } from "../command.ts";
import { PRODUCTION } from "../config/production.ts";
import { Operation } from "../operation.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { GetBlocksHeader } from "./get-blocks.ts";
import { HeadersHeader } from "./headers.ts";
import { invalidBody } from "./invalid-body.ts";
import { JoinViewHeader } from "./join-view.ts";
import { PingHeader } from "./ping.ts";
import { MessagePool } from "./pool.ts";
import { PrepareHeader } from "./prepare.ts";
import { writeBlankPrepare, writeReservedPrepare } from "./special-prepares.ts";
import { CHECKPOINT_STATE_SIZE_BYTES, ViewHeader } from "./view.ts";

const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const pool = new MessagePool({ memory, messageSizeMax: 32_768, messagesMax: 1 });

function judge(bytes: Uint8Array): string | null {
  const message = pool.acquire();
  message.buffer.set(bytes);
  const reason = invalidBody(message, PRODUCTION, checksums);
  message.release();
  return reason;
}

function prepare(op: number, fields: { readonly [name: string]: number | bigint } = {}): Uint8Array {
  const valid = { command: Command.prepare, view: 2, release: 4361, client: 9n, op, timestamp: 5n, request: 1 };
  return build(PrepareHeader, { ...valid, operation: 146, ...fields });
}

/** The header with its checksum computed anew. */
function resealed(bytes: Uint8Array): Uint8Array {
  checksums.set(new Header(bytes));
  return bytes;
}

function blank(op: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE_BYTES);
  writeBlankPrepare(new PrepareHeader(bytes), op);
  return bytes;
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe("the releases of a ping", () => {
  const ping = (releaseCount: number, ...releases: readonly number[]): Uint8Array => {
    const body = new Uint8Array(256);
    new Uint32Array(body.buffer).set(releases);
    return build(PingHeader, { command: Command.ping, release: 4361, releaseCount }, body);
  };

  test.each([
    [ping(1, 4361), null],
    [ping(2, 4100, 4361), null],
    [ping(2, 4361, 4361), "the releases are not strictly increasing"],
    [ping(2, 4362, 4361), "the releases are not strictly increasing"],
    [ping(2, 0, 4361), "the releases are not strictly increasing"],
    [ping(1, 4360), "the sender's release is not among its releases"],
    [ping(1, 4361, 4362), "the bytes behind the releases are not zero"],
  ])("%#: %o", (bytes, reason) => {
    expect(judge(bytes)).toBe(reason);
  });
});

describe("the prepare of an operation of the protocol", () => {
  const of = (operation: number, body: Uint8Array): Uint8Array =>
    build(
      PrepareHeader,
      { command: Command.prepare, view: 2, release: 4361, client: 9n, op: 7, timestamp: 5n, operation },
      body,
    );
  // 1 MiB less a header, as much as a message holds.
  const limit = fromHex("00ff0f00", 256);

  test.each<readonly [string, Uint8Array, string | null]>([
    ["register", of(Operation.register, limit), null],
    ["register without a body", of(Operation.register, new Uint8Array(0)), "the body of register is not 256 bytes"],
    ["register without a limit", of(Operation.register, new Uint8Array(256)), "batch_size_limit is 0"],
    [
      "register with too high a limit",
      of(Operation.register, fromHex("01ff0f00", 256)),
      "batch_size_limit is more than a message holds",
    ],
    ["reconfigure", of(Operation.reconfigure, new Uint8Array(256)), null],
    ["a short reconfigure", of(Operation.reconfigure, limit.slice(1)), "the body of reconfigure is not 256 bytes"],
    ["upgrade", of(Operation.upgrade, fromHex("09110000", 16)), null],
    ["a long upgrade", of(Operation.upgrade, fromHex("09110000", 32)), "the body of upgrade is not 16 bytes"],
    ["upgrade to nothing", of(Operation.upgrade, new Uint8Array(16)), "release is 0"],
    ["noop", of(Operation.noop, new Uint8Array(0)), null],
  ])("%s", (_, bytes, reason) => {
    expect(judge(bytes)).toBe(reason);
  });
});

describe("the requests of get_blocks", () => {
  const getBlocks = (body: Uint8Array): Uint8Array => build(GetBlocksHeader, { command: Command.getBlocks }, body);

  test.each([
    ["are clean", new Uint8Array(64), null],
    [
      "have dirty reserved bytes",
      fromHex(`${"00".repeat(63)}01`),
      "the reserved bytes of a block request are not zero",
    ],
    ["have an address beyond any file", fromHex(`${"00".repeat(22)}2000`, 32), "block_address is above 2^53 - 1"],
  ])("%s", (_, body, reason) => {
    expect(judge(getBlocks(body))).toBe(reason);
  });
});

describe("a list of headers", () => {
  const fields = { view: 2 };
  const headers = (...list: readonly Uint8Array[]): Uint8Array =>
    build(HeadersHeader, { ...fields, command: Command.headers }, concat(...list));
  const joinView = (...list: readonly Uint8Array[]): Uint8Array =>
    build(JoinViewHeader, { ...fields, command: Command.joinView }, concat(...list));
  const view = (...list: readonly Uint8Array[]): Uint8Array =>
    build(
      ViewHeader,
      { ...fields, command: Command.view },
      concat(new Uint8Array(CHECKPOINT_STATE_SIZE_BYTES), ...list),
    );
  const descending = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => prepare(100 - index));
  const damaged = prepare(7);
  damaged[200] = 1;
  const reserved = new Uint8Array(HEADER_SIZE_BYTES);
  writeReservedPrepare(new PrepareHeader(reserved), 0n, 7);
  const reply = SPECIFICATION_MESSAGES.find(({ name }) => name === "register reply")?.bytes.subarray(0, 256);
  const beyond = (bytes: Uint8Array): Uint8Array => {
    new DataView(bytes.buffer).setBigUint64(224, 2n ** 60n, true);
    return bytes;
  };

  test.each<readonly [string, Uint8Array, string | null]>([
    ["headers with gaps", headers(prepare(9), prepare(7), prepare(1)), null],
    ["64 headers", headers(...descending(64)), null],
    ["65 headers", headers(...descending(65)), "there are too many headers"],
    ["headers that do not descend", headers(prepare(7), prepare(7)), "the ops of the headers do not descend"],
    ["headers with a blank", headers(prepare(7), blank(6)), "the checksum of a header is wrong"],
    ["a damaged header", headers(damaged), "the checksum of a header is wrong"],
    ["a header of an unused slot", headers(reserved), "a header is that of an unused slot"],
    ["a header of a reply", headers(reply ?? damaged), "a header is not that of a prepare"],
    ["a header of another cluster", headers(prepare(7, { cluster: 1n })), "a header is of another cluster"],
    ["a newer header", headers(prepare(7, { view: 3 })), "a header is of a newer view than the message"],
    ["an invalid header", headers(prepare(7, { request: 0 })), "request is 0"],
    ["a header beyond any op", headers(resealed(beyond(prepare(7)))), "op is above 2^53 - 1"],
    ["a blank beyond any op", joinView(prepare(9), beyond(blank(8))), "op is above 2^53 - 1"],
    ["join_view with blanks", joinView(prepare(9), blank(8), prepare(7), blank(6)), null],
    ["join_view with a gap", joinView(prepare(9), prepare(7)), "the ops of the headers are not consecutive"],
    ["join_view without headers", joinView(), "there are no headers"],
    ["join_view with 12 headers", joinView(...descending(12)), "there are too many headers"],
    ["view", view(prepare(9), prepare(8), prepare(5)), null],
    ["view without headers", view(), "there are no headers"],
    ["view with a blank", view(prepare(9), blank(8)), "the checksum of a header is wrong"],
  ])("%s", (_, bytes, reason) => {
    expect(judge(bytes)).toBe(reason);
  });

  test("of any bytes is judged without an exception", () => {
    const makers = fc.constantFrom(headers, joinView, view);
    fc.assert(
      fc.property(
        makers,
        fc.integer({ min: 0, max: 3 }),
        fc.uint8Array({ minLength: 768, maxLength: 768 }),
        (make, count, noise) => {
          judge(make(noise.subarray(0, 256 * count)));
        },
      ),
      { numRuns: PROPERTY_RUNS * 2 },
    );
  });
});

test("bodies of the state machine and of clients are not looked at", () => {
  for (const { bytes } of SPECIFICATION_MESSAGES) {
    const { command } = new Header(bytes);
    if ([Command.request, Command.reply, Command.prepare].some((other) => other === command)) {
      expect(judge(bytes)).toBeNull();
    }
  }
});
