/**
 * Messages written one after the other, each as long as its header says (fixtures `*.requests.bin`, `*.replies.bin`).
 *
 * @module
 */
import { Header, HEADER_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

/** A recording that is not what its format says. */
export class MalformedRecording extends Error {
  override readonly name = "MalformedRecording";
}

/** The size of the message that begins at `offset`, in bytes. */
export function messageSizeAt(bytes: Uint8Array, offset: number): number {
  if (offset + HEADER_SIZE_BYTES > bytes.length) {
    throw new MalformedRecording(`a header at byte ${offset} is cut off: the file has ${bytes.length} bytes`);
  }
  const { size } = new Header(bytes, offset);
  if (size < HEADER_SIZE_BYTES || offset + size > bytes.length) {
    throw new MalformedRecording(`the message at byte ${offset} claims ${size} bytes of a file of ${bytes.length}`);
  }
  return size;
}

/** All messages in file order, each a view of `bytes`. */
export function* messages(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < bytes.length;) {
    const size = messageSizeAt(bytes, offset);
    yield bytes.subarray(offset, offset + size);
    offset += size;
  }
}
