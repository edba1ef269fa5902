/**
 * `prepare_ok` (7): a replica tells the primary of the current view that a prepare is durable (spec 01 §4.11).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { Command } from "../command.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { Operation, operationOfCluster } from "../operation.ts";
import { CHECKSUM_EMPTY, type Checksums } from "./checksums.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf, initHeader } from "./frame.ts";
import type { PrepareHeader } from "./prepare.ts";
import { rootPrepareChecksum } from "./special-prepares.ts";

/** Bytes 128 to 255 of a `prepare_ok`. */
export const PREPARE_OK_LAYOUT = {
  parent: { type: "u128", offset: 128 },
  parentPadding: { type: "u128", offset: 144 },
  prepareChecksum: { type: "u128", offset: 160 },
  prepareChecksumPadding: { type: "u128", offset: 176 },
  checkpointId: { type: "u128", offset: 192 },
  client: { type: "u128", offset: 208 },
  op: { type: "u53", offset: 224 },
  commitMin: { type: "u53", offset: 232 },
  timestamp: { type: "u64", offset: 240 },
  request: { type: "u32", offset: 248 },
  operation: { type: "u8", offset: 252 },
  reserved: { type: "bytes", offset: 253, size: 3 },
} as const;

/** A view of the header of a `prepare_ok`, 256 bytes. */
export type PrepareOkHeader = HeaderOf<typeof PREPARE_OK_LAYOUT>;
export const PrepareOkHeader: RecordClass<typeof FRAME_LAYOUT & typeof PREPARE_OK_LAYOUT> =
  headerClass(PREPARE_OK_LAYOUT);

/** What a `prepare_ok` says beside the prepare that it acknowledges. */
export interface PrepareOkValues {
  /** The sender's view. */
  readonly view: number;
  /** The sender's index. */
  readonly replica: number;
  /** The prepare's checkpoint id as the sender sees it. */
  readonly checkpointId: bigint;
  /** The sender's commit_min. */
  readonly commitMin: number;
}

/** Fills in the `prepare_ok` for a prepare, checksums included. */
export function initPrepareOk(
  header: PrepareOkHeader,
  prepare: PrepareHeader,
  values: PrepareOkValues,
  checksums: Checksums,
): void {
  assert(prepare.command === Command.prepare, () => `a prepare_ok for command ${prepare.command}`);
  initHeader(header, Command.prepareOk, prepare.cluster);
  header.view = values.view;
  header.replica = values.replica;
  header.parent = prepare.parent;
  header.prepareChecksum = prepare.checksum;
  header.checkpointId = values.checkpointId;
  header.client = prepare.client;
  header.op = prepare.op;
  header.commitMin = values.commitMin;
  header.timestamp = prepare.timestamp;
  header.request = prepare.request;
  header.operation = prepare.operation;
  checksums.setEmptyBody(header);
}

/** Why a `prepare_ok` whose frame is valid is invalid, or null if it is not. */
export function invalidPrepareOk(header: PrepareOkHeader): string | null {
  if (header.size !== HEADER_SIZE_BYTES) return "size is not 256";
  if (header.checksumBody !== CHECKSUM_EMPTY) return "checksum_body is not that of an empty body";
  if (header.release !== 0) return "release is not 0";
  if (!isZero(header, PREPARE_OK_LAYOUT.prepareChecksumPadding)) return "prepare_checksum_padding is not zero";
  const reason = invalidByOperation(header);
  if (reason !== null) return reason;
  if (!isZero(header, PREPARE_OK_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}

function invalidByOperation(header: PrepareOkHeader): string | null {
  if (header.operation === Operation.reserved) return "operation is reserved";
  if (header.operation === Operation.root) return invalidRoot(header);
  const clientless = isZero(header, PREPARE_OK_LAYOUT.client);
  if (operationOfCluster(header.operation) && !clientless) return "client is not 0";
  if (!operationOfCluster(header.operation) && clientless) return "client is 0";
  if (header.op === 0) return "op is 0";
  if (isZero(header, PREPARE_OK_LAYOUT.timestamp)) return "timestamp is 0";
  if (header.operation === Operation.register || header.operation === Operation.upgrade || clientless) {
    return header.request === 0 ? null : "request is not 0";
  }
  return header.request === 0 ? "request is 0" : null;
}

function invalidRoot(header: PrepareOkHeader): string | null {
  if (!isZero(header, PREPARE_OK_LAYOUT.parent)) return "parent of root is not 0";
  if (!isZero(header, PREPARE_OK_LAYOUT.client)) return "client of root is not 0";
  if (header.prepareChecksum !== rootPrepareChecksum(header.cluster)) return "prepare_checksum is not that of root";
  if (header.request !== 0) return "request of root is not 0";
  if (header.op !== 0) return "op of root is not 0";
  if (!isZero(header, PREPARE_OK_LAYOUT.timestamp)) return "timestamp of root is not 0";
  return null;
}
