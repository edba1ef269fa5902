/**
 * Bodies that carry several independent batches of one operation (spec 01 §6).
 *
 * ```text
 * | batch 0 | batch 1 | … | padding | ff … ff | count of the last batch | … | count of batch 0 | number of batches |
 *   payload                            filler    trailer: u16 each, in reverse order
 * ```
 *
 * Nothing is copied and nothing is allocated for an element or a batch: decoder and encoder are made once and used for
 * one body after another.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The most batches that one body can carry. */
export const MULTI_BATCH_COUNT_MAX = 65_534;

/** The most elements that one batch can have. */
export const MULTI_BATCH_ELEMENTS_MAX = 65_535;

/** The size of a count in bytes: of the elements of one batch, or of the batches. */
const COUNT_SIZE_BYTES = 2;

/** What fills the trailer up, and the payload of elements of one byte. */
const FILLER = 0xff;

const PAYLOAD_SIZE_LIMIT = 0x1_0000_0000;

/** The size of the trailer of `batchCount` batches in bytes: a multiple of the element size. */
export function multiBatchTrailerSizeBytes(elementSizeBytes: number, batchCount: number): number {
  assertElementSize(elementSizeBytes);
  assert(batchCount > 0 && batchCount <= MULTI_BATCH_COUNT_MAX, () => `${batchCount} batches`);
  const counts = (batchCount + 1) * COUNT_SIZE_BYTES;
  return elementSizeBytes === 0 ? counts : elementSizeBytes * Math.ceil(counts / elementSizeBytes);
}

/** How many elements a body of `limitBytes` can hold as one batch. */
export function multiBatchElementsMax(elementSizeBytes: number, limitBytes: number): number {
  assert(elementSizeBytes > 0, "elements without a size have no maximum");
  const available = limitBytes - multiBatchTrailerSizeBytes(elementSizeBytes, 1);
  return Math.min(MULTI_BATCH_ELEMENTS_MAX, Math.max(0, Math.floor(available / elementSizeBytes)));
}

/** How many batches a body of `limitBytes` can hold if every one has at least `batchSizeMinBytes`. */
export function multiBatchCountMax(batchSizeMinBytes: number, limitBytes: number): number {
  assert(batchSizeMinBytes >= 0 && limitBytes >= COUNT_SIZE_BYTES, () => `${batchSizeMinBytes} of ${limitBytes} bytes`);
  return Math.min(
    MULTI_BATCH_COUNT_MAX,
    Math.floor((limitBytes - COUNT_SIZE_BYTES) / (batchSizeMinBytes + COUNT_SIZE_BYTES)),
  );
}

function assertElementSize(elementSizeBytes: number): void {
  const powerOfTwoOrZero =
    elementSizeBytes >>> 0 === elementSizeBytes && (elementSizeBytes & (elementSizeBytes - 1)) === 0;
  assert(powerOfTwoOrZero, () => `an element size of ${elementSizeBytes} bytes`);
}

function readCount(body: Uint8Array, at: number): number {
  assert(at >= 0 && at + COUNT_SIZE_BYTES <= body.length, () => `a count at ${at} of ${body.length} bytes`);
  return (body[at] as number) | ((body[at + 1] as number) << 8);
}

function writeCount(body: Uint8Array, at: number, count: number): void {
  assert(at >= 0 && at + COUNT_SIZE_BYTES <= body.length, () => `a count at ${at} of ${body.length} bytes`);
  assert(count >>> 0 === count && count <= 0xffff, () => `a count of ${count}`);
  body[at] = count & 0xff;
  body[at + 1] = count >>> 8;
}

/** Why a body is no multi-batch body. */
export type MultiBatchInvalidReason =
  | "the length is odd or has no room for the number of batches"
  | "the number of batches is 0 or reserved"
  | "the counts do not fit"
  | "the filler does not fit or is not 0xff"
  | "elements without a size are counted"
  | "the payload is too large"
  | "the padding is missing or not 0xff"
  | "the payload is not as long as its elements";

const EMPTY = new Uint8Array(0);

/**
 * Reads multi-batch bodies.
 *
 * @example
 * ```ts
 * if (decoder.decode(body, 128) !== null) return evict();
 * while (decoder.next()) {
 *   for (let index = 0; index < decoder.elementCount; index += 1) {
 *     execute(decoder.batchOffset + index * 128);
 *   }
 * }
 * ```
 */
export class MultiBatchDecoder {
  #body: Uint8Array = EMPTY;
  #elementSizeBytes = 0;
  #batchCount = 0;
  #payloadSizeBytes = 0;
  /** The batch that was last returned by `next`; −1 before the first. */
  #batch = -1;
  #batchOffset = 0;
  #elementCount = 0;

  /**
   * Validates a body and begins before its first batch.
   *
   * @returns null, or why the body is invalid; then there is nothing to iterate over.
   */
  decode(body: Uint8Array, elementSizeBytes: number): MultiBatchInvalidReason | null {
    assertElementSize(elementSizeBytes);
    this.#body = body;
    this.#elementSizeBytes = elementSizeBytes;
    this.#batchCount = 0;
    this.#payloadSizeBytes = 0;
    const reason = this.#validate();
    if (reason !== null) this.#batchCount = 0;
    this.rewind();
    return reason;
  }

  /** How many batches the body has: at least one if it is valid. */
  get batchCount(): number {
    return this.#batchCount;
  }

  /** The size of all batches together in bytes. They are the front of the body. */
  get payloadSizeBytes(): number {
    return this.#payloadSizeBytes;
  }

  /** Which batch this is, from 0. */
  get batchIndex(): number {
    assert(this.#batch >= 0, "there is no batch before the first");
    return this.#batch;
  }

  /** Where this batch begins in the body, in bytes. */
  get batchOffset(): number {
    assert(this.#batch >= 0, "there is no batch before the first");
    return this.#batchOffset;
  }

  /** How many elements this batch has, possibly none. */
  get elementCount(): number {
    assert(this.#batch >= 0, "there is no batch before the first");
    return this.#elementCount;
  }

  /** The bytes of this batch: a view, not a copy. */
  batch(): Uint8Array {
    const offset = this.batchOffset;
    return this.#body.subarray(offset, offset + this.#elementCount * this.#elementSizeBytes);
  }

  /** Goes on to the next batch. False if there is none. */
  next(): boolean {
    if (this.#batch + 1 >= this.#batchCount) return false;
    this.#batch += 1;
    this.#batchOffset += this.#elementCount * this.#elementSizeBytes;
    this.#elementCount = this.#countOf(this.#batch);
    assert(
      this.#batchOffset + this.#elementCount * this.#elementSizeBytes <= this.#payloadSizeBytes,
      () => `batch ${this.#batch} ends behind the payload`,
    );
    return true;
  }

  /** Goes back to before the first batch. */
  rewind(): void {
    this.#batch = -1;
    this.#batchOffset = 0;
    this.#elementCount = 0;
  }

  #countOf(batch: number): number {
    return readCount(this.#body, this.#body.length - (batch + 2) * COUNT_SIZE_BYTES);
  }

  #validate(): MultiBatchInvalidReason | null {
    const length = this.#body.length;
    if (length < COUNT_SIZE_BYTES || length % COUNT_SIZE_BYTES !== 0) {
      return "the length is odd or has no room for the number of batches";
    }
    this.#batchCount = readCount(this.#body, length - COUNT_SIZE_BYTES);
    if (this.#batchCount === 0 || this.#batchCount > MULTI_BATCH_COUNT_MAX) {
      return "the number of batches is 0 or reserved";
    }
    const countsStart = length - (this.#batchCount + 1) * COUNT_SIZE_BYTES;
    if (countsStart < 0) return "the counts do not fit";

    const trailerStart = length - multiBatchTrailerSizeBytes(this.#elementSizeBytes, this.#batchCount);
    if (trailerStart < 0 || !this.#filled(trailerStart, countsStart)) return "the filler does not fit or is not 0xff";

    let elements = 0;
    for (let batch = 0; batch < this.#batchCount; batch += 1) elements += this.#countOf(batch);
    if (this.#elementSizeBytes === 0 && elements !== 0) return "elements without a size are counted";
    // Both factors are below 2^32, and a product that is not exact is far above the limit.
    const payloadSizeBytes = elements * this.#elementSizeBytes;
    if (payloadSizeBytes >= PAYLOAD_SIZE_LIMIT) return "the payload is too large";

    const payloadEnd = trailerStart - (payloadSizeBytes % COUNT_SIZE_BYTES);
    if (payloadEnd < 0 || !this.#filled(payloadEnd, trailerStart)) return "the padding is missing or not 0xff";
    if (payloadEnd !== payloadSizeBytes) return "the payload is not as long as its elements";
    this.#payloadSizeBytes = payloadSizeBytes;
    return null;
  }

  #filled(start: number, end: number): boolean {
    for (let at = start; at < end; at += 1) {
      if (this.#body[at] !== FILLER) return false;
    }
    return true;
  }
}

/**
 * Writes multi-batch bodies into a buffer. The counts wait at the end of the buffer until the payload is complete.
 *
 * @example
 * ```ts
 * encoder.begin(output, 16);
 * while (decoder.next()) encoder.add(execute(decoder.batch(), encoder.space()));
 * return encoder.finish();
 * ```
 */
export class MultiBatchEncoder {
  #buffer: Uint8Array = EMPTY;
  #elementSizeBytes = 0;
  #batchCount = 0;
  #payloadSizeBytes = 0;
  #open = false;

  /** Begins a body of elements of `elementSizeBytes` in `buffer`, of which an odd last byte is not used. */
  begin(buffer: Uint8Array, elementSizeBytes: number): void {
    assertElementSize(elementSizeBytes);
    this.#buffer = buffer.length % COUNT_SIZE_BYTES === 0 ? buffer : buffer.subarray(0, buffer.length - 1);
    this.#elementSizeBytes = elementSizeBytes;
    this.#batchCount = 0;
    this.#payloadSizeBytes = 0;
    this.#open = true;
  }

  /** How many batches were added. */
  get batchCount(): number {
    return this.#batchCount;
  }

  /** Where the next batch begins in the buffer, in bytes. */
  get payloadSizeBytes(): number {
    return this.#payloadSizeBytes;
  }

  /** How many elements the next batch can have, possibly 0; null if there cannot be a next batch. */
  spaceElements(): number | null {
    assert(this.#open, "no body was begun");
    if (this.#batchCount === MULTI_BATCH_COUNT_MAX) return null;
    const trailer = multiBatchTrailerSizeBytes(this.#elementSizeBytes, this.#batchCount + 1);
    const available = this.#buffer.length - this.#payloadSizeBytes - trailer;
    if (available < 0) return null;
    return this.#elementSizeBytes === 0
      ? 0
      : Math.min(MULTI_BATCH_ELEMENTS_MAX, Math.floor(available / this.#elementSizeBytes));
  }

  /** The memory for the elements of the next batch. There must be room for one. */
  space(): Uint8Array {
    const elements = this.spaceElements();
    assert(elements !== null, () => `there is no room for batch ${this.#batchCount}`);
    const start = this.#payloadSizeBytes;
    return this.#buffer.subarray(start, start + elements * this.#elementSizeBytes);
  }

  /** Adds a batch whose `sizeBytes`, a multiple of the element size, were written at {@link payloadSizeBytes}. */
  add(sizeBytes: number): void {
    const elements = this.#elementSizeBytes === 0 ? 0 : sizeBytes / this.#elementSizeBytes;
    const elementsMax = this.spaceElements();
    assert(Number.isInteger(elements) && elements >= 0, () => `${sizeBytes} bytes of ${this.#elementSizeBytes} each`);
    assert(elementsMax !== null && elements <= elementsMax, () => `${elements} elements, at most ${elementsMax} fit`);
    assert(this.#elementSizeBytes !== 0 || sizeBytes === 0, () => `${sizeBytes} bytes of elements without a size`);
    this.#payloadSizeBytes += sizeBytes;
    this.#batchCount += 1;
    writeCount(this.#buffer, this.#buffer.length - (this.#batchCount + 1) * COUNT_SIZE_BYTES, elements);
  }

  /** Completes the body behind the payload. At least one batch must have been added. Returns the body's size in bytes. */
  finish(): number {
    assert(this.#open && this.#batchCount > 0, "a body needs at least one batch");
    const padding = this.#payloadSizeBytes % COUNT_SIZE_BYTES;
    const trailer = multiBatchTrailerSizeBytes(this.#elementSizeBytes, this.#batchCount);
    const end = this.#payloadSizeBytes + padding + trailer;
    assert(end <= this.#buffer.length, () => `a body of ${end} bytes in ${this.#buffer.length}`);

    const counts = this.#batchCount * COUNT_SIZE_BYTES;
    const countsStart = end - COUNT_SIZE_BYTES - counts;
    const countsWaiting = this.#buffer.length - COUNT_SIZE_BYTES - counts;
    this.#buffer.copyWithin(countsStart, countsWaiting, countsWaiting + counts);
    this.#buffer.fill(FILLER, this.#payloadSizeBytes, countsStart);
    writeCount(this.#buffer, end - COUNT_SIZE_BYTES, this.#batchCount);
    this.#open = false;
    return end;
  }
}
