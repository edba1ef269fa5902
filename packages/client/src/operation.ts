/**
 * Operations, as far as those who merge calls into requests have to know them (spec 01 §3.2, §6, §11.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { multiBatchTrailerSizeBytes, VSR_OPERATIONS_RESERVED } from "@stagbeetle/vsr-protocol";

/** Operations are a u8. */
const OPERATION_MAX = 255;

/** How requests of an operation, and their replies, are encoded. */
export interface OperationEncoding {
  /** 128 to 255, as the state machine numbers them. */
  readonly operation: number;
  /** The size of an event in bytes: a body is a whole number of events. */
  readonly eventSizeBytes: number;
  /** The size of a result in bytes. */
  readonly resultSizeBytes: number;
  /** Whether a batch has any number of events, with at most one result each; if not, exactly one event. */
  readonly batchable: boolean;
  /** Whether bodies and replies carry several batches (spec 01 §6). Only calls of such operations share a request. */
  readonly multiBatch: boolean;
  /** Where the only event of a batch says how many results it asks for (a u32), in bytes; −1 if it does not. */
  readonly limitOffset: number;
}

/**
 * The encoding of an operation whose body and reply are bytes that only the state machine understands. Each call is a
 * request of its own.
 */
export function rawOperation(operation: number): OperationEncoding {
  return { operation, eventSizeBytes: 1, resultSizeBytes: 1, batchable: true, multiBatch: false, limitOffset: -1 };
}

/** Asserts that there can be such an operation: what an author of another state machine wrote must not fail in the middle. */
export function assertEncoding(encoding: OperationEncoding): void {
  const { operation, eventSizeBytes, resultSizeBytes, batchable, multiBatch, limitOffset } = encoding;
  assert(
    Number.isInteger(operation) && operation >= VSR_OPERATIONS_RESERVED && operation <= OPERATION_MAX,
    () => `operation ${operation} is not a state machine's: ${VSR_OPERATIONS_RESERVED} to ${OPERATION_MAX}`,
  );
  for (const sizeBytes of [eventSizeBytes, resultSizeBytes]) {
    const valid =
      Number.isInteger(sizeBytes) && sizeBytes > 0 && (!multiBatch || Number.isInteger(Math.log2(sizeBytes)));
    assert(valid, () => `operation ${operation} has elements of ${sizeBytes} bytes`);
  }
  const limited = Number.isInteger(limitOffset) && limitOffset >= 0 && limitOffset + 4 <= eventSizeBytes && !batchable;
  assert(limitOffset === -1 || limited, () => `operation ${operation} has a limit at byte ${limitOffset} of its event`);
}

/** The sizes that bound a request: what the session's register reply allowed, and what fits in any message. */
export interface BodyLimits {
  /** Bounds bodies of requests, in bytes. */
  readonly batchSizeLimit: number;
  /** Bounds bodies of replies, in bytes. */
  readonly messageBodySizeMax: number;
}

/** What the calls of one request add up to. */
export interface BatchTotals {
  readonly batchCount: number;
  readonly eventsSizeBytes: number;
  /** How many results there are at most. */
  readonly resultCountMax: number;
}

/** How many results a call can get at most: one an event, or the limit that its only event asks for. */
export function resultCountMax(encoding: OperationEncoding, body: Uint8Array): number {
  const { batchable, eventSizeBytes, limitOffset } = encoding;
  assert(body.length % eventSizeBytes === 0, () => `${body.length} bytes are no events of ${eventSizeBytes}`);
  if (batchable) return body.length / eventSizeBytes;
  assert(body.length === eventSizeBytes, () => `${body.length} bytes are not one event of ${eventSizeBytes}`);
  if (limitOffset === -1) return 1;
  return new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(limitOffset, true);
}

/** Whether such a request and its reply, each with the trailer of its batches, fit into messages. */
export function batchesFit(encoding: OperationEncoding, totals: BatchTotals, limits: BodyLimits): boolean {
  const { eventSizeBytes, resultSizeBytes, multiBatch, batchable } = encoding;
  const { batchCount, eventsSizeBytes } = totals;
  const trailer = (sizeBytes: number): number => (multiBatch ? multiBatchTrailerSizeBytes(sizeBytes, batchCount) : 0);
  if (eventsSizeBytes + trailer(eventSizeBytes) > limits.batchSizeLimit) return false;
  // What a batch of bytes is answered with, only the state machine knows.
  if (!multiBatch && batchable) return true;
  return totals.resultCountMax * resultSizeBytes + trailer(resultSizeBytes) <= limits.messageBodySizeMax;
}
