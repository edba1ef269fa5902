/** A checksum fed piece by piece. */

import { assert } from "./assert.ts";
import { checksumSizeBytes, checksumStateSizeBytes } from "./kernels.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";

/**
 * The checksum of bytes that come in pieces of any size; the same as that of all of them at once. `begin`, any number
 * of `update`s, `finish`; then `begin` again.
 *
 * @example
 * const stream = new ChecksumStream(kernels);
 * stream.begin();
 * stream.update(header, 256);
 * stream.update(body, bodySizeBytes);
 * stream.finish(result);
 */
export class ChecksumStream {
  readonly #kernels: Kernels;
  readonly #state: Pointer;
  #begun = false;

  /** Allocates its state for good, so make one and use it again; or give `state`, 176 bytes at a multiple of 16. */
  constructor(kernels: Kernels, state?: Pointer) {
    this.#kernels = kernels;
    this.#state = state ?? kernels.memory.allocate(checksumStateSizeBytes, 64, "checksum streams");
    kernels.memory.assertRange(this.#state, checksumStateSizeBytes);
  }

  /** Starts over; a checksum in progress is forgotten. */
  begin(): void {
    this.#kernels.exports.checksumBegin(this.#state);
    this.#begun = true;
  }

  /** Takes `sizeBytes` bytes at `pointer` as the next ones. */
  update(pointer: Pointer, sizeBytes: number): void {
    assert(this.#begun, "checksum stream: update before begin");
    this.#kernels.memory.assertRange(pointer, sizeBytes);
    this.#kernels.exports.checksumUpdate(this.#state, pointer, sizeBytes);
  }

  /** Writes the checksum to the 16 bytes at `result` and ends the stream. */
  finish(result: Pointer): void {
    assert(this.#begun, "checksum stream: finish before begin");
    this.#kernels.memory.assertRange(result, checksumSizeBytes);
    this.#kernels.exports.checksumFinish(this.#state, result);
    this.#begun = false;
  }
}
