/** The generator behind the checksum's aggregate vectors: xoshiro256++ seeded by splitmix64. */

const mask = (1n << 64n) - 1n;

function rotateLeft(value: bigint, count: bigint): bigint {
  return ((value << count) | (value >> (64n - count))) & mask;
}

function splitmix(seed: bigint): () => bigint {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    return mixed ^ (mixed >> 31n);
  };
}

export class Xoshiro {
  #s0: bigint;
  #s1: bigint;
  #s2: bigint;
  #s3: bigint;

  constructor(seed: bigint) {
    const draw = splitmix(seed);
    this.#s0 = draw();
    this.#s1 = draw();
    this.#s2 = draw();
    this.#s3 = draw();
  }

  next(): bigint {
    const result = (rotateLeft((this.#s0 + this.#s3) & mask, 23n) + this.#s0) & mask;
    const shifted = (this.#s1 << 17n) & mask;
    this.#s2 ^= this.#s0;
    this.#s3 ^= this.#s1;
    this.#s1 ^= this.#s2;
    this.#s0 ^= this.#s3;
    this.#s2 ^= shifted;
    this.#s3 = rotateLeft(this.#s3, 45n);
    return result;
  }

  /** `sizeBytes` bytes, eight from each draw; what is left of the last draw is dropped. */
  fill(sizeBytes: number): Uint8Array {
    const padded = new DataView(new ArrayBuffer(Math.ceil(sizeBytes / 8) * 8));
    for (let offset = 0; offset < padded.byteLength; offset += 8) padded.setBigUint64(offset, this.next(), true);
    return new Uint8Array(padded.buffer, 0, sizeBytes);
  }
}
