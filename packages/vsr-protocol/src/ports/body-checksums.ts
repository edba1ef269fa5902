/**
 * The port to checksums of the bodies of blocks: half a megabyte each, so that another thread may be the better place to
 * compute them.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Checksums } from "../message/checksums.ts";

/** Whether somebody waits for a checksum, or all goes on without it for a while. It changes nothing but when it completes. */
export type ChecksumUrgency = "awaited" | "deferred";

/** One checksum to be computed, allocated once by its owner and used again and again. */
export class ChecksumRequest {
  readonly urgency: ChecksumUrgency;
  /** Called once per use, when {@link checksum} is there. The request may be used again from within. */
  readonly onComplete: (request: ChecksumRequest) => void;
  #bytes: Uint8Array | null = null;
  #checksum = 0n;

  constructor(urgency: ChecksumUrgency, onComplete: (request: ChecksumRequest) => void) {
    this.urgency = urgency;
    this.onComplete = onComplete;
  }

  /** Whether the bytes are being read: between the start and the completion. */
  get pending(): boolean {
    return this.#bytes !== null;
  }

  /** What the checksum is computed of. */
  get bytes(): Uint8Array {
    assert(this.#bytes !== null, "the request is idle");
    return this.#bytes;
  }

  /** The checksum, a u128, from the completion until the request is used again. */
  get checksum(): bigint {
    assert(this.#bytes === null, "the checksum is not there yet");
    return this.#checksum;
  }

  /** Called by whoever computes when it takes the request. */
  begin(bytes: Uint8Array): void {
    assert(this.#bytes === null, () => `the checksum of ${this.#bytes?.length} bytes is pending`);
    assert(bytes.length > 0, "a body has bytes");
    this.#bytes = bytes;
  }

  /** Called by whoever computes when the checksum is there: makes the request idle, then calls the owner. */
  complete(checksum: bigint): void {
    assert(this.#bytes !== null, "the request is idle");
    this.#bytes = null;
    this.#checksum = checksum;
    this.onComplete(this);
  }
}

/**
 * Computes checksums of bodies.
 *
 * A request completes from inside the call that starts it, or at any time later and in any order: owners must bear both. Every
 * request completes, exactly once, and its bytes must not change before. There is no way to take one back.
 */
export interface BodyChecksums {
  /**
   * How many deferred requests can be under way before the caller has to compute or to wait: so many bodies more should
   * whoever defers have room for. 0 if all complete inside of the call.
   */
  readonly deferredMax: number;
  /** Computes the checksum of `bytes`: at least one, in the replica's memory. */
  compute(request: ChecksumRequest, bytes: Uint8Array): void;
}

/** Computes each checksum on the calling thread, inside of the call. */
export class InlineBodyChecksums implements BodyChecksums {
  readonly deferredMax = 0;
  readonly #checksums: Checksums;

  constructor(checksums: Checksums) {
    this.#checksums = checksums;
  }

  compute(request: ChecksumRequest, bytes: Uint8Array): void {
    request.begin(bytes);
    request.complete(this.#checksums.of(bytes));
  }
}
