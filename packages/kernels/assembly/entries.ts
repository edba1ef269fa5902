// Deriving the entries of an index from objects: a field of each, widened, and its timestamp (spec 05 §3.3, §3.4).

// The source of entries, as ../src/entry-kernel.ts writes it: ten u32.
const ENTRY_SIZE: usize = 0;
const OBJECT_SIZE: usize = 4;
const FIELD_OFFSET: usize = 8;
const FIELD_SIZE: usize = 12;
const ZERO_ABSENT: usize = 16;
const TIMESTAMP_OFFSET: usize = 20;
/** Whether `lane & mask` must equal the value or must not. */
const CONDITION_LANE_OFFSET: usize = 24;
const CONDITION_MASK: usize = 28;
const CONDITION_VALUE: usize = 32;
const CONDITION_EQUAL: usize = 36;

@inline function low(field: usize, size: u32): u64 {
  if (size >= 8) return load<u64>(field);
  if (size == 4) return load<u32>(field);
  return size == 2 ? <u64>load<u16>(field) : <u64>load<u8>(field);
}

/** Entries of four times the size of `Entry` for `count` objects: where they end, or 0 if they would not fit before `end`. */
@inline function derive<Entry>(source: usize, objects: usize, count: u32, target: usize, end: usize): usize {
  const objectSize: usize = load<u32>(source, OBJECT_SIZE);
  const fieldOffset: usize = load<u32>(source, FIELD_OFFSET);
  const fieldSize = load<u32>(source, FIELD_SIZE);
  const zeroAbsent = load<u32>(source, ZERO_ABSENT) != 0;
  const timestampOffset: usize = load<u32>(source, TIMESTAMP_OFFSET);
  const laneOffset: usize = load<u32>(source, CONDITION_LANE_OFFSET);
  const mask = load<u32>(source, CONDITION_MASK);
  const value = load<u32>(source, CONDITION_VALUE);
  const equal = load<u32>(source, CONDITION_EQUAL) != 0;
  for (; count > 0; count--, objects += objectSize) {
    if (((load<u32>(objects + laneOffset) & mask) == value) != equal) continue;
    const next = target + sizeof<Entry>() * 4;
    if (sizeof<Entry>() > 2) {
      const field = objects + fieldOffset;
      const first = low(field, fieldSize);
      const second = fieldSize == 16 ? load<u64>(field, 8) : 0;
      if (zeroAbsent && (first | second) == 0) continue;
      if (next > end) return 0;
      store<u64>(target, first);
      if (sizeof<Entry>() == 8) store<u64>(target, second, 8);
    }
    if (next > end) return 0;
    store<u64>(target + (sizeof<Entry>() > 2 ? sizeof<Entry>() * 2 : 0), load<u64>(objects + timestampOffset));
    if (sizeof<Entry>() == 8) store<u64>(target, 0, 24);
    target = next;
  }
  return target;
}

export function deriveEntries(source: usize, objects: usize, count: u32, target: usize, end: usize): usize {
  const size = load<u32>(source, ENTRY_SIZE);
  if (size == 32) return derive<u64>(source, objects, count, target, end);
  if (size == 16) return derive<u32>(source, objects, count, target, end);
  return derive<u16>(source, objects, count, target, end);
}
