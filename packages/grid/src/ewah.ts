/**
 * EWAH: the run-length encoding in which the free set's bitsets are stored (spec 04 §16).
 *
 * The encoding is a sequence of *markers*. A marker is one u64: bit 0 is the bit of a uniform run, bits 1 to 31 count the
 * words of that run, bits 32 to 63 count the literal words that follow the marker as they are.
 *
 * ```text
 *   63            32 31             1 0
 *   literal words    uniform words   bit   literal … literal   marker …
 * ```
 *
 * Bitsets are arrays of u32 here, two a word, low half first: 64-bit arithmetic in JavaScript is slow, and none of it is
 * needed. The encoding is canonical: equal sets give equal bytes, whatever the size of the array that holds them.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

const HALVES_PER_WORD = 2;
const WORD_SIZE_BYTES = 8;
const HALF_SIZE_BYTES = 4;
const ONES = 0xffff_ffff;

/** What a marker's 31 bits can count. No array here is that long, so a run never needs a second marker. */
const UNIFORM_WORDS_MAX = 0x7fff_ffff;

/**
 * Why bytes cannot be decoded: the last marker announces more literals than there are, or a bit is set beyond the end of
 * the target.
 */
export type EwahFault = "truncated" | "tooLarge";

/** The size in bytes that `words` u64 words can take at most when encoded: all of them literal, and their marker. */
export function ewahEncodeSizeMax(words: number): number {
  assert(Number.isInteger(words) && words >= 0 && words <= UNIFORM_WORDS_MAX, () => `${words} words`);
  return words === 0 ? 0 : (words + 1) * WORD_SIZE_BYTES;
}

/**
 * Encodes a bitset. Trailing zero words leave no trace, so an empty set encodes to nothing.
 *
 * @param bits the set: an even number of u32.
 * @param target room for {@link ewahEncodeSizeMax} bytes.
 * @returns the size of the encoding in bytes: a multiple of 8.
 */
export function encodeEwah(bits: Uint32Array, target: Uint32Array): number {
  assert(bits.length % HALVES_PER_WORD === 0, () => `${bits.length} halves are not whole words`);
  const end = significantEnd(bits);
  assert(end / HALVES_PER_WORD <= UNIFORM_WORDS_MAX, () => `${end} halves need more than one marker a run`);
  let at = 0;
  let out = 0;
  while (at < end) {
    const uniformStart = at;
    const ones = bits[at] === ONES && bits[at + 1] === ONES;
    at = endOfUniform(bits, at, end, ones ? ONES : 0);
    const literalStart = at;
    at = endOfLiterals(bits, at, end);
    const uniformWords = (literalStart - uniformStart) / HALVES_PER_WORD;
    const literalHalves = at - literalStart;
    assert(
      out + HALVES_PER_WORD + literalHalves <= target.length,
      () => `the encoding exceeds ${target.length} halves`,
    );
    target[out] = uniformWords * 2 + (ones ? 1 : 0);
    target[out + 1] = literalHalves / HALVES_PER_WORD;
    target.set(bits.subarray(literalStart, at), out + HALVES_PER_WORD);
    out += HALVES_PER_WORD + literalHalves;
  }
  return out * HALF_SIZE_BYTES;
}

/**
 * Decodes a bitset into `target`, which must be zero. Safe on any bytes; a faulty encoding may leave part of it in the
 * target. Zero words beyond the end of the target are accepted: older releases wrote them.
 *
 * @param source the encoding: an even number of u32.
 * @param target the set: an even number of u32.
 * @returns the number of u64 words decoded, or why it cannot be decoded.
 */
export function decodeEwah(source: Uint32Array, target: Uint32Array): number | EwahFault {
  assert(source.length % HALVES_PER_WORD === 0, () => `${source.length} halves are not whole words`);
  assert(target.length % HALVES_PER_WORD === 0, () => `${target.length} halves are not whole words`);
  let at = 0;
  let out = 0;
  while (at < source.length) {
    const marker = source[at] ?? 0;
    const literalHalves = (source[at + 1] ?? 0) * HALVES_PER_WORD;
    at += HALVES_PER_WORD;
    const uniformEnd = out + (marker >>> 1) * HALVES_PER_WORD;
    if ((marker & 1) === 1) {
      if (uniformEnd > target.length) return "tooLarge";
      target.fill(ONES, out, uniformEnd);
    }
    if (literalHalves > source.length - at) return "truncated";
    const literals = source.subarray(at, at + literalHalves);
    if (!copyLiterals(literals, target, uniformEnd)) return "tooLarge";
    at += literalHalves;
    out = uniformEnd + literalHalves;
  }
  return out / HALVES_PER_WORD;
}

/** Copies what fits; false if something that does not fit is not zero. */
function copyLiterals(literals: Uint32Array, target: Uint32Array, at: number): boolean {
  const room = Math.max(0, target.length - at);
  const fitting = literals.subarray(0, room);
  if (fitting.length > 0) target.set(fitting, at);
  return literals.subarray(room).every((half) => half === 0);
}

/** Behind the last word that is not zero. */
function significantEnd(bits: Uint32Array): number {
  let end = bits.length;
  while (end > 0 && bits[end - 1] === 0 && bits[end - 2] === 0) end -= HALVES_PER_WORD;
  return end;
}

/** Behind the run of words from `at` whose halves are all `half`; `at` itself if there is none. */
function endOfUniform(bits: Uint32Array, start: number, end: number, half: number): number {
  let at = start;
  while (at < end && bits[at] === half && bits[at + 1] === half) at += HALVES_PER_WORD;
  return at;
}

/** Behind the run of words from `at` that are neither all zeros nor all ones. */
function endOfLiterals(bits: Uint32Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const low = bits[at];
    if (low === bits[at + 1] && (low === 0 || low === ONES)) break;
    at += HALVES_PER_WORD;
  }
  return at;
}
