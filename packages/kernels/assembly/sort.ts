// Sorting the values of a memory table, stably and by key, and dropping duplicates (spec 05 §7.3 to §7.5).
//
// A radix sort, least significant byte first, of only those bytes in which any two keys differ: most fields of a batch have
// few values. Entries of an index arrive in the order of their timestamps, mostly; a stable sort by the field alone is
// enough then. Small values are moved at each pass; of large ones only timestamp and number, and the values once.

import {
  ByTimestamp, Composite128, Composite64, SECONDARY, Unique, compare, copyValue, isTombstone, keyWord, kindOf, sizeOf,
  timestampOffsetOf, wordsOf,
} from "./values";

/** 256 counters of u32 for one pass. */
const COUNTS: usize = memory.data(1024, 16);

/** Up to here, values are inserted one by one. */
const INSERTION_MAX: u32 = 24;
/** From this size on, values are moved once only. */
const INDIRECT_SIZE_MIN: usize = 64;
/** Timestamp and number of a value that is sorted indirectly. */
const ENTRY_SIZE: usize = 16;

function insertionSort<Kind>(values: usize, count: u32, scratch: usize, size: usize, timestamp: usize): void {
  for (let number: u32 = 1; number < count; number++) {
    const value = values + <usize>number * size;
    let place = value;
    while (place > values && compare<Kind>(place - size, value, timestamp) > 0) place -= size;
    if (place == value) continue;
    copyValue<Kind>(scratch, value, size);
    memory.copy(place + size, place, value - place);
    copyValue<Kind>(place, scratch, size);
  }
}

/** Turns counts of bytes into the offsets where the first value of each goes. */
@inline function offsetsOfCounts(size: u32): void {
  let offset: u32 = 0;
  for (let byte: usize = 0; byte < 256; byte++) {
    const count = load<u32>(COUNTS + 4 * byte);
    store<u32>(COUNTS + 4 * byte, offset);
    offset += count * size;
  }
}

/** One stable pass from `source` to `target` by eight bits of a key word. */
@inline function pass<Kind>(source: usize, target: usize, count: u32, word: u32, shift: u64, size: usize, timestamp: usize): void {
  memory.fill(COUNTS, 0, 1024);
  const end = source + <usize>count * size;
  for (let value = source; value < end; value += size) {
    const counter = COUNTS + 4 * <usize>((keyWord<Kind>(value, word, timestamp) >> shift) & 0xff);
    store<u32>(counter, load<u32>(counter) + 1);
  }
  offsetsOfCounts(<u32>size);
  for (let value = source; value < end; value += size) {
    const counter = COUNTS + 4 * <usize>((keyWord<Kind>(value, word, timestamp) >> shift) & 0xff);
    const offset = load<u32>(counter);
    store<u32>(counter, offset + <u32>size);
    copyValue<Kind>(target + offset, value, size);
  }
}

/** The bits of a key word in which any two values differ. */
@inline function differences<Kind>(values: usize, count: u32, word: u32, size: usize, timestamp: usize): u64 {
  const first = keyWord<Kind>(values, word, timestamp);
  const end = values + <usize>count * size;
  let bits: u64 = 0;
  for (let value = values + size; value < end; value += size) bits |= first ^ keyWord<Kind>(value, word, timestamp);
  return bits;
}

/** Whether a key word never gets smaller from one value to the next. */
@inline function ascends<Kind>(values: usize, count: u32, word: u32, size: usize, timestamp: usize): bool {
  const end = values + <usize>count * size;
  let last = keyWord<Kind>(values, word, timestamp);
  for (let value = values + size; value < end; value += size) {
    const next = keyWord<Kind>(value, word, timestamp);
    if (next < last) return false;
    last = next;
  }
  return true;
}

/** Sorts where the values are, with room for as many in `scratch`. */
function radixSort<Kind>(values: usize, count: u32, scratch: usize, size: usize, timestamp: usize): void {
  let source = values;
  let target = scratch;
  for (let word: u32 = 0; word < wordsOf<Kind>(); word++) {
    if (word == 0 && ascends<Kind>(source, count, word, size, timestamp)) continue;
    const bits = differences<Kind>(source, count, word, size, timestamp);
    for (let shift: u64 = 0; shift < 64; shift += 8) {
      if (((bits >> shift) & 0xff) == 0) continue;
      pass<Kind>(source, target, count, word, shift, size, timestamp);
      const sorted = target;
      target = source;
      source = sorted;
    }
  }
  if (source != values) memory.copy(values, source, <usize>count * size);
}

/** Sorts timestamps and numbers, then brings each value to its place. */
function indirectSort(values: usize, count: u32, scratch: usize, size: usize, timestamp: usize): void {
  const entries = scratch + <usize>count * size;
  let entry = entries;
  for (let number: u32 = 0; number < count; number++) {
    store<u64>(entry, keyWord<ByTimestamp>(values + <usize>number * size, 0, timestamp));
    store<u64>(entry, number, 8);
    entry += ENTRY_SIZE;
  }
  radixSort<ByTimestamp>(entries, count, entries + <usize>count * ENTRY_SIZE, ENTRY_SIZE, 0);
  let target = scratch;
  entry = entries;
  for (let number: u32 = 0; number < count; number++) {
    copyValue<ByTimestamp>(target, values + <usize>load<u64>(entry, 8) * size, size);
    target += size;
    entry += ENTRY_SIZE;
  }
  memory.copy(values, scratch, <usize>count * size);
}

/** Whether no value has a smaller key than the one before it. */
function sorted<Kind>(values: usize, count: u32, size: usize, timestamp: usize): bool {
  const last = values + <usize>(count - 1) * size;
  for (let value = values; value < last; value += size) {
    if (compare<Kind>(value, value + size, timestamp) > 0) return false;
  }
  return true;
}

/**
 * Keeps of each key the last value, or, of a secondary index, drops two of one key: the count that stays. FAILED if two of
 * one key of a secondary index are not a value and a tombstone.
 */
function deduplicate<Kind>(values: usize, count: u32, size: usize, timestamp: usize, secondary: bool): u32 {
  const end = values + <usize>count * size;
  let target = values;
  let candidate: usize = 0;
  for (let value = values; value < end; value += size) {
    if (candidate != 0 && compare<Kind>(candidate, value, timestamp) == 0) {
      if (secondary && isTombstone(candidate, timestamp) == isTombstone(value, timestamp)) return FAILED;
      candidate = secondary ? 0 : value;
      continue;
    }
    if (candidate != 0) {
      if (candidate != target) copyValue<Kind>(target, candidate, size);
      target += size;
    }
    candidate = value;
  }
  if (candidate != 0) {
    if (candidate != target) copyValue<Kind>(target, candidate, size);
    target += size;
  }
  return <u32>((target - values) / size);
}

const FAILED: u32 = 0xffffffff;

function sort<Kind>(layout: usize, values: usize, count: u32, scratch: usize): u32 {
  const size = sizeOf<Kind>(layout);
  const timestamp = timestampOffsetOf<Kind>(layout);
  if (count > 1 && !sorted<Kind>(values, count, size, timestamp)) {
    if (count <= INSERTION_MAX) insertionSort<Kind>(values, count, scratch, size, timestamp);
    else if (size >= INDIRECT_SIZE_MIN) indirectSort(values, count, scratch, size, timestamp);
    else radixSort<Kind>(values, count, scratch, size, timestamp);
  }
  return deduplicate<Kind>(values, count, size, timestamp, load<u32>(layout, SECONDARY) != 0);
}

export function valueSort(layout: usize, values: usize, count: u32, scratch: usize): u32 {
  const kind = kindOf(layout);
  if (kind == 0) return sort<ByTimestamp>(layout, values, count, scratch);
  if (kind == 1) return sort<Unique>(layout, values, count, scratch);
  if (kind == 2) return sort<Composite64>(layout, values, count, scratch);
  return sort<Composite128>(layout, values, count, scratch);
}
