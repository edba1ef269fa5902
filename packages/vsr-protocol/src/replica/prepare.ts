/**
 * Turning a request into a prepare (spec 03 §13.2, spec 01 §9.8).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { RegisterRequest } from "../body/register.ts";
import { Command } from "../command.ts";
import type { Checksums } from "../message/checksums.ts";
import { initHeader } from "../message/frame.ts";
import type { Message } from "../message/message.ts";
import { PrepareHeader } from "../message/prepare.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation } from "../operation.ts";

/** What the primary adds to a request. */
export interface PrepareFields {
  readonly cluster: bigint;
  readonly view: number;
  readonly replica: number;
  /** The checksum of the prepare before it. */
  readonly parent: bigint;
  /** The id of the checkpoint two steps before the one that will contain the op. */
  readonly checkpointId: bigint;
  readonly op: number;
  /** What is known to be committed. */
  readonly commit: number;
  /** The last timestamp of the batch (ns). */
  readonly timestamp: bigint;
}

/** Writes how large the bodies of the client's requests may be, in bytes, into the body of its `register`. */
export function writeBatchSizeLimit(request: Message, batchSizeLimit: number, checksums: Checksums): void {
  assert(request.as(RequestHeader).operation === Operation.register, "only a register is told the limit");
  const body = new RegisterRequest(request.body());
  assert(body.batchSizeLimit === 0, () => `the client asks for a limit of ${body.batchSizeLimit}`);
  body.batchSizeLimit = batchSizeLimit;
  checksums.setBody(request.header, request.body());
}

/** Replaces the header in place. The body stays; its checksum is the request header's. */
export function turnIntoPrepare(message: Message, fields: PrepareFields, checksums: Checksums): PrepareHeader {
  const request = message.as(RequestHeader);
  assert(request.command === Command.request, () => `command ${request.command} is no request`);
  const { checksum: requestChecksum, checksumBody, size, release, client, request: number, operation } = request;
  const prepare = message.as(PrepareHeader);
  initHeader(prepare, Command.prepare, fields.cluster);
  prepare.checksumBody = checksumBody;
  prepare.size = size;
  prepare.release = release;
  prepare.client = client;
  prepare.request = number;
  prepare.operation = operation;
  prepare.requestChecksum = requestChecksum;
  prepare.view = fields.view;
  prepare.replica = fields.replica;
  prepare.parent = fields.parent;
  prepare.checkpointId = fields.checkpointId;
  prepare.op = fields.op;
  prepare.commit = fields.commit;
  prepare.timestamp = fields.timestamp;
  checksums.set(prepare);
  return prepare;
}
