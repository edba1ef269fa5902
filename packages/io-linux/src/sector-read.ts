/**
 * How a read gets past sectors that the disk cannot read (spec 04 §4.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { SECTOR_SIZE_BYTES } from "@stagbeetle/vsr-protocol";

/** The most that Linux transfers in one call, in bytes. */
export const TRANSFER_SIZE_MAX_BYTES = 0x7fff_f000;

/**
 * The progress of one read, which ends with a full buffer whatever the disk does.
 *
 * An I/O error says that something in the range is unreadable, not what. So the range is halved until a single sector
 * fails, and that one becomes zeros; after it the ranges grow slowly, because bad sectors have bad neighbours.
 *
 * Pure: whoever does the I/O asks for {@link SectorRead.targetSizeBytes} and reports what came of it.
 */
export class SectorRead {
  #buffer: Uint8Array = new Uint8Array(0);
  #done = 0;
  #targetSizeMaxBytes = 0;

  /** Starts over with another buffer: whole sectors. */
  begin(buffer: Uint8Array): void {
    assert(buffer.length > 0 && buffer.length % SECTOR_SIZE_BYTES === 0, () => `a read of ${buffer.length} bytes`);
    this.#buffer = buffer;
    this.#done = 0;
    this.#targetSizeMaxBytes = buffer.length;
  }

  /** How many bytes of the buffer are filled. */
  get doneSizeBytes(): number {
    return this.#done;
  }

  /** How many bytes to read next, behind those that are done; 0 when the buffer is full. */
  get targetSizeBytes(): number {
    const target = Math.min(this.#remaining, this.#targetSizeMaxBytes - this.#misaligned);
    return Math.min(target, TRANSFER_SIZE_MAX_BYTES);
  }

  /** `sizeBytes` > 0 bytes of the target were read. */
  advance(sizeBytes: number): void {
    assert(
      sizeBytes > 0 && sizeBytes <= this.targetSizeBytes,
      () => `${sizeBytes} of ${this.targetSizeBytes} bytes read`,
    );
    if (this.#targetSizeMaxBytes === SECTOR_SIZE_BYTES) this.#targetSizeMaxBytes = 2 * SECTOR_SIZE_BYTES;
    this.#done += sizeBytes;
  }

  /** The target has a sector that cannot be read. */
  fail(): void {
    const target = this.targetSizeBytes;
    assert(target > 0, "a read failed that was complete");
    if (target > SECTOR_SIZE_BYTES) {
      const sectors = Math.ceil(target / SECTOR_SIZE_BYTES);
      this.#targetSizeMaxBytes = Math.ceil(sectors / 2) * SECTOR_SIZE_BYTES;
    } else {
      this.#fillZeros(target);
    }
  }

  /** The file ends here: what lies beyond is zeros. */
  end(): void {
    this.#fillZeros(this.#remaining);
  }

  get #remaining(): number {
    return this.#buffer.length - this.#done;
  }

  /** How far the next byte is from the start of its sector; only after a disk with small sectors read part of one. */
  get #misaligned(): number {
    return this.#done % SECTOR_SIZE_BYTES;
  }

  #fillZeros(sizeBytes: number): void {
    this.#buffer.fill(0, this.#done, this.#done + sizeBytes);
    this.#done += sizeBytes;
  }
}
