/**
 * The checksums of messages: over the body, and over the header that holds the body's (spec 01 §4.3).
 *
 * @module
 */
import {
  assert,
  checksumOf,
  checksumOfNothing,
  checksumSizeBytes,
  type Kernels,
  type Pointer,
} from "@stagbeetle/kernels";
import { readU128 } from "../layout.ts";
import { type Header, HEADER_SIZE_BYTES } from "./frame.ts";
import type { Message } from "./message.ts";

/** The checksum of no bytes: the body checksum of every message that is only a header. */
export const CHECKSUM_EMPTY: bigint = checksumOfNothing;

/** Where the checksum of the body is in a header, in bytes; the header's own is at its beginning. */
const CHECKSUM_BODY_OFFSET = 32;

/** Computes checksums of bytes of one linear memory in place. */
interface InPlace {
  readonly kernels: Kernels;
  /** Where the kernel writes a checksum that is to be compared or read. */
  readonly result: Pointer;
}

/**
 * Computes and verifies the checksums of messages.
 *
 * With the kernels of a replica, bytes in its linear memory are read where they are, and verifying makes no `bigint`. Other
 * bytes are copied piece by piece.
 */
export class Checksums {
  readonly #inPlace: InPlace | null;

  /** @param kernels those of the memory in which most messages are; none for tools and tests. */
  constructor(kernels?: Kernels) {
    this.#inPlace =
      kernels === undefined
        ? null
        : { kernels, result: kernels.memory.allocate(checksumSizeBytes, checksumSizeBytes, "message checksums") };
  }

  /** The checksum of any bytes: a u128. */
  of(bytes: Uint8Array): bigint {
    if (bytes.length === 0) return CHECKSUM_EMPTY;
    return this.#isInPlace(bytes) ? this.#ofRange(bytes.byteOffset, bytes.length) : checksumOf(bytes);
  }

  /** The checksum that a header as it is now should carry: over its bytes 16 to 255. */
  ofHeader(header: Header): bigint {
    if (!this.#isInPlace(header.buffer)) return checksumOf(checksummedPart(header));
    const pointer = header.buffer.byteOffset + header.offset;
    return this.#ofRange(pointer + checksumSizeBytes, HEADER_SIZE_BYTES - checksumSizeBytes);
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
    if (!this.#isInPlace(header.buffer)) return header.checksum === this.ofHeader(header);
    const pointer = header.buffer.byteOffset + header.offset;
    return this.#rangeHas(pointer + checksumSizeBytes, HEADER_SIZE_BYTES - checksumSizeBytes, pointer);
  }

  /** Whether the header's body checksum is that of `body` (`size` − 256 bytes). */
  validBody(header: Header, body: Uint8Array): boolean {
    if (body.length === 0 || !this.#isInPlace(body) || !this.#isInPlace(header.buffer)) {
      return header.checksumBody === this.of(body);
    }
    const expected = header.buffer.byteOffset + header.offset + CHECKSUM_BODY_OFFSET;
    return this.#rangeHas(body.byteOffset, body.length, expected);
  }

  #isInPlace(bytes: Uint8Array): boolean {
    return this.#inPlace !== null && bytes.buffer === this.#inPlace.kernels.memory.bytes.buffer;
  }

  #ofRange(pointer: Pointer, sizeBytes: number): bigint {
    const { kernels, result } = this.#kernels();
    kernels.checksum(pointer, sizeBytes, result);
    return readU128(kernels.memory.view, result);
  }

  #rangeHas(pointer: Pointer, sizeBytes: number, expected: Pointer): boolean {
    const { kernels, result } = this.#kernels();
    kernels.checksum(pointer, sizeBytes, result);
    return kernels.checksumEquals(result, expected);
  }

  #kernels(): InPlace {
    assert(this.#inPlace !== null, "there are no kernels");
    return this.#inPlace;
  }
}

function checksummedPart(header: Header): Uint8Array {
  return header.buffer.subarray(header.offset + checksumSizeBytes, header.offset + HEADER_SIZE_BYTES);
}
