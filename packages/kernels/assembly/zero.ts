// Is a range all zeroes? Sixty-four bytes a step; the first step that is not ends it.

export function allZero(pointer: usize, size: usize): bool {
  const end = pointer + size;
  for (; pointer + 64 <= end; pointer += 64) {
    const first = v128.or(v128.load(pointer, 0), v128.load(pointer, 16));
    const second = v128.or(v128.load(pointer, 32), v128.load(pointer, 48));
    if (v128.any_true(v128.or(first, second))) return false;
  }
  for (; pointer + 8 <= end; pointer += 8) {
    if (load<u64>(pointer) != 0) return false;
  }
  for (; pointer < end; pointer++) {
    if (load<u8>(pointer) != 0) return false;
  }
  return true;
}

/** Are the two times sixteen bytes equal? */
export function equal16(a: usize, b: usize): bool {
  return load<u64>(a) == load<u64>(b) && load<u64>(a, 8) == load<u64>(b, 8);
}
