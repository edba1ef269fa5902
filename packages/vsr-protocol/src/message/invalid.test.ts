import { describe, expect, test } from "vitest";
import { fromHex, SPECIFICATION_MESSAGES } from "../../test/messages.ts";
import { RECORDED_HEADERS } from "../../test/recorded-headers.ts";
import { Command } from "../command.ts";
import { PRODUCTION } from "../config/production.ts";
import { commandHeaderOf } from "./command-header.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import { invalidHeader } from "./invalid.ts";

type Value = number | bigint | Uint8Array;

/** The fields that a valid header is given, and the reason why it is invalid then. */
type Fault = readonly [fields: { readonly [name: string]: Value }, reason: string];

/** Bytes of which only the last is not zero. */
function dirty(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  bytes[sizeBytes - 1] = 1;
  return bytes;
}

/** A bit that a look at the lower half of a field would miss. */
const HIGH_BIT = 1n << 127n;
const ANY_CHECKSUM = 1n;

const SIZE: Fault = [{ size: 257 }, "size is not 256"];
const BODY: Fault = [{ checksumBody: ANY_CHECKSUM }, "checksum_body is not that of an empty body"];
const RELEASE: Fault = [{ release: 4361 }, "release is not 0"];
const NO_RELEASE: Fault = [{ release: 0 }, "release is 0"];
const VIEW: Fault = [{ view: 7 }, "view is not 0"];
const HEADER_MULTIPLE: Fault = [{ size: 256 + 255 }, "size is not a multiple of headers"];

function reserved(sizeBytes: number): Fault {
  return [{ reserved: dirty(sizeBytes) }, "reserved is not zero"];
}

/** The checks of spec 01 §4.4 and then of each command, in the order of the specification. */
const FRAME: readonly Fault[] = [
  [{ checksumPadding: HIGH_BIT }, "checksum_padding is not zero"],
  [{ checksumBodyPadding: HIGH_BIT }, "checksum_body_padding is not zero"],
  [{ nonceReserved: HIGH_BIT }, "nonce_reserved is not zero"],
  [{ size: 255 }, "size is below 256"],
  [{ size: PRODUCTION.cluster.messageSizeMax + 1 }, "size is above message_size_max"],
  [{ epoch: 1 }, "epoch is not 0"],
  [{ reservedFrame: dirty(12) }, "reserved_frame is not zero"],
  [{ protocol: 1 }, "protocol is another version"],
];

const COMMANDS: { readonly [name: string]: readonly Fault[] } = {
  ping: [
    [{ size: 511 }, "size is not that of a ping"],
    NO_RELEASE,
    [{ checkpointOp: 960 }, "checkpoint_op is not the last op of a bar"],
    [{ pingTimestampMonotonic: 0n }, "ping_timestamp_monotonic is 0"],
    [{ releaseCount: 0 }, "release_count is 0"],
    [{ releaseCount: 65 }, "release_count is above the maximum"],
    reserved(94),
  ],
  pong: [
    SIZE,
    BODY,
    NO_RELEASE,
    [{ pingTimestampMonotonic: 0n }, "ping_timestamp_monotonic is 0"],
    [{ pongTimestampWall: 0n }, "pong_timestamp_wall is 0"],
    reserved(112),
  ],
  ping_client: [
    SIZE,
    BODY,
    NO_RELEASE,
    [{ replica: 1 }, "replica is not 0"],
    VIEW,
    [{ client: 0n }, "client is 0"],
    reserved(96),
  ],
  pong_client: [SIZE, BODY, NO_RELEASE, reserved(120)],
  request: [
    NO_RELEASE,
    [{ parentPadding: HIGH_BIT }, "parent_padding is not zero"],
    [{ replica: 1 }, "replica is not 0"],
    [{ client: 0n }, "client is 0"],
    [{ session: 0 }, "session is 0"],
    [{ request: 0 }, "request is 0"],
    [{ previousRequestLatencyPadding: dirty(3) }, "previous_request_latency_padding is not zero"],
    reserved(52),
  ],
  prepare: [
    [{ parentPadding: HIGH_BIT }, "parent_padding is not zero"],
    [{ requestChecksumPadding: HIGH_BIT }, "request_checksum_padding is not zero"],
    NO_RELEASE,
    [{ client: 1n }, "client is not 0"],
    [{ op: 0 }, "op is 0"],
    [{ op: 5, commit: 5 }, "op is not above commit"],
    [{ timestamp: 0n }, "timestamp is 0"],
    [{ timestamp: 1n << 63n }, "timestamp is above 2^63 - 1"],
    [{ request: 1 }, "request is not 0"],
    reserved(3),
  ],
  prepare_ok: [
    SIZE,
    BODY,
    RELEASE,
    [{ prepareChecksumPadding: HIGH_BIT }, "prepare_checksum_padding is not zero"],
    [{ client: 1n }, "client is not 0"],
    [{ op: 0 }, "op is 0"],
    [{ timestamp: 0n }, "timestamp is 0"],
    [{ request: 1 }, "request is not 0"],
    reserved(3),
  ],
  reply: [
    NO_RELEASE,
    [{ client: 0n }, "client is 0"],
    [{ requestChecksumPadding: HIGH_BIT }, "request_checksum_padding is not zero"],
    [{ contextPadding: HIGH_BIT }, "context_padding is not zero"],
    [{ commit: 1 }, "op is not commit"],
    [{ timestamp: 0n }, "timestamp is 0"],
    [{ op: 0, commit: 0 }, "commit is 0"],
    [{ request: 0 }, "request is 0"],
    reserved(19),
  ],
  commit: [
    SIZE,
    BODY,
    RELEASE,
    [{ checkpointOp: 959, commit: 958 }, "commit is below checkpoint_op"],
    [{ timestampMonotonic: 0n }, "timestamp_monotonic is 0"],
    reserved(56),
  ],
  exit_view: [SIZE, BODY, RELEASE, reserved(128)],
  join_view: [
    HEADER_MULTIPLE,
    RELEASE,
    [{ op: 4, commitMin: 5 }, "op is below commit_min"],
    [{ op: 9, commitMin: 5, checkpointOp: 6 }, "commit_min is below checkpoint_op"],
    reserved(68),
  ],
  get_view: [SIZE, BODY, RELEASE, [{ nonce: 0n }, "nonce is 0"], reserved(112)],
  get_headers: [SIZE, BODY, VIEW, RELEASE, [{ opMin: 6, opMax: 5 }, "op_min is above op_max"], reserved(112)],
  get_prepare: [
    SIZE,
    BODY,
    [{ view: 1, prepareChecksum: HIGH_BIT }, "view and prepare_checksum are both given"],
    RELEASE,
    [{ prepareChecksumPadding: HIGH_BIT }, "prepare_checksum_padding is not zero"],
    reserved(88),
  ],
  get_reply: [
    SIZE,
    BODY,
    RELEASE,
    [{ replyChecksumPadding: HIGH_BIT }, "reply_checksum_padding is not zero"],
    VIEW,
    [{ replyClient: 0n }, "reply_client is 0"],
    reserved(72),
  ],
  headers: [[{ size: 256 }, "size is 256"], HEADER_MULTIPLE, RELEASE, reserved(128)],
  eviction: [
    SIZE,
    BODY,
    NO_RELEASE,
    [{ client: 0n }, "client is 0"],
    reserved(111),
    [{ reason: 9 }, "reason is unknown"],
    [{ reason: 0 }, "reason is reserved"],
  ],
  get_blocks: [
    VIEW,
    [{ size: 256 }, "size is 256"],
    [{ size: 256 + 31 }, "size is not a multiple of block requests"],
    RELEASE,
    reserved(128),
  ],
  block: [
    [{ size: PRODUCTION.cluster.blockSize + 1 }, "size is above block_size"],
    [{ size: 256 }, "size is 256"],
    VIEW,
    NO_RELEASE,
    [{ replica: 1 }, "replica is not 0"],
    [{ address: 0 }, "address is 0"],
    [{ blockType: 6 }, "block_type is unknown"],
    [{ blockType: 0 }, "block_type is reserved"],
  ],
  view: [
    [{ size: 256 + 1023 }, "size has no room for the checkpoint state"],
    [{ size: 256 + 1024 + 255 }, "size is not a multiple of headers"],
    RELEASE,
    [{ op: 5, commitMax: 6 }, "op is below commit_max"],
    [{ op: 7, commitMax: 5, checkpointOp: 6 }, "commit_max is below checkpoint_op"],
    reserved(88),
  ],
};

/** The header that the reference sent of a command, with some fields changed one after the other. */
function header(name: string, ...changes: readonly Fault[0][]): Header {
  const hex = RECORDED_HEADERS[name];
  if (hex === undefined) throw new Error(`no ${name} was recorded`);
  return change(new Header(fromHex(hex, HEADER_SIZE_BYTES)), ...changes);
}

function change(frame: Header, ...changes: readonly Fault[0][]): Header {
  const view = commandHeaderOf(frame.command)?.view(frame);
  if (view === undefined) throw new Error(`command ${frame.command} has no header`);
  for (const fields of changes) Object.assign(view, fields);
  return frame;
}

const CASES = Object.entries(COMMANDS).flatMap(([name, faults]) => {
  const all = [...FRAME, ...faults];
  return all.map(([fields, reason], index) => ({ name, reason, fields, later: all.slice(index + 1).toReversed() }));
});

describe("each check of each command", () => {
  test.each(CASES)("$name: $reason", ({ name, reason, fields }) => {
    expect(invalidHeader(header(name), PRODUCTION)).toBeNull();
    expect(invalidHeader(header(name, fields), PRODUCTION)).toBe(reason);
  });

  test.each(CASES)("$name: of several faults, the first is told: $reason", ({ name, reason, fields, later }) => {
    const changes = [...later.map(([laterFields]) => laterFields), fields];
    // A later fault may sit in the same field; what matters is that none of them is told first.
    const told = invalidHeader(header(name, ...changes), PRODUCTION);
    expect(told).toBe(reason);
  });
});

describe("register", () => {
  test.each<Fault>([
    [{ replica: 1 }, "replica of register is not 0"],
    [{ client: 0n }, "client of register is 0"],
    [{ parent: HIGH_BIT }, "parent of register is not 0"],
    [{ session: 1 }, "session of register is not 0"],
    [{ request: 1 }, "request of register is not 0"],
    [{ size: 257 }, "size of register is neither 256 nor 512"],
  ])("%o: %s", (fields, reason) => {
    expect(invalidHeader(request("register request", fields), PRODUCTION)).toBe(reason);
  });

  test("an old client may send it without a body", () => {
    expect(invalidHeader(request("register request", { size: 256 }), PRODUCTION)).toBeNull();
  });

  test.each<Fault>([
    [{ size: 319 }, "size of register is not 320"],
    [{ op: 0, commit: 0 }, "commit is 0"],
    [{ request: 1 }, "request of register is not 0"],
  ])("its reply, %o: %s", (fields, reason) => {
    expect(invalidHeader(request("register reply", fields), PRODUCTION)).toBe(reason);
  });
});

describe("requests of the cluster itself", () => {
  test.each<Fault>([
    [{ client: 1n }, "client is not 0"],
    [{ parent: 1n }, "parent is not 0"],
    [{ session: 1 }, "session is not 0"],
    [{ request: 1 }, "request is not 0"],
    [{ size: 257 }, "size is not 256"],
    [{ operation: 5 }, "size is not 272"],
  ])("%o: %s", (fields, reason) => {
    expect(invalidHeader(request("captured pulse request", fields), PRODUCTION)).toBe(reason);
  });

  test("an upgrade has a body of 16 bytes", () => {
    expect(invalidHeader(request("captured pulse request", { operation: 5, size: 272 }), PRODUCTION)).toBeNull();
  });
});

describe("operations of requests", () => {
  test.each<Fault>([
    [{ operation: 0 }, "operation is reserved"],
    [{ operation: 1 }, "operation is root"],
    [{ operation: 3 }, "size of reconfigure is not 512"],
    [{ operation: 6, size: 257 }, "size of noop is not 256"],
    [{ operation: 7 }, "operation is unknown"],
    [{ operation: 127 }, "operation is unknown"],
  ])("%o: %s", (fields, reason) => {
    expect(invalidHeader(request("noop request", fields), PRODUCTION)).toBe(reason);
  });

  test.each([{ operation: 3, size: 512 }, { operation: 6 }, { operation: 128 }, { operation: 255, size: 300 }])(
    "%o is left to those who know the operation",
    (fields) => {
      expect(invalidHeader(request("noop request", fields), PRODUCTION)).toBeNull();
    },
  );
});

describe("prepares of no request", () => {
  const faults: readonly Fault[] = [
    SIZE,
    BODY,
    [{ view: 1 }, "view is not 0"],
    RELEASE,
    [{ replica: 1 }, "replica is not 0"],
    [{ parent: HIGH_BIT }, "parent is not 0"],
    [{ client: HIGH_BIT }, "client is not 0"],
    [{ requestChecksum: HIGH_BIT }, "request_checksum is not 0"],
    [{ checkpointId: HIGH_BIT }, "checkpoint_id is not 0"],
    [{ commit: 1 }, "commit is not 0"],
    [{ timestamp: 1n }, "timestamp is not 0"],
    [{ request: 1 }, "request is not 0"],
    [{ reserved: dirty(3) }, "reserved is not zero"],
  ];

  test.each(faults)("reserved, %o: %s", (fields, reason) => {
    expect(invalidHeader(request("reserve(slot 1), cluster 0", fields), PRODUCTION)).toBe(reason);
  });

  test.each([...faults, [{ op: 1 }, "op of root is not 0"] as const])("root, %o: %s", (fields, reason) => {
    expect(invalidHeader(request("root prepare, cluster 1", fields), PRODUCTION)).toBe(reason);
  });

  test("both request number and timestamp are wrong: root tells the timestamp, reserved the number", () => {
    const fields = { request: 1, timestamp: 1n };
    expect(invalidHeader(request("root prepare, cluster 1", fields), PRODUCTION)).toBe("timestamp is not 0");
    expect(invalidHeader(request("reserve(slot 1), cluster 0", fields), PRODUCTION)).toBe("request is not 0");
  });

  test("a prepare_ok for a reserved prepare is invalid", () => {
    expect(invalidHeader(header("prepare_ok", { operation: 0 }), PRODUCTION)).toBe("operation is reserved");
  });

  const rootOk = { operation: 1, parent: 0n, client: 0n, op: 0, timestamp: 0n, request: 0 };
  const rootChecksum = SPECIFICATION_MESSAGES.find(({ name }) => name === "root prepare, cluster 0");
  const prepareChecksum = new Header(rootChecksum?.bytes ?? new Uint8Array()).checksum;

  test.each<Fault>([
    [{ parent: HIGH_BIT }, "parent of root is not 0"],
    [{ client: HIGH_BIT }, "client of root is not 0"],
    [{ prepareChecksum: 1n }, "prepare_checksum is not that of root"],
    [{ cluster: 1n }, "prepare_checksum is not that of root"],
    [{ request: 1 }, "request of root is not 0"],
    [{ op: 1 }, "op of root is not 0"],
    [{ timestamp: 1n }, "timestamp of root is not 0"],
  ])("a prepare_ok for root, %o: %s", (fields, reason) => {
    expect(invalidHeader(header("prepare_ok", rootOk, { prepareChecksum }, fields), PRODUCTION)).toBe(reason);
    expect(invalidHeader(header("prepare_ok", rootOk, { prepareChecksum }), PRODUCTION)).toBeNull();
  });
});

describe("clients and request numbers of prepares", () => {
  test.each<Fault>([
    [{ operation: 146 }, "client is 0"],
    [{ operation: 146, client: 1n }, "request is 0"],
    [{ operation: 2, client: 1n, request: 1 }, "request is not 0"],
    [{ operation: 5, request: 1 }, "request is not 0"],
  ])("%o: %s", (fields, reason) => {
    expect(invalidHeader(request("captured pulse prepare", fields), PRODUCTION)).toBe(reason);
    expect(invalidHeader(request("captured prepare_ok of replica 2", fields), PRODUCTION)).toBe(reason);
  });

  test.each([{ operation: 146, client: 1n, request: 1 }, { operation: 2, client: 1n }, { operation: 5 }])(
    "%o is valid",
    (fields) => {
      expect(invalidHeader(request("captured pulse prepare", fields), PRODUCTION)).toBeNull();
      expect(invalidHeader(request("captured prepare_ok of replica 2", fields), PRODUCTION)).toBeNull();
    },
  );
});

describe("commands without a header", () => {
  test.each([
    [Command.reserved, "command is reserved"],
    [Command.deprecated12, "command is deprecated"],
    [Command.deprecated21, "command is deprecated"],
    [Command.deprecated22, "command is deprecated"],
    [Command.deprecated23, "command is deprecated"],
    [25, "command is unknown"],
    [255, "command is unknown"],
  ])("%i: %s", (command, reason) => {
    const frame = header("exit_view");
    frame.command = command;
    expect(invalidHeader(frame, PRODUCTION)).toBe(reason);
  });
});

describe("numbers that are no safe integers", () => {
  const fields = Object.keys(RECORDED_HEADERS).flatMap((name) =>
    Object.entries(commandHeaderOf(header(name).command)?.layout ?? {})
      .filter(([, { type }]) => type === "u53")
      .map(([field, { offset }]) => ({ name, field, offset })),
  );

  test.each(fields)("$name: $field is above 2^53 - 1", ({ name, field, offset }) => {
    const frame = header(name);
    frame.dataView.setBigUint64(offset, 2n ** 53n, true);
    expect(invalidHeader(frame, PRODUCTION)).toBe(`${field} is above 2^53 - 1`);
  });
});

function request(name: string, fields: Fault[0]): Header {
  const message = SPECIFICATION_MESSAGES.find((candidate) => candidate.name === name);
  if (message === undefined) throw new Error(`the specification has no ${name}`);
  return change(new Header(message.bytes.slice()), fields);
}
