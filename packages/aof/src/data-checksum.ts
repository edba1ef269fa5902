/**
 * One number for the data of a log, the same for a log and for that of a cluster recovered from it (spec 06 §2.9).
 *
 * @module
 */
import { blake3 } from "@noble/hashes/blake3.js";
import type { PrepareHeader } from "@stagbeetle/vsr-protocol";
import { readU128 } from "@stagbeetle/vsr-protocol";
import { replayable } from "./replayable.ts";

const CHECKSUM_BODY_OFFSET = 32;
const TIMESTAMP_OFFSET = 240;
const OPERATION_OFFSET = 252;

/**
 * Sums up the prepares of a log: BLAKE3 over body checksum, timestamp and operation of those that a replay sends. Clients, ops,
 * views and request numbers are not in it, because a recovery changes them.
 */
export class DataChecksum {
  readonly #hash: ReturnType<typeof blake3.create> = blake3.create();

  /** Takes the next prepare of the log. */
  add({ buffer, offset, operation }: PrepareHeader): void {
    if (!replayable(operation)) return;
    const at = (begin: number, sizeBytes: number): Uint8Array =>
      buffer.subarray(offset + begin, offset + begin + sizeBytes);
    this.#hash.update(at(CHECKSUM_BODY_OFFSET, 16)).update(at(TIMESTAMP_OFFSET, 8)).update(at(OPERATION_OFFSET, 1));
  }

  /** The number so far: the first 16 bytes of the digest, least significant first. */
  value(): bigint {
    const digest = this.#hash.clone().digest();
    return readU128(new DataView(digest.buffer, digest.byteOffset, digest.byteLength), 0);
  }
}
