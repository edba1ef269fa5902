// AEGIS-128L as a MAC: zero key, zero nonce, the data as associated data, an empty message, a tag of 128 bits
// (draft-irtf-cfrg-aegis-aead, section 2).

import { fromTower, lookup, round, toTower } from "./aes-round";
import { SHIFT_ROWS, SUB_CONSTANT, TABLES } from "./aes-tables";

/** Bytes absorbed by one update. */
const CHUNK: usize = 32;

// A stream is 176 bytes: eight blocks in the form of aes-round.ts (block n in layout n mod 4), one partial chunk, and
// the number of bytes fed so far.
const PARTIAL: usize = 128;
const FED: usize = 160;

/** A stream that was fed nothing yet: key and nonce being zero, it is the same for every checksum. */
const SEED: usize = memory.data(176, 64);

/** Absorbs `count` chunks, the first at `chunk` and each next one `stride` bytes further. */
function absorb(stream: usize, chunk: usize, stride: usize, count: usize): void {
  let s0 = v128.load(stream, 0);
  let s1 = v128.load(stream, 16);
  let s2 = v128.load(stream, 32);
  let s3 = v128.load(stream, 48);
  let s4 = v128.load(stream, 64);
  let s5 = v128.load(stream, 80);
  let s6 = v128.load(stream, 96);
  let s7 = v128.load(stream, 112);
  while (count > 0) {
    const constant = v128.load(TABLES + SUB_CONSTANT);
    const last = s7;
    s7 = v128.xor(v128.xor(round(s6, 3), constant), s7);
    s6 = v128.xor(v128.xor(round(s5, 2), constant), s6);
    s5 = v128.xor(v128.xor(round(s4, 1), constant), s5);
    s4 = v128.xor(v128.xor(round(s3, 0), toTower(v128.load(chunk, 16))), s4);
    s3 = v128.xor(v128.xor(round(s2, 3), constant), s3);
    s2 = v128.xor(v128.xor(round(s1, 2), constant), s2);
    s1 = v128.xor(v128.xor(round(s0, 1), constant), s1);
    s0 = v128.xor(v128.xor(round(last, 0), toTower(v128.load(chunk, 0))), s0);
    chunk += stride;
    count -= 1;
  }
  v128.store(stream, s0, 0);
  v128.store(stream, s1, 16);
  v128.store(stream, s2, 32);
  v128.store(stream, s3, 48);
  v128.store(stream, s4, 64);
  v128.store(stream, s5, 80);
  v128.store(stream, s6, 96);
  v128.store(stream, s7, 112);
}


@inline function block(stream: usize, index: usize): v128 {
  return v128.load(stream + index * 16);
}

/** A block in layout 0, where byte p is at p. */
@inline function straighten(x: v128, layout: usize): v128 {
  return lookup(x, v128.load(TABLES + SHIFT_ROWS + layout * 16));
}

/** Puts one block, given in bytes, into the initial state. */
function seedBlock(index: usize, bytes: v128): void {
  // toTower adds the S-box constant, which a block at rest does not have.
  const tower = v128.xor(toTower(bytes), v128.load(TABLES + SUB_CONSTANT));
  // Layout n is three more quarter turns away from layout 0 for each one that straightening takes.
  v128.store(SEED + index * 16, straighten(tower, (4 - index) & 3));
}

/** Derives the seed. The two constants of AEGIS are the Fibonacci numbers modulo 256, 32 of them from 0, 1. */
export function deriveSeed(): void {
  const partial = SEED + PARTIAL;
  let current: u32 = 0;
  let next: u32 = 1;
  for (let byte: usize = 0; byte < CHUNK; byte++) {
    store<u8>(partial + byte, <u8>current);
    const sum = current + next;
    current = next;
    next = sum;
  }
  const zero = i64x2.splat(0);
  const constant0 = v128.load(partial, 0);
  const constant1 = v128.load(partial, 16);
  seedBlock(0, zero);
  seedBlock(1, constant1);
  seedBlock(2, constant0);
  seedBlock(3, constant1);
  seedBlock(4, zero);
  seedBlock(5, constant0);
  seedBlock(6, constant1);
  seedBlock(7, constant0);
  v128.store(partial, zero, 0);
  v128.store(partial, zero, 16);
  v128.store(SEED, zero, FED);
  absorb(SEED, partial, 0, 10);
}

/** Copies fewer than 32 bytes. A memory.copy is a call out of WebAssembly, which costs more than this loop. */
function copyPartial(target: usize, source: usize, size: usize): void {
  let offset: usize = 0;
  for (; offset + 8 <= size; offset += 8) store<u64>(target + offset, load<u64>(source + offset));
  for (; offset < size; offset++) store<u8>(target + offset, load<u8>(source + offset));
}

export function checksumBegin(stream: usize): void {
  for (let offset: usize = 0; offset < 176; offset += 16) {
    v128.store(stream + offset, v128.load(SEED + offset));
  }
}

export function checksumUpdate(stream: usize, data: usize, size: usize): void {
  const fed = load<u64>(stream, FED);
  const held = <usize>fed & (CHUNK - 1);
  store<u64>(stream, fed + size, FED);
  const partial = stream + PARTIAL;
  if (held > 0) {
    const taken = min(CHUNK - held, size);
    copyPartial(partial + held, data, taken);
    if (held + taken < CHUNK) return;
    absorb(stream, partial, 0, 1);
    data += taken;
    size -= taken;
  }
  absorb(stream, data, CHUNK, size / CHUNK);
  const rest = size & (CHUNK - 1);
  copyPartial(partial, data + size - rest, rest);
}

/** Writes the tag and uses the stream up. */
export function checksumFinish(stream: usize, result: usize): void {
  const fed = load<u64>(stream, FED);
  const held = <usize>fed & (CHUNK - 1);
  const partial = stream + PARTIAL;
  if (held > 0) {
    for (let offset = held; offset < CHUNK; offset++) store<u8>(partial + offset, 0);
    absorb(stream, partial, 0, 1);
  }
  const sizes = i64x2.replace_lane(i64x2.splat(0), 0, fed * 8);
  const last = v128.xor(fromTower(straighten(block(stream, 2), 2)), sizes);
  v128.store(partial, last, 0);
  v128.store(partial, last, 16);
  absorb(stream, partial, 0, 7);
  const layout0 = v128.xor(block(stream, 0), block(stream, 4));
  const layout1 = straighten(v128.xor(block(stream, 1), block(stream, 5)), 1);
  const layout2 = straighten(v128.xor(block(stream, 2), block(stream, 6)), 2);
  const layout3 = straighten(block(stream, 3), 3);
  const sum = v128.xor(v128.xor(layout0, layout1), v128.xor(layout2, layout3));
  v128.store(result, fromTower(sum));
}

/** The whole of it at once, over a stream of the caller's. */
export function checksum(stream: usize, data: usize, size: usize, result: usize): void {
  checksumBegin(stream);
  checksumUpdate(stream, data, size);
  checksumFinish(stream, result);
}

/** Block `index` of the seed in bytes, so that a test can hold it against the specification. */
export function seedBlockBytes(index: usize, result: usize): void {
  v128.store(result, fromTower(straighten(block(SEED, index), index & 3)));
}
