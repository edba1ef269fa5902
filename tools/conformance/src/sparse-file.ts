/**
 * Large files that are mostly zeros.
 *
 * @module
 */
import { open } from "node:fs/promises";

const HOLE_SIZE_BYTES = 1 << 16;
const ZEROS = Buffer.alloc(HOLE_SIZE_BYTES);

/** Writes a file and leaves runs of zeros out of it, so that it takes no more space than what it holds. */
export async function writeSparse(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "w");
  try {
    let offset = 0;
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length; at += HOLE_SIZE_BYTES) {
        const part = piece.subarray(at, at + HOLE_SIZE_BYTES);
        if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0)
          await file.write(part, 0, part.length, offset + at);
      }
      offset += piece.length;
    }
    await file.truncate(offset);
  } finally {
    await file.close();
  }
}
