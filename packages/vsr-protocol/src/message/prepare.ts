/**
 * `prepare` (6): an op of the log, from the primary to all other replicas, in the journal and in the AOF (spec 01 §4.10).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { Operation, operationOfCluster } from "../operation.ts";
import { CHECKSUM_EMPTY, type Checksums } from "./checksums.ts";
import { FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf, initHeader } from "./frame.ts";
import type { Message } from "./message.ts";
import { RequestHeader } from "./request.ts";

/** The size of a header checksum in bytes. */
const CHECKSUM_SIZE_BYTES = 16;

/** Bytes 128 to 255 of a `prepare`. */
export const PREPARE_LAYOUT = {
  parent: { type: "u128", offset: 128 },
  parentPadding: { type: "u128", offset: 144 },
  requestChecksum: { type: "u128", offset: 160 },
  requestChecksumPadding: { type: "u128", offset: 176 },
  checkpointId: { type: "u128", offset: 192 },
  client: { type: "u128", offset: 208 },
  op: { type: "u53", offset: 224 },
  commit: { type: "u53", offset: 232 },
  timestamp: { type: "u64", offset: 240 },
  request: { type: "u32", offset: 248 },
  operation: { type: "u8", offset: 252 },
  reserved: { type: "bytes", offset: 253, size: 3 },
} as const;

/** A view of the header of a `prepare`, 256 bytes. */
export type PrepareHeader = HeaderOf<typeof PREPARE_LAYOUT>;
export const PrepareHeader: RecordClass<typeof FRAME_LAYOUT & typeof PREPARE_LAYOUT> = headerClass(PREPARE_LAYOUT);

/**
 * The last time that there is, in ns: the highest bit belongs to the store (spec 02 §1). The reference finds out when it stores:
 * here no log has a later one, after which no prepare could be made.
 */
export const PREPARE_TIMESTAMP_MAX: bigint = (1n << 63n) - 1n;

/**
 * Whether a prepare names another one as the one before it: the link of the hash chain. Makes no `bigint`, because whole logs
 * are checked.
 */
export function isParentOf(parent: PrepareHeader, child: PrepareHeader): boolean {
  const atChecksum = parent.offset + FRAME_LAYOUT.checksum.offset;
  const atParent = child.offset + PREPARE_LAYOUT.parent.offset;
  for (let at = 0; at < CHECKSUM_SIZE_BYTES; at += 4) {
    if (parent.dataView.getUint32(atChecksum + at, true) !== child.dataView.getUint32(atParent + at, true))
      return false;
  }
  return true;
}

/** What the primary adds when it makes a prepare of a request. */
export interface PrepareValues {
  /** The primary's view. */
  readonly view: number;
  /** The primary's index. */
  readonly replica: number;
  /** The checksum of the prepare of op − 1. */
  readonly parent: bigint;
  readonly checkpointId: bigint;
  readonly op: number;
  /** The primary's commit_max. */
  readonly commit: number;
  /** In nanoseconds: what the state machine gave the batch, or the request's own in AOF recovery. */
  readonly timestamp: bigint;
}

/**
 * Makes a request into the prepare of it, in place (spec 01 §9.8). The body stays; a body that the primary changed
 * (`register`, `reconfigure`) is covered, because its checksum is computed anew.
 */
export function initPrepare(message: Message, values: PrepareValues, checksums: Checksums): PrepareHeader {
  const request = message.as(RequestHeader);
  assert(request.command === Command.request, () => `a prepare of command ${request.command}`);
  const { checksum, checksumBody, cluster, size, release, client, operation } = request;
  const requestNumber = request.request;

  const prepare = message.as(PrepareHeader);
  initHeader(prepare, Command.prepare, cluster);
  prepare.size = size;
  prepare.view = values.view;
  prepare.release = release;
  prepare.replica = values.replica;
  prepare.parent = values.parent;
  prepare.requestChecksum = checksum;
  prepare.checkpointId = values.checkpointId;
  prepare.client = client;
  prepare.op = values.op;
  prepare.commit = values.commit;
  prepare.timestamp = values.timestamp;
  prepare.request = requestNumber;
  prepare.operation = operation;
  if (operation === Operation.register || operation === Operation.reconfigure) {
    checksums.setBody(prepare, message.body());
  } else {
    prepare.checksumBody = checksumBody;
  }
  checksums.set(prepare);
  return prepare;
}

/** Why a `prepare` whose frame is valid is invalid, or null if it is not. Headers of unused journal slots are valid. */
export function invalidPrepare(header: PrepareHeader): string | null {
  if (!isZero(header, PREPARE_LAYOUT.parentPadding)) return "parent_padding is not zero";
  if (!isZero(header, PREPARE_LAYOUT.requestChecksumPadding)) return "request_checksum_padding is not zero";
  const special = header.operation === Operation.reserved || header.operation === Operation.root;
  const reason = special ? invalidSpecial(header) : invalidOfRequest(header);
  if (reason !== null) return reason;
  if (!isZero(header, PREPARE_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}

/** The checks of `reserved` and `root`: all zero, but a reserved one may have an op. */
function invalidSpecial(header: PrepareHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.view !== 0) return "view is not 0";
  if (header.release !== 0) return "release is not 0";
  if (header.replica !== 0) return "replica is not 0";
  if (!isZero(header, PREPARE_LAYOUT.parent)) return "parent is not 0";
  if (!isZero(header, PREPARE_LAYOUT.client)) return "client is not 0";
  if (!isZero(header, PREPARE_LAYOUT.requestChecksum)) return "request_checksum is not 0";
  if (!isZero(header, PREPARE_LAYOUT.checkpointId)) return "checkpoint_id is not 0";
  if (header.operation === Operation.root && header.op !== 0) return "op of root is not 0";
  if (header.commit !== 0) return "commit is not 0";
  // The two differ in the order of the last two checks.
  return header.operation === Operation.root
    ? (invalidTimestamp(header) ?? invalidNumber(header))
    : (invalidNumber(header) ?? invalidTimestamp(header));
}

/** The checks of a timestamp and a request number that must be 0. */
function invalidTimestamp(header: PrepareHeader): string | null {
  return isZero(header, PREPARE_LAYOUT.timestamp) ? null : "timestamp is not 0";
}

function invalidNumber(header: PrepareHeader): string | null {
  return header.request === 0 ? null : "request is not 0";
}

function invalidOfRequest(header: PrepareHeader): string | null {
  if (header.release === 0) return "release is 0";
  const clientless = isZero(header, PREPARE_LAYOUT.client);
  const ofCluster = operationOfCluster(header.operation);
  if (ofCluster && !clientless) return "client is not 0";
  if (!ofCluster && clientless) return "client is 0";
  if (header.op === 0) return "op is 0";
  if (header.op <= header.commit) return "op is not above commit";
  if (isZero(header, PREPARE_LAYOUT.timestamp)) return "timestamp is 0";
  if (header.dataView.getUint8(header.offset + PREPARE_LAYOUT.timestamp.offset + 7) >= 0x80)
    return "timestamp is above 2^63 - 1";
  const unnumbered = ofCluster || header.operation === Operation.register;
  if (unnumbered && header.request !== 0) return "request is not 0";
  if (!unnumbered && header.request === 0) return "request is 0";
  return null;
}
