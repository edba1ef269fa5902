// Is a range all zeroes? Sixty-four bytes a step; the first step that is not ends it.

/** Counts down what is left: the end of the range can be 2^32, which is no pointer. */
export function allZero(pointer: usize, size: usize): bool {
  for (; size >= 64; size -= 64, pointer += 64) {
    const first = v128.or(v128.load(pointer, 0), v128.load(pointer, 16));
    const second = v128.or(v128.load(pointer, 32), v128.load(pointer, 48));
    if (v128.any_true(v128.or(first, second))) return false;
  }
  for (; size >= 8; size -= 8, pointer += 8) {
    if (load<u64>(pointer) != 0) return false;
  }
  for (; size > 0; size--, pointer++) {
    if (load<u8>(pointer) != 0) return false;
  }
  return true;
}

/** Are the two times sixteen bytes equal? */
export function equal16(a: usize, b: usize): bool {
  return load<u64>(a) == load<u64>(b) && load<u64>(a, 8) == load<u64>(b, 8);
}
