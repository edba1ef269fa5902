/**
 * Bytes seen as 32-bit lanes.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** All whole lanes of some bytes. A view, unless the bytes do not begin at a multiple of four: then a copy. */
export function lanesOf(bytes: Uint8Array): Uint32Array {
  const count = bytes.length >>> 2;
  if (bytes.byteOffset % 4 === 0) return new Uint32Array(bytes.buffer, bytes.byteOffset, count);
  const aligned = bytes.slice(0, 4 * count);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, count);
}

/** The same for memory that is written to: always a view. */
export function lanesToWrite(bytes: Uint8Array): Uint32Array {
  assert(bytes.byteOffset % 4 === 0, () => `memory at ${bytes.byteOffset}, not at a multiple of 4`);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
}
