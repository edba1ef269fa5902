// Records as a whole: objects of a multiple of 16 bytes at a multiple of 8.

/** Copies between places that do not overlap, or are the same. */
export function copyRecord(target: usize, source: usize, size: usize): void {
  for (let offset: usize = 0; offset < size; offset += 16) v128.store(target + offset, v128.load(source + offset));
}

/** Whether two records are the same. */
export function equalRecords(a: usize, b: usize, size: usize): bool {
  for (let offset: usize = 0; offset < size; offset += 16) {
    if (v128.any_true(v128.xor(v128.load(a + offset), v128.load(b + offset)))) return false;
  }
  return true;
}
