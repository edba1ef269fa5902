/**
 * Lines in as few datagrams as they fit into (spec 06 §8.3).
 */
import { assert } from "@stagbeetle/kernels";

/** Small enough to pass every usual network in one piece. */
export const DATAGRAM_SIZE_MAX_BYTES = 1400;

/** Packs lines in their order. A line is never split. */
export function datagrams(lines: readonly string[]): readonly Buffer[] {
  const packed: Buffer[] = [];
  let open = "";
  for (const line of lines) {
    // All that is sent is ASCII: one byte a character.
    assert(line.length <= DATAGRAM_SIZE_MAX_BYTES, () => `a line of ${line.length} bytes`);
    if (open.length + line.length > DATAGRAM_SIZE_MAX_BYTES) {
      packed.push(Buffer.from(open, "ascii"));
      open = "";
    }
    open += line;
  }
  if (open !== "") packed.push(Buffer.from(open, "ascii"));
  return packed;
}
