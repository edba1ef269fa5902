// A Bloom filter of ids: all bits of one id are in one cache line, a block of 512 bits.

const BLOCK_SIZE: usize = 64;
const BLOCK_MASK: u32 = 511;
const BIT_SHIFT: u32 = 9;
const BITS_SET: u32 = 5;

/** Mixes the four lanes of an id. */
@inline function mix(key: usize): u32 {
  let mixed = load<u32>(key) * 0x9e3779b1;
  mixed = (mixed ^ (mixed >> 15) ^ load<u32>(key, 4)) * 0x85ebca77;
  mixed = (mixed ^ (mixed >> 13) ^ load<u32>(key, 8)) * 0xc2b2ae3d;
  return (mixed ^ (mixed >> 16) ^ load<u32>(key, 12)) * 0x27d4eb2f;
}

/** Where the bits of an id are chosen from. */
@inline function choice(mixed: u32): u32 {
  const high = (mixed ^ (mixed >> 15)) * 0x165667b1;
  return high ^ (high >> 13);
}

@inline function blockOf(bits: usize, blockMask: u32, mixed: u32): usize {
  return bits + BLOCK_SIZE * <usize>((((mixed ^ (mixed >> 14)) * 0x2c1b3c6d) >> 8) & blockMask);
}

/** Notes `count` ids, `stride` bytes apart. */
export function keyFilterAddMany(bits: usize, blockMask: u32, keys: usize, stride: usize, count: u32): void {
  for (; count > 0; count--) {
    const mixed = mix(keys);
    const block = blockOf(bits, blockMask, mixed);
    let chosen = choice(mixed);
    const step = (chosen * 0x9e3779b1) | 1;
    for (let number: u32 = 1; number <= BITS_SET; number++) {
      const bit = chosen & BLOCK_MASK;
      const byte = block + (bit >> 3);
      store<u8>(byte, load<u8>(byte) | <u8>(<u32>1 << (bit & 7)));
      chosen = (chosen >> BIT_SHIFT) ^ (step * number);
    }
    keys += stride;
  }
}

/** Whether an id may have been noted. */
export function keyFilterMayHave(bits: usize, blockMask: u32, key: usize): bool {
  const mixed = mix(key);
  const block = blockOf(bits, blockMask, mixed);
  let chosen = choice(mixed);
  const step = (chosen * 0x9e3779b1) | 1;
  for (let number: u32 = 1; number <= BITS_SET; number++) {
    const bit = chosen & BLOCK_MASK;
    if (((<u32>load<u8>(block + (bit >> 3)) >> (bit & 7)) & 1) == 0) return false;
    chosen = (chosen >> BIT_SHIFT) ^ (step * number);
  }
  return true;
}
