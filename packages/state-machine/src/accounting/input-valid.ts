/**
 * Which bodies may enter the log (spec 02 §6).
 *
 * Only the shape is looked at. What the events and filters say is answered with statuses and empty results.
 *
 * @module
 */
import { type MultiBatchDecoder, multiBatchTrailerSizeBytes } from "@stagbeetle/vsr-protocol";
import type { Limits } from "./limits.ts";
import type { OperationTraits } from "./operations.ts";

/**
 * Whether a body is well-formed, its batches are not too large, and their results fit into one reply. Never throws.
 *
 * @param decoder is used to read the body.
 */
export function inputValid(
  traits: OperationTraits,
  body: Uint8Array,
  limits: Limits,
  decoder: MultiBatchDecoder,
): boolean {
  if (!traits.multiBatch) return batchValid(traits, body.length, limits);
  if (decoder.decode(body, traits.eventSizeBytes) !== null) return false;
  const resultMax = limits.resultMax(traits);
  // At most 65,534 batches of at most 8,190 results of at most 128 bytes: far below 2^53.
  let resultCount = 0;
  while (decoder.next()) {
    if (!batchValid(traits, decoder.elementCount * traits.eventSizeBytes, limits)) return false;
    resultCount += Math.min(resultCountExpected(traits, body, decoder.batchOffset, decoder.elementCount), resultMax);
  }
  const trailerSizeBytes = multiBatchTrailerSizeBytes(traits.resultSizeBytes, decoder.batchCount);
  return resultCount * traits.resultSizeBytes + trailerSizeBytes <= limits.messageBodySizeMax;
}

function batchValid(traits: OperationTraits, sizeBytes: number, limits: Limits): boolean {
  if (!traits.batchable) return sizeBytes === traits.eventSizeBytes;
  return sizeBytes % traits.eventSizeBytes === 0 && sizeBytes / traits.eventSizeBytes <= limits.eventMax(traits);
}

/** How many results a batch that is valid may have, before the cap: what its filter says, or one for each event. */
function resultCountExpected(traits: OperationTraits, body: Uint8Array, offset: number, eventCount: number): number {
  if (traits.limitOffset === -1) return eventCount;
  const at = offset + traits.limitOffset;
  return new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(at, true);
}
