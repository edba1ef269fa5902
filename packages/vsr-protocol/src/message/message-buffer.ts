/**
 * The receive buffer of one connection: cuts the byte stream into messages (spec 01 §8.3).
 *
 * It is pure: whoever owns the socket puts bytes in, whoever understands messages takes them out.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { commandKnown } from "../command.ts";
import { fatal, FatalReason } from "../fatal.ts";
import { formatRelease } from "../release.ts";
import { CHECKSUM_EMPTY, type Checksums } from "./checksums.ts";
import { Header, HEADER_SIZE_BYTES } from "./frame.ts";
import type { Message } from "./message.ts";
import type { MessagePool } from "./pool.ts";

/** Why nothing more is taken from a connection. The last two are found by those who look at the messages. */
export type MessageBufferInvalidReason =
  | "header_checksum"
  | "header_size"
  | "body_checksum"
  | "header_cluster"
  | "misdirected";

/** From this size on, a message is handed over with its memory if that copies less than taking it out. */
const EXCHANGE_SIZE_MIN_BYTES = 4096;

/**
 * Up to `message_size_max` received bytes, and how far they have been looked at:
 *
 * ```text
 * 0            suspended       processed        advanced         received     message_size_max
 * | set aside, |  a hole left  | verified, not  | not verified   |   free     |
 * | in order   |  by consumed  | processed yet  | yet            |            |
 * ```
 *
 * A *pass* visits the complete messages in order by {@link MessageBuffer.next}, each of which is consumed or suspended.
 * When `next` returns null the pass is over: the hole is closed and the suspended messages come first in the next pass.
 * A message that was suspended is not verified again.
 *
 * The bytes live in a message of the pool, so that one that fills the buffer alone is handed over without a copy.
 *
 * @example
 * ```ts
 * buffer.receive(chunk);
 * for (let header = buffer.next(); header !== null; header = buffer.next()) {
 *   if (writesAvailable) handle(buffer.consume());
 *   else buffer.suspend();
 * }
 * if (buffer.invalid !== null) disconnect(buffer.invalid);
 * ```
 */
export class MessageBuffer {
  readonly #pool: MessagePool;
  readonly #checksums: Checksums;
  readonly #sizeMax: number;
  #storage: Message | null;
  /** The frame at `#processed` of `#storage`. */
  #header: Header;
  #suspended = 0;
  #processed = 0;
  #advanced = 0;
  #received = 0;
  /** Whether the message at `#processed` was returned by `next` and awaits its fate. */
  #offered = false;
  #invalid: MessageBufferInvalidReason | null = null;

  /** Takes one message from the pool until it is closed. */
  constructor(pool: MessagePool, checksums: Checksums) {
    this.#pool = pool;
    this.#checksums = checksums;
    this.#sizeMax = pool.messageSizeMax;
    this.#storage = pool.acquire();
    this.#header = new Header(this.#storage.buffer);
  }

  /** Why the buffer is invalid, or null while it is not. An invalid buffer is empty and stays so. */
  get invalid(): MessageBufferInvalidReason | null {
    return this.#invalid;
  }

  /** How many received bytes are kept. */
  get receivedSizeBytes(): number {
    return this.#received;
  }

  /** Whether there is a complete message for the next pass: new, or suspended in the last one. */
  get hasMessage(): boolean {
    this.#assertCursors();
    assert(!this.#offered && this.#processed === 0, "the pass is not over");
    return this.#complete();
  }

  /**
   * The memory for the next bytes from the socket; empty while the buffer is full. It stays the same until the next call
   * of any other method. To be followed by {@link MessageBuffer.advance}.
   */
  space(): Uint8Array {
    assert(this.#invalid === null, () => `the buffer is invalid: ${this.#invalid}`);
    assert(!this.#offered && this.#processed === 0, "the pass is not over");
    return this.#memory().subarray(this.#received);
  }

  /** Says that `sizeBytes` > 0 bytes were put into {@link MessageBuffer.space}. Verifies what it can of the first message. */
  advance(sizeBytes: number): void {
    assert(this.#invalid === null, () => `the buffer is invalid: ${this.#invalid}`);
    assert(!this.#offered && this.#processed === 0, "the pass is not over");
    assert(sizeBytes > 0 && sizeBytes <= this.#sizeMax - this.#received, () => `${sizeBytes} bytes received`);
    this.#received += sizeBytes;
    this.#verify();
    this.#assertCursors();
  }

  /**
   * Copies as much of `chunk` into the buffer as there is room for.
   *
   * @returns how many bytes were taken; the caller keeps the rest and comes back after the next pass.
   */
  receive(chunk: Uint8Array): number {
    const space = this.space();
    const sizeBytes = Math.min(chunk.length, space.length);
    if (sizeBytes === 0) return 0;
    space.set(sizeBytes === chunk.length ? chunk : chunk.subarray(0, sizeBytes));
    this.advance(sizeBytes);
    return sizeBytes;
  }

  /**
   * The header of the next complete, verified message, or null at the end of the pass. It has to be consumed or suspended
   * before the next call. The view is reused: it is good until then.
   *
   * @throws FatalError `unknownVsrCommand` if a valid header has a command that this release does not know.
   */
  next(): Header | null {
    assert(!this.#offered, "a message was neither consumed nor suspended");
    if (this.#complete()) {
      this.#offered = true;
      this.#assertCursors();
      return this.#header;
    }
    this.#endPass();
    return null;
  }

  /** Takes the message that `next` returned out of the buffer. The caller owns one reference to it. */
  consume(): Message {
    assert(this.#offered && this.#storage !== null, "there is no message to consume");
    const sizeBytes = this.#header.size;
    const rest = this.#received - sizeBytes;
    const exchange = this.#processed === 0 && sizeBytes >= EXCHANGE_SIZE_MIN_BYTES && sizeBytes > rest;
    const message = exchange ? this.#exchange() : this.#copy(sizeBytes);
    this.#offered = false;
    this.#processed += sizeBytes;
    this.#assertCursors();
    return message;
  }

  /** Keeps the message that `next` returned for a later pass. While messages are kept, the connection is not read from. */
  suspend(): void {
    assert(this.#offered, "there is no message to suspend");
    const sizeBytes = this.#header.size;
    if (this.#suspended < this.#processed) {
      this.#memory().copyWithin(this.#suspended, this.#processed, this.#processed + sizeBytes);
    }
    this.#offered = false;
    this.#suspended += sizeBytes;
    this.#processed += sizeBytes;
    this.#assertCursors();
  }

  /** Gives up on the connection: discards all bytes, complete messages too. The first reason stays. */
  invalidate(reason: MessageBufferInvalidReason): void {
    if (this.#invalid !== null) return;
    this.#invalid = reason;
    this.#offered = false;
    this.#suspended = 0;
    this.#processed = 0;
    this.#advanced = 0;
    this.#received = 0;
  }

  /** Gives the memory back to the pool. Nothing else may be called afterwards. */
  close(): void {
    assert(!this.#offered, "a message was neither consumed nor suspended");
    assert(this.#storage !== null, "the buffer is closed already");
    this.#storage.release();
    this.#storage = null;
  }

  #memory(): Uint8Array {
    assert(this.#storage !== null, "the buffer is closed");
    return this.#storage.buffer;
  }

  /** Whether the message at `#processed` is there as a whole and verified. Verifies as far as it can. */
  #complete(): boolean {
    if (this.#invalid !== null) return false;
    this.#verify();
    // Verifying may have found the buffer invalid, which leaves it empty.
    const available = this.#advanced - this.#processed;
    return available >= HEADER_SIZE_BYTES && available >= this.#header.moveTo(this.#processed).size;
  }

  /** Verifies the header at `#processed` as soon as it is there, and its body as soon as that is. */
  #verify(): void {
    assert(this.#invalid === null, () => `the buffer is invalid: ${this.#invalid}`);
    if (this.#received - this.#processed < HEADER_SIZE_BYTES) return;
    const header = this.#header.moveTo(this.#processed);
    if (this.#advanced < this.#processed + HEADER_SIZE_BYTES) {
      if (!this.#verifyHeader(header)) return;
      this.#advanced = this.#processed + HEADER_SIZE_BYTES;
    }
    const end = this.#processed + header.size;
    if (this.#advanced >= end || this.#received < end) return;
    const body = this.#memory().subarray(this.#processed + HEADER_SIZE_BYTES, end);
    if (this.#checksums.validBody(header, body)) this.#advanced = end;
    else this.invalidate("body_checksum");
  }

  #verifyHeader(header: Header): boolean {
    if (!this.#checksums.valid(header)) {
      this.invalidate("header_checksum");
      return false;
    }
    // Only after the checksum, so that noise cannot stop the process.
    if (!commandKnown(header.command)) {
      fatal(
        FatalReason.unknownVsrCommand,
        `a peer sent command ${header.command}, which this release does not know: ` +
          `protocol ${header.protocol}, replica ${header.replica}, release ${formatRelease(header.release)}`,
      );
    }
    if (header.size < HEADER_SIZE_BYTES || header.size > this.#sizeMax) {
      this.invalidate("header_size");
      return false;
    }
    // A message without a body ends with its header, so nothing would look at the checksum of its body later.
    if (header.size === HEADER_SIZE_BYTES && header.checksumBody !== CHECKSUM_EMPTY) {
      this.invalidate("body_checksum");
      return false;
    }
    return true;
  }

  /** Hands the whole memory over and goes on in a fresh one, into which the bytes behind the message are copied. */
  #exchange(): Message {
    const message = this.#storage;
    assert(message !== null && this.#suspended === 0, "the memory still holds suspended messages");
    const fresh = this.#pool.acquire();
    const sizeBytes = this.#header.size;
    if (sizeBytes < this.#received) {
      fresh.buffer.set(message.buffer.subarray(sizeBytes, this.#received), sizeBytes);
    }
    this.#storage = fresh;
    this.#header = new Header(fresh.buffer);
    return message;
  }

  #copy(sizeBytes: number): Message {
    const message = this.#pool.acquire();
    message.buffer.set(this.#memory().subarray(this.#processed, this.#processed + sizeBytes));
    return message;
  }

  /** Closes the hole that consumed messages left, and begins again at the front. */
  #endPass(): void {
    const hole = this.#processed - this.#suspended;
    assert(hole >= 0 && this.#advanced >= this.#processed, "a cursor overtook another");
    if (hole > 0 && this.#received > this.#processed) {
      this.#memory().copyWithin(this.#suspended, this.#processed, this.#received);
    }
    this.#advanced -= hole;
    this.#received -= hole;
    this.#suspended = 0;
    this.#processed = 0;
  }

  #assertCursors(): void {
    const ordered =
      this.#suspended <= this.#processed &&
      this.#processed <= this.#advanced &&
      this.#advanced <= this.#received &&
      this.#received <= this.#sizeMax;
    assert(
      ordered,
      () =>
        `suspended ${this.#suspended}, processed ${this.#processed}, advanced ${this.#advanced}, received ${this.#received}`,
    );
    assert(this.#invalid === null || this.#received === 0, "an invalid buffer holds bytes");
  }
}
