/**
 * The checksums of messages: over the body, and over the header that holds the body's (spec 01 §4.3).
 *
 * @module
 */
import { checksumOf } from "@stagbeetle/kernels";
import { type Header, HEADER_SIZE_BYTES } from "./frame.ts";
import type { Message } from "./message.ts";

/** The checksum of no bytes: the body checksum of every message that is only a header. */
export const CHECKSUM_EMPTY = 0x49f1_7461_8255_402d_e6e7_e3c4_0d60_cc83n;

/** The size of the part of a header that its own checksum does not cover, in bytes: the checksum itself. */
const CHECKSUM_SIZE_BYTES = 16;

/** Computes and verifies checksums of messages. */
export class Checksums {
  readonly #checksumOf: (bytes: Uint8Array) => bigint;

  /** @param checksum computes the checksum of any bytes; a replica passes one that knows its linear memory. */
  constructor(checksum: (bytes: Uint8Array) => bigint = checksumOf) {
    this.#checksumOf = checksum;
  }

  /** The checksum of any bytes: a u128. */
  of(bytes: Uint8Array): bigint {
    return bytes.length === 0 ? CHECKSUM_EMPTY : this.#checksumOf(bytes);
  }

  /** The checksum that a header as it is now should carry: over its bytes 16 to 255. */
  ofHeader(header: Header): bigint {
    return this.#checksumOf(
      header.buffer.subarray(header.offset + CHECKSUM_SIZE_BYTES, header.offset + HEADER_SIZE_BYTES),
    );
  }

  /** Stores the checksum of `body` (`size` − 256 bytes) in the header. To be followed by {@link set}. */
  setBody(header: Header, body: Uint8Array): void {
    header.checksumBody = this.of(body);
  }

  /** Stores the header's own checksum, once all other fields have their values. */
  set(header: Header): void {
    header.checksum = this.ofHeader(header);
  }

  /** Stores both checksums of a message that is only a header, once all other fields have their values. */
  setEmptyBody(header: Header): void {
    header.checksumBody = CHECKSUM_EMPTY;
    this.set(header);
  }

  /** Stores both checksums of a message, once header and body have their values. */
  setMessage(message: Message): void {
    this.setBody(message.header, message.body());
    this.set(message.header);
  }

  /** Whether the header's own checksum is right. */
  valid(header: Header): boolean {
    return header.checksum === this.ofHeader(header);
  }

  /** Whether the header's body checksum is that of `body` (`size` − 256 bytes). */
  validBody(header: Header, body: Uint8Array): boolean {
    return header.checksumBody === this.of(body);
  }
}
