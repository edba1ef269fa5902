// An open-addressing hash index from keys of 16 bytes (or 8) to u32 values, of a fixed number of buckets.
//
// A bucket is one cache line: three keys of 16 bytes or five of 8, their values, and one word about the bucket. So a
// lookup costs one miss of the cache, seldom two. An entry lives in its home bucket (chosen by the hash) or, where that
// is full, in the next one with room. The word counts, for each bucket, the entries that came past it because it was
// full: a lookup goes on past a bucket only while that count is not zero, and removal takes back what insertion counted. There
// are no tombstones, and nothing decays under insertions and removals.
//
// Layout, from the index's pointer: a header of 64 bytes, then the buckets. ../src/hash-index.ts has the same figures.

const SEED: usize = 0; // u64
const BUCKET_MASK: usize = 8; // u32, the number of buckets less one
const COUNT: usize = 12; // u32
const BUCKETS: usize = 64;

const BUCKET_SIZE: usize = 64;
/** Bits 0..7: which slots are taken. Bits 8..31: how many entries came past, and for ever if it was ever too many. */
const META: usize = 60;
const PASSED_ONE: u32 = 1 << 8;
const PASSED_MAX: u32 = 0xffffff;

/** Keys of a row. More would save more page walks, but rows that meet in one place then spill over further. */
const ROW_BITS: u64 = 3;
const ROW_MASK: u32 = 7;

const ABSENT: u32 = 0xffffffff;

/** A key of 16 bytes as a type; u64 is the other. Only its size is used. */
type Id = v128;

@inline function slotsPerBucket<Key>(): u32 {
  return sizeof<Key>() == 16 ? 3 : 5;
}

@inline function valuesOffset<Key>(): usize {
  return slotsPerBucket<Key>() * sizeof<Key>();
}

@inline function highHalf<Key>(key: usize): u64 {
  return sizeof<Key>() == 16 ? load<u64>(key, 8) : 0;
}

/** Each step can be undone, so no two keys that differ in one half only share the 64-bit hash. */
@inline function hash<Key>(low: u64, high: u64, seed: u64): u64 {
  let mixed = (low ^ seed) * 0x9e3779b97f4a7c15;
  mixed ^= mixed >> 32;
  if (sizeof<Key>() == 16) {
    mixed = (mixed ^ high) * 0xd6e8feb86659fd93;
    mixed ^= mixed >> 32;
  }
  mixed *= 0xd6e8feb86659fd93;
  return mixed ^ (mixed >> 32);
}

/**
 * Keys are numbered in a row more often than not, so those that differ in their last bits only have homes side by side. Where such a row begins is up to the hash, and so each bucket is as likely as any other.
 */
@inline function homeOf<Key>(index: usize, low: u64, high: u64): u32 {
  const row = hash<Key>(low >> ROW_BITS, high, load<u64>(index, SEED));
  return (<u32>row + (<u32>low & ROW_MASK)) & load<u32>(index, BUCKET_MASK);
}

@inline function bucketAt(index: usize, number: u32): usize {
  return index + BUCKETS + <usize>number * BUCKET_SIZE;
}

@inline function holds<Key>(bucket: usize, slot: u32, low: u64, high: u64): bool {
  const key = bucket + slot * sizeof<Key>();
  if (load<u64>(key) != low) return false;
  if (sizeof<Key>() == 16 && load<u64>(key, 8) != high) return false;
  return ((load<u8>(bucket, META) >> slot) & 1) != 0;
}

/** Where the value of the key is, or 0. */
@inline function find<Key>(index: usize, low: u64, high: u64): usize {
  const mask = load<u32>(index, BUCKET_MASK);
  const home = homeOf<Key>(index, low, high);
  let number = home;
  do {
    const bucket = bucketAt(index, number);
    const values = bucket + valuesOffset<Key>();
    if (holds<Key>(bucket, 0, low, high)) return values;
    if (holds<Key>(bucket, 1, low, high)) return values + 4;
    if (holds<Key>(bucket, 2, low, high)) return values + 8;
    if (sizeof<Key>() == 8) {
      if (holds<Key>(bucket, 3, low, high)) return values + 12;
      if (holds<Key>(bucket, 4, low, high)) return values + 16;
    }
    if (load<u32>(bucket, META) < PASSED_ONE) return 0;
    number = (number + 1) & mask;
    // Entries may have come past every bucket of a small index, at one time or another.
  } while (number != home);
  return 0;
}

@inline function valueAt(address: usize): u32 {
  return address == 0 ? ABSENT : load<u32>(address);
}

function get<Key>(index: usize, key: usize): u32 {
  return valueAt(find<Key>(index, load<u64>(key), highHalf<Key>(key)));
}

function getMany<Key>(index: usize, keys: usize, stride: usize, count: u32, results: usize): void {
  for (; count > 0; count--) {
    store<u32>(results, valueAt(find<Key>(index, load<u64>(keys), highHalf<Key>(keys))));
    keys += stride;
    results += 4;
  }
}

function replace<Key>(index: usize, key: usize, value: u32): u32 {
  const address = find<Key>(index, load<u64>(key), highHalf<Key>(key));
  if (address == 0) return ABSENT;
  const before = load<u32>(address);
  store<u32>(address, value);
  return before;
}

/** Adds a key that the index does not hold; the caller has seen that there is room. */
function add<Key>(index: usize, key: usize, value: u32): void {
  const mask = load<u32>(index, BUCKET_MASK);
  const full: u32 = (1 << slotsPerBucket<Key>()) - 1;
  const low = load<u64>(key);
  const high = highHalf<Key>(key);
  let number = homeOf<Key>(index, low, high);
  let bucket = bucketAt(index, number);
  let meta = load<u32>(bucket, META);
  while ((meta & 0xff) == full) {
    if (meta >> 8 != PASSED_MAX) store<u32>(bucket, meta + PASSED_ONE, META);
    number = (number + 1) & mask;
    bucket = bucketAt(index, number);
    meta = load<u32>(bucket, META);
  }
  const slot = ctz(~meta);
  const target = bucket + slot * sizeof<Key>();
  store<u64>(target, low);
  if (sizeof<Key>() == 16) store<u64>(target, high, 8);
  store<u32>(bucket + valuesOffset<Key>() + slot * 4, value);
  store<u32>(bucket, meta | (1 << slot), META);
  store<u32>(index, load<u32>(index, COUNT) + 1, COUNT);
}

function insert<Key>(index: usize, key: usize, value: u32): u32 {
  const address = find<Key>(index, load<u64>(key), highHalf<Key>(key));
  if (address != 0) return load<u32>(address);
  add<Key>(index, key, value);
  return ABSENT;
}

function remove<Key>(index: usize, key: usize): u32 {
  const low = load<u64>(key);
  const high = highHalf<Key>(key);
  const address = find<Key>(index, low, high);
  if (address == 0) return ABSENT;
  const mask = load<u32>(index, BUCKET_MASK);
  const number = <u32>((address - index - BUCKETS) / BUCKET_SIZE);
  for (let passed = homeOf<Key>(index, low, high); passed != number; passed = (passed + 1) & mask) {
    const bucket = bucketAt(index, passed);
    const meta = load<u32>(bucket, META);
    if (meta >> 8 != PASSED_MAX) store<u32>(bucket, meta - PASSED_ONE, META);
  }
  const bucket = bucketAt(index, number);
  const slot = <u32>((address - bucket - valuesOffset<Key>()) / 4);
  store<u32>(bucket, load<u32>(bucket, META) & ~(1 << slot), META);
  store<u32>(index, load<u32>(index, COUNT) - 1, COUNT);
  return load<u32>(address);
}

/** Where the value of an id is, or 0. */
@inline export function findId(index: usize, key: usize): usize {
  return find<Id>(index, load<u64>(key), load<u64>(key, 8));
}

/** Adds an id that the index does not hold and has room for. */
@inline export function addId(index: usize, key: usize, value: u32): void {
  add<Id>(index, key, value);
}

export function idIndexGet(index: usize, key: usize): u32 {
  return get<Id>(index, key);
}

export function idIndexGetMany(index: usize, keys: usize, stride: usize, count: u32, results: usize): void {
  getMany<Id>(index, keys, stride, count, results);
}

export function idIndexInsert(index: usize, key: usize, value: u32): u32 {
  return insert<Id>(index, key, value);
}

export function idIndexReplace(index: usize, key: usize, value: u32): u32 {
  return replace<Id>(index, key, value);
}

export function idIndexRemove(index: usize, key: usize): u32 {
  return remove<Id>(index, key);
}

export function u64IndexGet(index: usize, key: usize): u32 {
  return get<u64>(index, key);
}

export function u64IndexGetMany(index: usize, keys: usize, stride: usize, count: u32, results: usize): void {
  getMany<u64>(index, keys, stride, count, results);
}

export function u64IndexInsert(index: usize, key: usize, value: u32): u32 {
  return insert<u64>(index, key, value);
}

export function u64IndexReplace(index: usize, key: usize, value: u32): u32 {
  return replace<u64>(index, key, value);
}

export function u64IndexRemove(index: usize, key: usize): u32 {
  return remove<u64>(index, key);
}
