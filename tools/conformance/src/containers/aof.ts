/**
 * The prepares of an append-only file (spec 06 §2.2): a 16-byte magic number before each message.
 *
 * @module
 */
import { MalformedRecording, messageSizeAt } from "./messages.ts";

const MAGIC = Buffer.from("82fcc4f4c492d19e1106e4fed3d8bc00", "hex");

/** All prepares in file order, each a view of `bytes`. */
export function* prepares(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < bytes.length;) {
    if (MAGIC.compare(bytes, offset, Math.min(offset + MAGIC.length, bytes.length)) !== 0) {
      throw new MalformedRecording(`no magic number at byte ${offset} of the append-only file`);
    }
    const size = messageSizeAt(bytes, offset + MAGIC.length);
    yield bytes.subarray(offset + MAGIC.length, offset + MAGIC.length + size);
    offset += MAGIC.length + size;
  }
}
