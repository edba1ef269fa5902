/**
 * AEGIS-128L as a MAC with zero key and zero nonce, byte by byte, to hold the kernel against: written to be compared
 * with draft-irtf-cfrg-aegis-aead (sections 2.3 to 2.5) and FIPS 197, at about a thousandth of the kernel's speed.
 */

type Block = readonly number[];
type State = readonly Block[];

const blockSizeBytes = 16;
const chunkSizeBytes = 32;

function at<T>(list: ArrayLike<T>, index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`no element ${index} of ${list.length}`);
  return element;
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, FIPS 197 section 4.2. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0, shifted = a; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= shifted;
    shifted = (shifted << 1) ^ (shifted & 0x80 ? 0x11b : 0);
  }
  return product;
}

/** FIPS 197 section 5.1.1: the inverse (0 for 0), then an affine map. */
function substitute(byte: number): number {
  let inverse = 0;
  for (let candidate = 1; candidate < 256; candidate++) {
    if (multiply(byte, candidate) === 1) inverse = candidate;
  }
  let result = 0x63;
  for (let turn = 0; turn < 5; turn++) result ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xff;
  return result;
}

const sbox: readonly number[] = Array.from({ length: 256 }, (_, byte) => substitute(byte));
const doubled: readonly number[] = Array.from({ length: 256 }, (_, byte) => multiply(byte, 2));

function xor(a: Block, b: Block): Block {
  return a.map((byte, index) => byte ^ at(b, index));
}

/** MixColumns(ShiftRows(SubBytes(x))) xor key, where byte 4c + r is in row r of column c. */
function aesRound(x: Block, key: Block): Block {
  return key.map((keyByte, index) => {
    const column = index >> 2;
    const row = index & 3;
    // The byte that SubBytes and ShiftRows bring to row r of this column.
    const shifted = (r: number): number => at(sbox, at(x, 4 * ((column + r) % 4) + r));
    const a = shifted(row);
    const b = shifted((row + 1) % 4);
    return at(doubled, a) ^ at(doubled, b) ^ b ^ shifted((row + 2) % 4) ^ shifted((row + 3) % 4) ^ keyByte;
  });
}

function update(state: State, first: Block, second: Block): State {
  return state.map((block, index) => {
    const next = aesRound(at(state, (index + 7) % 8), block);
    if (index === 0) return xor(next, first);
    if (index === 4) return xor(next, second);
    return next;
  });
}

/** The first `length` Fibonacci numbers modulo 256: AEGIS takes its two constants from them. */
function fibonacciBytes(length: number): Block {
  const numbers = [0, 1];
  while (numbers.length < length) {
    numbers.push((at(numbers, numbers.length - 2) + at(numbers, numbers.length - 1)) % 256);
  }
  return numbers;
}

function initialState(): State {
  const constants = fibonacciBytes(chunkSizeBytes);
  const zero: Block = Array.from({ length: blockSizeBytes }, () => 0);
  const c0: Block = constants.slice(0, blockSizeBytes);
  const c1: Block = constants.slice(blockSizeBytes);
  let state: State = [zero, c1, c0, c1, zero, c0, c1, c0];
  for (let round = 0; round < 10; round++) state = update(state, zero, zero);
  return state;
}

/** The state that every checksum starts from. */
export const seedState: State = initialState();

/** The tag of `data`, 16 bytes in memory order. */
export function referenceChecksum(data: Uint8Array): Uint8Array {
  let state = seedState;
  for (let offset = 0; offset < data.length; offset += chunkSizeBytes) {
    const chunk = new Uint8Array(chunkSizeBytes);
    chunk.set(data.subarray(offset, offset + chunkSizeBytes));
    state = update(state, [...chunk.subarray(0, blockSizeBytes)], [...chunk.subarray(blockSizeBytes)]);
  }
  const sizes = new Uint8Array(blockSizeBytes);
  new DataView(sizes.buffer).setBigUint64(0, BigInt(data.length) * 8n, true);
  const last = xor([...sizes], at(state, 2));
  for (let round = 0; round < 7; round++) state = update(state, last, last);
  return Uint8Array.from(state.slice(0, 7).reduce(xor));
}
