// Merging: the sorted runs of a memory table into one stream, and two levels into output blocks (spec 05 §7.8, §11.3).

import {
  ByTimestamp, Composite128, Composite64, SECONDARY, Unique, compare, copyValue, isTombstone, kindOf, sizeOf,
  timestampOffsetOf,
} from "./values";

// The merge of runs, as ../src/run-merge.ts lays it out. Runs are in order of age, oldest first; ties go to the older.
const RUN_COUNT: usize = 0;
const INPUT: usize = 4;
const OUT: usize = 8;
const DROPPED: usize = 12;
/** The value that was read last, which the next one may still replace or annihilate. 0 for none. */
const CANDIDATE: usize = 16;
/** The value that comes out next. 0 if that is not known yet. */
const READY: usize = 20;
const ENDED: usize = 24;
const WINNER: usize = 28;
/** Values of the oldest run that are not in memory yet. */
const ABSENT: usize = 32;
/** Cursor and end of each run. */
const RUNS: usize = 48;
const RUNS_MAX: usize = 40;
/** The loser of the match at each inner node of the tournament. */
const LOSERS: usize = RUNS + 8 * RUNS_MAX;
/** Only while the tournament is set up. */
const WINNERS: usize = LOSERS + 4 * RUNS_MAX;

// One step of merging two levels, as ../src/merge-step.ts lays it out.
const A: usize = 0;
const A_END: usize = 4;
const B: usize = 8;
const B_END: usize = 12;
const TARGET: usize = 16;
const TARGET_END: usize = 20;
const DROP_TOMBSTONES: usize = 24;
const POPS: usize = 28;

const OK: u32 = 0;
/** Two entries of one key of a secondary index are not a value and a tombstone. */
const NO_PAIR: u32 = 1;
/** A tombstone of a secondary index met nothing, and there is nothing below it. */
const LONE_TOMBSTONE: u32 = 2;
/** Nothing is wrong: the next values of the oldest run have to be brought. */
const NEEDS_VALUES: u32 = 3;

// What stands in for the pointer to a value.
const NO_VALUE: usize = 0;
const BROKEN_PAIR: usize = 1;
const VALUE_ABSENT: usize = 2;

@inline function runAt(merge: usize, run: u32): usize {
  return merge + RUNS + 8 * <usize>run;
}

/** Whether run `one` comes before run `other`. */
@inline function wins<Kind>(merge: usize, one: u32, other: u32, timestamp: usize): bool {
  const a = load<u32>(runAt(merge, one));
  if (a == load<u32>(runAt(merge, one), 4)) return false;
  const b = load<u32>(runAt(merge, other));
  if (b == load<u32>(runAt(merge, other), 4)) return true;
  const order = compare<Kind>(a, b, timestamp);
  return order < 0 || (order == 0 && one < other);
}

function open<Kind>(layout: usize, merge: usize): void {
  const timestamp = timestampOffsetOf<Kind>(layout);
  const count = load<u32>(merge, RUN_COUNT);
  for (let run: u32 = 0; run < count; run++) store<u32>(merge + WINNERS + 4 * <usize>(count + run), run);
  for (let node = count - 1; node > 0; node--) {
    const left = load<u32>(merge + WINNERS + 8 * <usize>node);
    const right = load<u32>(merge + WINNERS + 8 * <usize>node + 4);
    const leftWins = wins<Kind>(merge, left, right, timestamp);
    store<u32>(merge + WINNERS + 4 * <usize>node, leftWins ? left : right);
    store<u32>(merge + LOSERS + 4 * <usize>node, leftWins ? right : left);
  }
  store<u32>(merge, load<u32>(merge + WINNERS + 4), WINNER);
}

/** Plays the matches of the run that won last again: its next value is another one. */
@inline function replay<Kind>(merge: usize, timestamp: usize): void {
  let winner = load<u32>(merge, WINNER);
  for (let node = (winner + load<u32>(merge, RUN_COUNT)) >> 1; node > 0; node >>= 1) {
    const loser = load<u32>(merge + LOSERS + 4 * <usize>node);
    if (wins<Kind>(merge, loser, winner, timestamp)) {
      store<u32>(merge + LOSERS + 4 * <usize>node, winner);
      winner = loser;
    }
  }
  store<u32>(merge, winner, WINNER);
}

/** The next value of all runs, NO_VALUE, or VALUE_ABSENT. */
@inline function nextRaw<Kind>(merge: usize, size: usize, timestamp: usize): usize {
  const winner = load<u32>(merge, WINNER);
  const run = runAt(merge, winner);
  const value = load<u32>(run);
  const end = load<u32>(run, 4);
  if (value == end) return winner == 0 && load<u32>(merge, ABSENT) != 0 ? VALUE_ABSENT : NO_VALUE;
  store<u32>(run, value + <u32>size);
  // Without its next value the oldest run can play no match: it stays the winner until that is brought.
  if (value + <u32>size == end && winner == 0 && load<u32>(merge, ABSENT) != 0) return value;
  replay<Kind>(merge, timestamp);
  return value;
}

@inline function drop(merge: usize, count: u32): void {
  store<u32>(merge, load<u32>(merge, DROPPED) + count, DROPPED);
}

/** The value that comes out next, which stays; NO_VALUE at the end, BROKEN_PAIR, or VALUE_ABSENT. */
function peek<Kind>(layout: usize, merge: usize, size: usize, timestamp: usize): usize {
  const ready = load<u32>(merge, READY);
  if (ready != 0 || load<u32>(merge, ENDED) != 0) return ready;
  const secondary = load<u32>(layout, SECONDARY) != 0;
  let candidate: usize = load<u32>(merge, CANDIDATE);
  let value = nextRaw<Kind>(merge, size, timestamp);
  for (; value > VALUE_ABSENT; value = nextRaw<Kind>(merge, size, timestamp)) {
    if (candidate == 0) {
      candidate = value;
    } else if (compare<Kind>(value, candidate, timestamp) != 0) {
      store<u32>(merge, <u32>value, CANDIDATE);
      store<u32>(merge, <u32>candidate, READY);
      return candidate;
    } else if (!secondary) {
      candidate = value;
      drop(merge, 1);
    } else {
      if (isTombstone(candidate, timestamp) == isTombstone(value, timestamp)) return BROKEN_PAIR;
      candidate = 0;
      drop(merge, 2);
    }
  }
  if (value == VALUE_ABSENT) {
    store<u32>(merge, <u32>candidate, CANDIDATE);
    return VALUE_ABSENT;
  }
  store<u32>(merge, 0, CANDIDATE);
  store<u32>(merge, <u32>candidate, READY);
  store<u32>(merge, 1, ENDED);
  return candidate;
}

/** Takes what `peek` gave. */
@inline function pop(merge: usize): void {
  store<u32>(merge, 0, READY);
  store<u32>(merge, load<u32>(merge, OUT) + 1, OUT);
}

/** Sets where the loop stopped. */
@inline function stopAt(step: usize, a: usize, b: usize, target: usize): void {
  store<u32>(step, <u32>a, A);
  store<u32>(step, <u32>b, B);
  store<u32>(step, <u32>target, TARGET);
}

@inline function copyAll(step: usize, side: usize): void {
  const source: usize = load<u32>(step + side);
  const target: usize = load<u32>(step, TARGET);
  const room = load<u32>(step, TARGET_END) - <u32>target;
  const left = load<u32>(step + side, 4) - <u32>source;
  const size = min(room, left);
  memory.copy(target, source, size);
  store<u32>(step + side, <u32>source + size);
  store<u32>(step, <u32>target + size, TARGET);
}

/** A block of level A into a block of level B: both have values left, or one of them has. */
function mergeBlocks<Kind>(layout: usize, step: usize): u32 {
  let a: usize = load<u32>(step, A);
  let b: usize = load<u32>(step, B);
  const aEnd: usize = load<u32>(step, A_END);
  const bEnd: usize = load<u32>(step, B_END);
  const dropTombstones = load<u32>(step, DROP_TOMBSTONES) != 0;
  if (a == aEnd || (b == bEnd && !dropTombstones)) {
    copyAll(step, a == aEnd ? B : A);
    return OK;
  }
  const size = sizeOf<Kind>(layout);
  const timestamp = timestampOffsetOf<Kind>(layout);
  const secondary = load<u32>(layout, SECONDARY) != 0;
  const alone = b == bEnd;
  let target: usize = load<u32>(step, TARGET);
  const targetEnd: usize = load<u32>(step, TARGET_END);
  while (a < aEnd && (alone || b < bEnd) && target < targetEnd) {
    const order = alone ? -1 : compare<Kind>(a, b, timestamp);
    if (order > 0) {
      copyValue<Kind>(target, b, size);
      target += size;
      b += size;
      continue;
    }
    const value = a;
    a += size;
    if (order == 0) {
      const pair = isTombstone(value, timestamp) != isTombstone(b, timestamp);
      b += size;
      if (secondary) {
        if (!pair) return NO_PAIR;
        continue;
      }
    }
    if (dropTombstones && isTombstone(value, timestamp)) {
      if (secondary) return LONE_TOMBSTONE;
      continue;
    }
    copyValue<Kind>(target, value, size);
    target += size;
  }
  stopAt(step, a, b, target);
  return OK;
}

/** The runs of an immutable memory table into a block of level 0, or without one. */
function mergeRuns<Kind>(layout: usize, step: usize, merge: usize): u32 {
  let b: usize = load<u32>(step, B);
  const bEnd: usize = load<u32>(step, B_END);
  const dropTombstones = load<u32>(step, DROP_TOMBSTONES) != 0;
  const size = sizeOf<Kind>(layout);
  const timestamp = timestampOffsetOf<Kind>(layout);
  const secondary = load<u32>(layout, SECONDARY) != 0;
  const alone = b == bEnd;
  let pops = load<u32>(step, POPS);
  let target: usize = load<u32>(step, TARGET);
  const targetEnd: usize = load<u32>(step, TARGET_END);
  let ended = OK;
  while (pops > 0 && (alone || b < bEnd) && target < targetEnd) {
    const value = peek<Kind>(layout, merge, size, timestamp);
    if (value <= VALUE_ABSENT) {
      if (value == BROKEN_PAIR) return NO_PAIR;
      if (value == VALUE_ABSENT) ended = NEEDS_VALUES;
      break;
    }
    const order = alone ? -1 : compare<Kind>(value, b, timestamp);
    if (order > 0) {
      copyValue<Kind>(target, b, size);
      target += size;
      b += size;
      continue;
    }
    pop(merge);
    pops--;
    if (order == 0) {
      const pair = isTombstone(value, timestamp) != isTombstone(b, timestamp);
      b += size;
      if (secondary) {
        if (!pair) return NO_PAIR;
        continue;
      }
    }
    if (dropTombstones && isTombstone(value, timestamp)) {
      if (secondary) return LONE_TOMBSTONE;
      continue;
    }
    copyValue<Kind>(target, value, size);
    target += size;
  }
  store<u32>(step, <u32>b, B);
  store<u32>(step, <u32>target, TARGET);
  store<u32>(step, pops, POPS);
  return ended;
}

export function runMergeOpen(layout: usize, merge: usize): void {
  const kind = kindOf(layout);
  if (kind == 0) open<ByTimestamp>(layout, merge);
  else if (kind == 1) open<Unique>(layout, merge);
  else if (kind == 2) open<Composite64>(layout, merge);
  else open<Composite128>(layout, merge);
}

/** The oldest run has its next values. */
export function runMergeResume(layout: usize, merge: usize): void {
  const kind = kindOf(layout);
  if (kind == 0) replay<ByTimestamp>(merge, timestampOffsetOf<ByTimestamp>(layout));
  else if (kind == 1) replay<Unique>(merge, timestampOffsetOf<Unique>(layout));
  else if (kind == 2) replay<Composite64>(merge, timestampOffsetOf<Composite64>(layout));
  else replay<Composite128>(merge, timestampOffsetOf<Composite128>(layout));
}

export function mergeStepBlocks(layout: usize, step: usize): u32 {
  const kind = kindOf(layout);
  if (kind == 0) return mergeBlocks<ByTimestamp>(layout, step);
  if (kind == 1) return mergeBlocks<Unique>(layout, step);
  if (kind == 2) return mergeBlocks<Composite64>(layout, step);
  return mergeBlocks<Composite128>(layout, step);
}

export function mergeStepRuns(layout: usize, step: usize, merge: usize): u32 {
  const kind = kindOf(layout);
  if (kind == 0) return mergeRuns<ByTimestamp>(layout, step, merge);
  if (kind == 1) return mergeRuns<Unique>(layout, step, merge);
  if (kind == 2) return mergeRuns<Composite64>(layout, step, merge);
  return mergeRuns<Composite128>(layout, step, merge);
}
