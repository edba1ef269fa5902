// Values of the LSM's trees: records of one size, ordered by a key that is derived from the record (spec 05 §3.3).
//
// A layout in memory says which kind it is. The kind is a type parameter here, so that each loop is compiled once a
// kind, with loads at fixed offsets; only its size tells the kinds apart.
//
// A key has up to three words of 64 bits. As key bytes (index blocks, manifest) it is low ‖ middle ‖ high, or low ‖ high, or
// the one word: the little-endian bytes of one integer.

/** Key: the timestamp, at an offset of the layout. Objects, and indexes of nothing (`void`). */
export type ByTimestamp = u8;
/** Key: the field, u128 at 0. Timestamp at 16. */
export type Unique = u16;
/** Key: field u64 at 0, then timestamp at 8. */
export type Composite64 = u32;
/** Key: field u128 at 0, then timestamp at 16. */
export type Composite128 = u64;

// The layout, as ../src/value-kernels.ts writes it: four u32.
export const KIND: usize = 0;
export const SIZE: usize = 4;
export const TIMESTAMP_OFFSET: usize = 8;
export const SECONDARY: usize = 12;

/** Bit 63 of a timestamp marks a tombstone, and is not part of the key. */
const TIMESTAMP_MASK: u64 = 0x7fff_ffff_ffff_ffff;

@inline function is<Kind, Other>(): bool {
  return sizeof<Kind>() == sizeof<Other>();
}

@inline export function timestampOffsetOf<Kind>(layout: usize): usize {
  if (is<Kind, ByTimestamp>()) return load<u32>(layout, TIMESTAMP_OFFSET);
  return is<Kind, Composite64>() ? 8 : 16;
}

@inline export function sizeOf<Kind>(layout: usize): usize {
  if (is<Kind, ByTimestamp>()) return load<u32>(layout, SIZE);
  return is<Kind, Composite64>() ? 16 : 32;
}

/** How many words a key has. */
@inline export function wordsOf<Kind>(): u32 {
  if (is<Kind, ByTimestamp>()) return 1;
  return is<Kind, Composite128>() ? 3 : 2;
}

/** Word `number` of a value's key, the least significant first. `timestamp` is the timestamp's offset. */
@inline export function keyWord<Kind>(value: usize, number: u32, timestamp: usize): u64 {
  if (is<Kind, ByTimestamp>()) return load<u64>(value + timestamp) & TIMESTAMP_MASK;
  if (is<Kind, Unique>()) return load<u64>(value + 8 * number);
  if (is<Kind, Composite64>()) return number == 0 ? load<u64>(value, 8) & TIMESTAMP_MASK : load<u64>(value);
  return number == 0 ? load<u64>(value, 16) & TIMESTAMP_MASK : load<u64>(value + 8 * (number - 1));
}

@inline function sign(a: u64, b: u64): i32 {
  return a < b ? -1 : 1;
}

/** Below 0 if the key of `a` is smaller, 0 if the keys are equal, above 0 if it is greater. */
@inline export function compare<Kind>(a: usize, b: usize, timestamp: usize): i32 {
  if (is<Kind, Composite128>()) {
    const a2 = keyWord<Kind>(a, 2, timestamp);
    const b2 = keyWord<Kind>(b, 2, timestamp);
    if (a2 != b2) return sign(a2, b2);
  }
  if (!is<Kind, ByTimestamp>()) {
    const a1 = keyWord<Kind>(a, 1, timestamp);
    const b1 = keyWord<Kind>(b, 1, timestamp);
    if (a1 != b1) return sign(a1, b1);
  }
  const a0 = keyWord<Kind>(a, 0, timestamp);
  const b0 = keyWord<Kind>(b, 0, timestamp);
  return a0 == b0 ? 0 : sign(a0, b0);
}

/** The same for a value and a key in key bytes. */
@inline export function compareToKey<Kind>(value: usize, key: usize, timestamp: usize): i32 {
  if (is<Kind, Composite128>()) {
    const a2 = keyWord<Kind>(value, 2, timestamp);
    const b2 = load<u64>(key, 16);
    if (a2 != b2) return sign(a2, b2);
  }
  if (!is<Kind, ByTimestamp>()) {
    const a1 = keyWord<Kind>(value, 1, timestamp);
    const b1 = load<u64>(key, 8);
    if (a1 != b1) return sign(a1, b1);
  }
  const a0 = keyWord<Kind>(value, 0, timestamp);
  const b0 = load<u64>(key);
  return a0 == b0 ? 0 : sign(a0, b0);
}

@inline export function isTombstone(value: usize, timestamp: usize): bool {
  return load<u8>(value + timestamp, 7) >= 0x80;
}

@inline export function copyValue<Kind>(target: usize, source: usize, size: usize): void {
  if (is<Kind, Composite64>()) {
    v128.store(target, v128.load(source));
  } else if (!is<Kind, ByTimestamp>()) {
    v128.store(target, v128.load(source));
    v128.store(target, v128.load(source, 16), 16);
  } else if (size == 8) {
    store<u64>(target, load<u64>(source));
  } else {
    for (let offset: usize = 0; offset < size; offset += 16) v128.store(target + offset, v128.load(source + offset));
  }
}

/** The key bytes of a value, padded with zeros to 32. */
function writeKey<Kind>(layout: usize, value: usize, key: usize): void {
  const timestamp = timestampOffsetOf<Kind>(layout);
  for (let number: u32 = 0; number < 4; number++) {
    store<u64>(key + 8 * number, number < wordsOf<Kind>() ? keyWord<Kind>(value, number, timestamp) : 0);
  }
}

/** The number of values whose key is below `key` (or, with `through`, not above it). */
function bound<Kind>(layout: usize, values: usize, count: u32, key: usize, through: bool): u32 {
  const timestamp = timestampOffsetOf<Kind>(layout);
  const size = sizeOf<Kind>(layout);
  const limit: i32 = through ? 1 : 0;
  let low: u32 = 0;
  while (count > 0) {
    const half = count >> 1;
    if (compareToKey<Kind>(values + <usize>(low + half) * size, key, timestamp) < limit) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

/** The number of the first value whose key is not above that of the one before it, or `count`. */
function firstDisorder<Kind>(layout: usize, values: usize, count: u32): u32 {
  const timestamp = timestampOffsetOf<Kind>(layout);
  const size = sizeOf<Kind>(layout);
  let value = values;
  for (let number: u32 = 1; number < count; number++) {
    if (compare<Kind>(value, value + size, timestamp) >= 0) return number;
    value += size;
  }
  return count;
}

/** The key bytes of the values with the smallest and the greatest key, 32 bytes each. */
function keyRange<Kind>(layout: usize, values: usize, count: u32, keys: usize): void {
  const timestamp = timestampOffsetOf<Kind>(layout);
  const size = sizeOf<Kind>(layout);
  let smallest = values;
  let greatest = values;
  const end = values + <usize>count * size;
  for (let value = values + size; value < end; value += size) {
    if (compare<Kind>(value, greatest, timestamp) > 0) greatest = value;
    else if (compare<Kind>(value, smallest, timestamp) < 0) smallest = value;
  }
  writeKey<Kind>(layout, smallest, keys);
  writeKey<Kind>(layout, greatest, keys + 32);
}

/** The word of a key in which values mostly differ: its most significant one, but for composite keys that of the field. */
@inline function lastWord<Kind>(value: usize, timestamp: usize): u64 {
  return keyWord<Kind>(value, wordsOf<Kind>() - 1, timestamp);
}

/** How far apart the places are that are looked at around a guess at first: a dozen cache lines. */
const GUESS_STEP: u32 = 16;

/**
 * Looks for the keys of `wantedCount` ascending values among others: where each is, as u32, or 0.
 *
 * Each search begins where the key would be if the keys were spread evenly, and widens from there in steps that double. Ids
 * that are random or in a row are found within a few cache lines; with others it takes no more looks than a search each.
 */
function findMany<Kind>(layout: usize, values: usize, count: u32, wanted: usize, wantedCount: u32, results: usize): void {
  if (count == 0) {
    memory.fill(results, 0, 4 * <usize>wantedCount);
    return;
  }
  const timestamp = timestampOffsetOf<Kind>(layout);
  const size = sizeOf<Kind>(layout);
  const least = lastWord<Kind>(values, timestamp);
  const span = lastWord<Kind>(values + <usize>(count - 1) * size, timestamp) - least;
  const perKey = span == 0 ? 0.0 : <f64>(count - 1) / <f64>span;
  let below: u32 = 0;
  for (; wantedCount > 0; wantedCount--) {
    const word = lastWord<Kind>(wanted, timestamp);
    const guess = word <= least ? 0 : <u32>min(<f64>(word - least) * perKey, <f64>(count - 1));
    let low = below;
    let high = count;
    let probe = min(max(guess, low), count - 1);
    let step = GUESS_STEP;
    if (low < count && compare<Kind>(values + <usize>probe * size, wanted, timestamp) < 0) {
      low = probe + 1;
      while (high - low > step) {
        probe = low + step;
        if (compare<Kind>(values + <usize>probe * size, wanted, timestamp) >= 0) high = probe;
        else low = probe + 1;
        if (high == probe) break;
        step <<= 1;
      }
    } else if (low < count) {
      high = probe;
      while (high - low > step) {
        probe = high - step;
        if (compare<Kind>(values + <usize>probe * size, wanted, timestamp) < 0) {
          low = probe + 1;
          break;
        }
        high = probe;
        step <<= 1;
      }
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare<Kind>(values + <usize>middle * size, wanted, timestamp) < 0) low = middle + 1;
      else high = middle;
    }
    below = low;
    const value = values + <usize>low * size;
    const found = low < count && compare<Kind>(value, wanted, timestamp) == 0;
    store<u32>(results, found ? <u32>value : 0);
    wanted += size;
    results += 4;
  }
}

// The kinds by number, in the order of ../src/value-kernels.ts.
@inline export function kindOf(layout: usize): u32 {
  return load<u32>(layout, KIND);
}

export function valueCompare(layout: usize, a: usize, b: usize): i32 {
  const timestamp = load<u32>(layout, TIMESTAMP_OFFSET);
  const kind = kindOf(layout);
  if (kind == 0) return compare<ByTimestamp>(a, b, timestamp);
  if (kind == 1) return compare<Unique>(a, b, timestamp);
  if (kind == 2) return compare<Composite64>(a, b, timestamp);
  return compare<Composite128>(a, b, timestamp);
}

export function valueWriteKey(layout: usize, value: usize, key: usize): void {
  const kind = kindOf(layout);
  if (kind == 0) writeKey<ByTimestamp>(layout, value, key);
  else if (kind == 1) writeKey<Unique>(layout, value, key);
  else if (kind == 2) writeKey<Composite64>(layout, value, key);
  else writeKey<Composite128>(layout, value, key);
}

export function valueBound(layout: usize, values: usize, count: u32, key: usize, through: bool): u32 {
  const kind = kindOf(layout);
  if (kind == 0) return bound<ByTimestamp>(layout, values, count, key, through);
  if (kind == 1) return bound<Unique>(layout, values, count, key, through);
  if (kind == 2) return bound<Composite64>(layout, values, count, key, through);
  return bound<Composite128>(layout, values, count, key, through);
}

export function valueFirstDisorder(layout: usize, values: usize, count: u32): u32 {
  const kind = kindOf(layout);
  if (kind == 0) return firstDisorder<ByTimestamp>(layout, values, count);
  if (kind == 1) return firstDisorder<Unique>(layout, values, count);
  if (kind == 2) return firstDisorder<Composite64>(layout, values, count);
  return firstDisorder<Composite128>(layout, values, count);
}

export function valueFindMany(
  layout: usize, values: usize, count: u32, wanted: usize, wantedCount: u32, results: usize,
): void {
  const kind = kindOf(layout);
  if (kind == 0) findMany<ByTimestamp>(layout, values, count, wanted, wantedCount, results);
  else if (kind == 1) findMany<Unique>(layout, values, count, wanted, wantedCount, results);
  else if (kind == 2) findMany<Composite64>(layout, values, count, wanted, wantedCount, results);
  else findMany<Composite128>(layout, values, count, wanted, wantedCount, results);
}

export function valueKeyRange(layout: usize, values: usize, count: u32, keys: usize): void {
  const kind = kindOf(layout);
  if (kind == 0) keyRange<ByTimestamp>(layout, values, count, keys);
  else if (kind == 1) keyRange<Unique>(layout, values, count, keys);
  else if (kind == 2) keyRange<Composite64>(layout, values, count, keys);
  else keyRange<Composite128>(layout, values, count, keys);
}

/**
 * The number of keys, `strideBytes` apart, that are below `key`. All are key bytes of `words` words.
 */
export function keyLowerBound(keys: usize, stride: usize, count: u32, key: usize, words: u32): u32 {
  let low: u32 = 0;
  while (count > 0) {
    const half = count >> 1;
    const middle = keys + <usize>(low + half) * stride;
    let word = words - 1;
    while (word > 0 && load<u64>(middle + 8 * word) == load<u64>(key + 8 * word)) word--;
    if (load<u64>(middle + 8 * word) < load<u64>(key + 8 * word)) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}
