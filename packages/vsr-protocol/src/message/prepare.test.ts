import { LinearMemory } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { checksums, CLIENT, fromMemoryOrder, SPECIFICATION_MESSAGES } from "../../test/messages.ts";
import { RegisterRequest } from "../body/register.ts";
import { Command } from "../command.ts";
import { PRODUCTION } from "../config/production.ts";
import { HEADER_SIZE_BYTES } from "./frame.ts";
import { invalidHeader } from "./invalid.ts";
import type { Message } from "./message.ts";
import { MessagePool } from "./pool.ts";
import { initPrepareOk, PrepareOkHeader } from "./prepare-ok.ts";
import { initPrepare, isParentOf, PrepareHeader } from "./prepare.ts";
import { initReply, ReplyHeader, setReplyView } from "./reply.ts";

const memory = new LinearMemory({ sizeBytes: 1 << 20, shared: false });
const pool = new MessagePool({ memory, messageSizeMax: 4096, messagesMax: 8 });

function load(name: string): Message {
  const vector = SPECIFICATION_MESSAGES.find((candidate) => candidate.name === name);
  if (vector === undefined) throw new Error(`the specification has no ${name}`);
  const message = pool.acquire();
  message.buffer.fill(0);
  message.buffer.set(vector.bytes);
  return message;
}

const PULSE_TIMESTAMP = 0x18e9_ed03_4602_075an;
const ROOT = fromMemoryOrder("b76382bb427c86e6a29cf6e1d0b84651");
const PULSE = fromMemoryOrder("ca4671c2c86d7c04835e9e85961af211");

describe("a request becomes a prepare", () => {
  test("of a pulse, as the reference makes it", () => {
    const message = load("captured pulse request");
    const prepare = initPrepare(
      message,
      { view: 1, replica: 1, parent: ROOT, checkpointId: 0n, op: 1, commit: 0, timestamp: PULSE_TIMESTAMP },
      checksums,
    );
    expect(prepare.checksum).toBe(PULSE);
    message.release();
  });

  test("of a registration, whose body the primary has changed, as the reference makes it", () => {
    const message = load("captured register request");
    new RegisterRequest(message.body()).batchSizeLimit = 32_512;
    const timestamp = 0x18e9_ed04_db59_967bn;
    const prepare = initPrepare(
      message,
      { view: 1, replica: 1, parent: PULSE, checkpointId: 0n, op: 2, commit: 1, timestamp },
      checksums,
    );
    expect(prepare.checksumBody).toBe(fromMemoryOrder("c1333f38f2eeca3b3098da16de157faa"));
    expect(prepare.checksum).toBe(fromMemoryOrder("35e45bf6aea2fd047eeeb83f2096057e"));
    expect(prepare.requestChecksum).toBe(fromMemoryOrder("b24d530a60360691431fa8b1b60acc0c"));
    message.release();
  });

  test("without its session, parent and latency", () => {
    const message = load("lookup_accounts");
    const checksumBody = message.header.checksumBody;
    const values = { view: 4, replica: 2, parent: 5n, checkpointId: 6n, op: 9, commit: 8, timestamp: 7n };
    const prepare = initPrepare(message, values, checksums);
    expect(prepare).toMatchObject({ ...values, checksumBody, client: CLIENT, request: 1, operation: 140, size: 320 });
    expect(prepare).toMatchObject({ command: Command.prepare, release: 4360, epoch: 0 });
    expect(invalidHeader(message.header, PRODUCTION)).toBeNull();
    message.release();
  });

  test("but nothing else does", () => {
    const message = load("register reply");
    const values = { view: 4, replica: 2, parent: 5n, checkpointId: 6n, op: 9, commit: 8, timestamp: 7n };
    expect(() => initPrepare(message, values, checksums)).toThrow("a prepare of command 8");
    message.release();
  });
});

describe("a prepare is acknowledged", () => {
  test.each([
    [2, "73a62aeac8061428b778ff306cb52c51"],
    [0, "69c6d399cb103686f36bf7d33c193443"],
  ])("by replica %i as the reference does", (replica, checksum) => {
    const message = load("captured pulse request");
    const values = {
      view: 1,
      replica: 1,
      parent: ROOT,
      checkpointId: 0n,
      op: 1,
      commit: 0,
      timestamp: PULSE_TIMESTAMP,
    };
    const prepare = initPrepare(message, values, checksums);
    const prepareOk = new PrepareOkHeader(new Uint8Array(HEADER_SIZE_BYTES).fill(0xff));
    initPrepareOk(prepareOk, prepare, { view: 1, replica, checkpointId: 0n, commitMin: 0 }, checksums);
    expect(prepareOk.checksum).toBe(fromMemoryOrder(checksum));
    message.release();
  });
});

describe("a reply", () => {
  /** The reply to the registration of the specification. */
  function registerReply(): Message {
    const request = load("register request");
    const values = { view: 1, replica: 0, parent: 0n, checkpointId: 0n, op: 2, commit: 1 };
    const prepare = initPrepare(request, { ...values, timestamp: 1_700_000_000_000_000_000n }, checksums);
    const message = pool.acquire();
    message.buffer.fill(0);
    message.buffer.set([0x00, 0xff, 0x0f, 0x00], HEADER_SIZE_BYTES);
    initReply(message, prepare, 64, checksums);
    request.release();
    return message;
  }

  test("is made of the prepare alone, with the checksums of the specification", () => {
    const message = registerReply();
    expect(message.header.checksumBody).toBe(fromMemoryOrder("b5d20e04fd672c08f88ed62b32da1c19"));
    expect(message.header.checksum).toBe(fromMemoryOrder("cce550298197d372afa63a4a71e938e6"));
    expect(invalidHeader(message.header, PRODUCTION)).toBeNull();
    message.release();
  });

  test("keeps its context when it is sent under a newer view", () => {
    const message = registerReply();
    const header = message.as(ReplyHeader);
    setReplyView(header, 2, checksums);
    expect(header.context).toBe(fromMemoryOrder("02a5a7196badb2f8c97c09b0d01c73e5"));
    expect(header.checksum).toBe(fromMemoryOrder("a70b72c6f8a5c8325ee3b40aa84a180e"));
    expect(() => setReplyView(header, 1, checksums)).toThrow("a reply goes back from view 2 to 1");
    message.release();
  });

  test("fits in its message", () => {
    const message = pool.acquire();
    const prepare = initPrepare(
      load("noop request"),
      { view: 1, replica: 0, parent: 0n, checkpointId: 0n, op: 2, commit: 1, timestamp: 1n },
      checksums,
    );
    expect(() => initReply(message, prepare, 3841, checksums)).toThrow("a result of 3841 bytes");
    message.release();
  });
});

describe("the hash chain", () => {
  const header = (checksum: bigint, parent: bigint): PrepareHeader => {
    // Not at the beginning of its buffer, as in a list of headers.
    const made = new PrepareHeader(new Uint8Array(2 * HEADER_SIZE_BYTES), HEADER_SIZE_BYTES);
    made.checksum = checksum;
    made.parent = parent;
    return made;
  };

  test("links a prepare to the one that has exactly the checksum that it names", () => {
    const checksum = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210n;
    expect(isParentOf(header(checksum, 0n), header(7n, checksum))).toBe(true);
    for (let bit = 0n; bit < 128n; bit += 9n) {
      expect(isParentOf(header(checksum, 0n), header(7n, checksum ^ (1n << bit)))).toBe(false);
    }
    expect(isParentOf(header(7n, checksum), header(checksum, 0n))).toBe(false);
  });
});
