/**
 * `reply` (8): the result of a client's request (spec 01 §4.12).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { REGISTER_RESULT_SIZE_BYTES } from "../body/register.ts";
import { Command } from "../command.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { Operation } from "../operation.ts";
import type { Checksums } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf, initHeader } from "./frame.ts";
import type { Message } from "./message.ts";
import type { PrepareHeader } from "./prepare.ts";

/** Bytes 128 to 255 of a `reply`. */
export const REPLY_LAYOUT = {
  requestChecksum: { type: "u128", offset: 128 },
  requestChecksumPadding: { type: "u128", offset: 144 },
  context: { type: "u128", offset: 160 },
  contextPadding: { type: "u128", offset: 176 },
  client: { type: "u128", offset: 192 },
  op: { type: "u53", offset: 208 },
  commit: { type: "u53", offset: 216 },
  timestamp: { type: "u64", offset: 224 },
  request: { type: "u32", offset: 232 },
  operation: { type: "u8", offset: 236 },
  reserved: { type: "bytes", offset: 237, size: 19 },
} as const;

/** A view of the header of a `reply`, 256 bytes. */
export type ReplyHeader = HeaderOf<typeof REPLY_LAYOUT>;
export const ReplyHeader: RecordClass<typeof FRAME_LAYOUT & typeof REPLY_LAYOUT> = headerClass(REPLY_LAYOUT);

/**
 * Makes the reply to a prepare around a result of `resultSizeBytes` that is in the message's body already.
 *
 * Every replica must make the same bytes, because replies are stored: all fields come from the prepare. `context` is the
 * checksum that the header has while `context` is 0; it stays the same when the reply is sent again under a newer view.
 */
export function initReply(
  message: Message,
  prepare: PrepareHeader,
  resultSizeBytes: number,
  checksums: Checksums,
): ReplyHeader {
  assert(prepare.command === Command.prepare, () => `a reply to command ${prepare.command}`);
  assert(resultSizeBytes <= message.buffer.length - HEADER_SIZE_BYTES, () => `a result of ${resultSizeBytes} bytes`);
  const reply = message.as(ReplyHeader);
  initHeader(reply, Command.reply, prepare.cluster);
  reply.size = HEADER_SIZE_BYTES + resultSizeBytes;
  reply.view = prepare.view;
  reply.release = prepare.release;
  reply.replica = prepare.replica;
  reply.requestChecksum = prepare.requestChecksum;
  reply.client = prepare.client;
  reply.op = prepare.op;
  reply.commit = prepare.op;
  reply.timestamp = prepare.timestamp;
  reply.request = prepare.request;
  reply.operation = prepare.operation;
  checksums.setBody(reply, message.body());
  reply.context = checksums.ofHeader(reply);
  checksums.set(reply);
  return reply;
}

/** Makes a copy of a reply one that reveals a newer view to the client. `context` stays as it is. */
export function setReplyView(reply: ReplyHeader, view: number, checksums: Checksums): void {
  assert(reply.command === Command.reply, () => `a reply of command ${reply.command}`);
  assert(view >= reply.view, () => `a reply goes back from view ${reply.view} to ${view}`);
  reply.view = view;
  checksums.set(reply);
}

/** Why a `reply` whose frame is valid is invalid, or null if it is not. */
export function invalidReply(header: ReplyHeader): string | null {
  if (header.release === 0) return "release is 0";
  if (isZero(header, REPLY_LAYOUT.client)) return "client is 0";
  if (!isZero(header, REPLY_LAYOUT.requestChecksumPadding)) return "request_checksum_padding is not zero";
  if (!isZero(header, REPLY_LAYOUT.contextPadding)) return "context_padding is not zero";
  if (header.op !== header.commit) return "op is not commit";
  if (isZero(header, REPLY_LAYOUT.timestamp)) return "timestamp is 0";
  const register = header.operation === Operation.register;
  if (register && header.size !== HEADER_SIZE_BYTES + REGISTER_RESULT_SIZE_BYTES) return "size of register is not 320";
  if (header.commit === 0) return "commit is 0";
  if (register && header.request !== 0) return "request of register is not 0";
  if (!register && header.request === 0) return "request is 0";
  if (!isZero(header, REPLY_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}
