import {
  Checksums,
  clientSessionsEncodeSize,
  Command,
  HEADER_SIZE_BYTES,
  initHeader,
  ReplyHeader,
  SECTOR_SIZE_BYTES,
  TEST_MIN,
} from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { replySlotValid } from "./integrity.ts";
import { repliesReport, repliesText } from "./replies.ts";

const checksums = new Checksums();
const { clientsMax } = TEST_MIN.cluster;
const EMPTY = new Uint8Array(HEADER_SIZE_BYTES);

/** A sector with a reply to `op`, without a body. */
function replyOf(op: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR_SIZE_BYTES);
  const header = new ReplyHeader(bytes);
  initHeader(header, Command.reply, 0n);
  header.size = HEADER_SIZE_BYTES;
  header.op = op;
  checksums.setEmptyBody(header);
  return bytes;
}

const headerOf = (reply: Uint8Array): Uint8Array => reply.slice(0, HEADER_SIZE_BYTES);

/** The encoded table with one session in slot 0. */
function sessionsWith(session: number, header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(clientSessionsEncodeSize(TEST_MIN));
  bytes.set(header);
  bytes[clientsMax * HEADER_SIZE_BYTES] = session;
  return bytes;
}

const replies = (first: Uint8Array): Uint8Array[] => [first, ...Array.from({ length: clientsMax - 1 }, () => EMPTY)];

describe("replies", () => {
  test("before the first checkpoint there are none", () => {
    expect(repliesText(repliesReport(TEST_MIN, new Uint8Array(0), replies(EMPTY), checksums))).toBe("");
  });

  test("a slot whose reply is that of the session is one line", () => {
    const header = headerOf(replyOf(9));
    const report = repliesReport(TEST_MIN, sessionsWith(5, header), replies(header), checksums);
    expect(repliesText(report)).toMatch(
      /^_0 {5}session=5\n_0: \|\| header=Reply\{ .* \.op=9, .* \}\n_1 {5}session=0\n_1: XX /u,
    );
    expect(report.slots[0]?.entries[0]?.fields).toMatchObject({ op: "9", command: "vsr.Command.reply" });
    expect(report.slots).toHaveLength(clientsMax);
  });

  test("a slot whose reply is newer than the checkpoint is two lines", () => {
    const sessions = sessionsWith(5, headerOf(replyOf(9)));
    const report = repliesReport(TEST_MIN, sessions, replies(headerOf(replyOf(12))), checksums);
    expect(report.slots[0]?.entries.map(({ marks, fields }) => [marks, fields["op"]])).toEqual([
      ["|_", "9"],
      ["_|", "12"],
    ]);
  });

  test("a stored reply is whole, or the slot is empty", () => {
    const damaged = replyOf(9);
    damaged[200] = 1;
    expect(
      [replyOf(9), new Uint8Array(SECTOR_SIZE_BYTES), damaged].map((bytes) => replySlotValid(bytes, checksums)),
    ).toEqual([true, true, false]);
  });
});
