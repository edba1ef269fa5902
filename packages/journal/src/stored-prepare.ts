/**
 * What a prepare read from disk must satisfy before anything in it is believed (spec 04 §10.3, §11.2).
 *
 * @module
 */
import {
  type Checksums,
  HEADER_SIZE_BYTES,
  type Message,
  type PrepareHeader,
  sectorCeil,
} from "@stagbeetle/vsr-protocol";

/** Whether the header's checksum is right and its size that of a message: 256 to `messageSizeMax` bytes. */
export function storedHeaderValid(header: PrepareHeader, checksums: Checksums, messageSizeMax: number): boolean {
  if (!checksums.valid(header)) return false;
  return header.size >= HEADER_SIZE_BYTES && header.size <= messageSizeMax;
}

/** Whether the body has the checksum that the header, already believed, says. */
export function storedBodyValid(message: Message, checksums: Checksums): boolean {
  return checksums.validBody(message.header, message.body());
}

/** Whether the bytes between the end of the message and the end of its last sector are zero. */
export function storedPaddingZero(message: Message): boolean {
  const { size } = message.header;
  const end = sectorCeil(size);
  for (let offset = size; offset < end; offset += 1) {
    if (message.buffer[offset] !== 0) return false;
  }
  return true;
}
