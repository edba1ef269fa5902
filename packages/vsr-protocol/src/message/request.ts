/**
 * `request` (5): one operation of a client, or of the primary to itself (spec 01 §4.9).
 *
 * @module
 */
import { RECONFIGURATION_REQUEST_SIZE_BYTES } from "../body/reconfiguration.ts";
import { REGISTER_REQUEST_SIZE_BYTES } from "../body/register.ts";
import { UPGRADE_REQUEST_SIZE_BYTES } from "../body/upgrade-request.ts";
import { isZero, type RecordClass } from "../layout.ts";
import { Operation, operationOfStateMachine } from "../operation.ts";
import { type FRAME_LAYOUT, HEADER_SIZE_BYTES, headerClass, type HeaderOf } from "./frame.ts";

/** Bytes 128 to 255 of a `request`. */
export const REQUEST_LAYOUT = {
  parent: { type: "u128", offset: 128 },
  parentPadding: { type: "u128", offset: 144 },
  client: { type: "u128", offset: 160 },
  session: { type: "u53", offset: 176 },
  timestamp: { type: "u64", offset: 184 },
  request: { type: "u32", offset: 192 },
  operation: { type: "u8", offset: 196 },
  previousRequestLatencyPadding: { type: "bytes", offset: 197, size: 3 },
  previousRequestLatency: { type: "u32", offset: 200 },
  reserved: { type: "bytes", offset: 204, size: 52 },
} as const;

/** A view of the header of a `request`, 256 bytes. */
export type RequestHeader = HeaderOf<typeof REQUEST_LAYOUT>;
export const RequestHeader: RecordClass<typeof FRAME_LAYOUT & typeof REQUEST_LAYOUT> = headerClass(REQUEST_LAYOUT);

/** Why a `request` whose frame is valid is invalid, or null if it is not. Neither `view` nor `timestamp` is looked at. */
export function invalidRequest(header: RequestHeader): string | null {
  if (header.release === 0) return "release is 0";
  if (!isZero(header, REQUEST_LAYOUT.parentPadding)) return "parent_padding is not zero";
  const reason = invalidByOperation(header);
  if (reason !== null) return reason;
  if (!isZero(header, REQUEST_LAYOUT.previousRequestLatencyPadding)) {
    return "previous_request_latency_padding is not zero";
  }
  if (!isZero(header, REQUEST_LAYOUT.reserved)) return "reserved is not zero";
  return null;
}

function invalidByOperation(header: RequestHeader): string | null {
  switch (header.operation) {
    case Operation.reserved:
      return "operation is reserved";
    case Operation.root:
      return "operation is root";
    case Operation.register:
      return invalidRegister(header);
    case Operation.pulse:
      return invalidOfCluster(header, HEADER_SIZE_BYTES);
    case Operation.upgrade:
      return invalidOfCluster(header, HEADER_SIZE_BYTES + UPGRADE_REQUEST_SIZE_BYTES);
    default:
      return invalidOfSession(header);
  }
}

function invalidRegister(header: RequestHeader): string | null {
  if (header.replica !== 0) return "replica of register is not 0";
  if (isZero(header, REQUEST_LAYOUT.client)) return "client of register is 0";
  if (!isZero(header, REQUEST_LAYOUT.parent)) return "parent of register is not 0";
  if (header.session !== 0) return "session of register is not 0";
  if (header.request !== 0) return "request of register is not 0";
  // Clients up to 0.15.3 send no body. They get an eviction that says so, instead of silence.
  const sizeValid =
    header.size === HEADER_SIZE_BYTES || header.size === HEADER_SIZE_BYTES + REGISTER_REQUEST_SIZE_BYTES;
  if (!sizeValid) return "size of register is neither 256 nor 512";
  return null;
}

/** The checks of `pulse` and `upgrade`, which no client sends. */
function invalidOfCluster(header: RequestHeader, size: number): string | null {
  if (!isZero(header, REQUEST_LAYOUT.client)) return "client is not 0";
  if (!isZero(header, REQUEST_LAYOUT.parent)) return "parent is not 0";
  if (header.session !== 0) return "session is not 0";
  if (header.request !== 0) return "request is not 0";
  if (header.size !== size) return `size is not ${size}`;
  return null;
}

function invalidOfSession(header: RequestHeader): string | null {
  if (header.operation === Operation.reconfigure) {
    const size = HEADER_SIZE_BYTES + RECONFIGURATION_REQUEST_SIZE_BYTES;
    if (header.size !== size) return "size of reconfigure is not 512";
  } else if (header.operation === Operation.noop) {
    if (header.size !== HEADER_SIZE_BYTES) return "size of noop is not 256";
  } else if (!operationOfStateMachine(header.operation)) {
    return "operation is unknown";
  }
  if (header.replica !== 0) return "replica is not 0";
  if (isZero(header, REQUEST_LAYOUT.client)) return "client is 0";
  if (header.session === 0) return "session is 0";
  if (header.request === 0) return "request is 0";
  return null;
}
