import { propertyRuns, testMemory } from "@stagbeetle/kernels/testing";
import { FatalError, TEST_MIN } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FreeSet, type FreeSetEncoded, freeSetEncodeSizeMax, gridBlocksMax, SHARD_BITS } from "./free-set.ts";
import type { Reservation } from "./reservation.ts";

const NOTHING: FreeSetEncoded = {
  acquired: new Uint32Array(0),
  released: new Uint32Array(0),
  acquiredTrailerAddresses: [],
  releasedTrailerAddresses: [],
};

function createFreeSet(blocksMax = SHARD_BITS): FreeSet {
  return new FreeSet({ memory: testMemory(blocksMax + 4096), blocksMax });
}

/** A set that was opened empty, with a durable checkpoint. */
function openFreeSet(blocksMax = SHARD_BITS): FreeSet {
  const set = createFreeSet(blocksMax);
  set.open(NOTHING);
  set.markCheckpointDurable();
  return set;
}

function reserve(set: FreeSet, count: number): Reservation {
  const reservation = set.reserve(count);
  if (reservation === null) throw new Error(`${count} blocks cannot be reserved`);
  return reservation;
}

/** Acquires the lowest `count` free blocks. */
function acquire(set: FreeSet, count: number): number[] {
  const reservation = reserve(set, count);
  const addresses = Array.from({ length: count }, () => set.acquire(reservation) ?? 0);
  set.forfeit(reservation);
  return addresses;
}

function encodings(set: FreeSet): { readonly acquired: Uint32Array; readonly released: Uint32Array } {
  const encode = (into: (target: Uint32Array) => number): Uint32Array => {
    const target = new Uint32Array(freeSetEncodeSizeMax(set.blocksMax) / 4);
    return target.slice(0, into(target) / 4);
  };
  return {
    acquired: encode((target) => set.encodeAcquired(target)),
    released: encode((target) => set.encodeReleased(target)),
  };
}

describe("reservations", () => {
  test("of two jobs are disjoint, and each job gets its own lowest blocks", () => {
    const set = openFreeSet();
    const first = reserve(set, 2);
    const second = reserve(set, 2);
    expect(set.acquire(first)).toBe(1);
    expect(set.acquire(second)).toBe(3);
    expect(set.acquire(first)).toBe(2);
    expect(set.acquire(first)).toBe(null);
    expect(set.acquire(second)).toBe(4);
    expect(set.acquire(second)).toBe(null);
  });

  test("skip acquired blocks, which they span", () => {
    const set = openFreeSet();
    const kept = acquire(set, 4);
    for (const address of kept.slice(1, 3)) set.release(address);
    set.markCheckpointNotDurable();
    set.markCheckpointDurable();
    const first = reserve(set, 3);
    expect(first).toMatchObject({ base: 0, count: 5 });
    expect([set.acquire(first), set.acquire(first), set.acquire(first), set.acquire(first)]).toEqual([2, 3, 5, null]);
  });

  test("begin inside a full shard when the ones before end there", () => {
    const set = openFreeSet(2 * SHARD_BITS);
    acquire(set, SHARD_BITS - 1);
    expect(reserve(set, 1)).toMatchObject({ base: 0, count: SHARD_BITS });
    const second = reserve(set, 1);
    expect(second).toMatchObject({ base: SHARD_BITS, count: 1 });
    expect(set.acquire(second)).toBe(SHARD_BITS + 1);
  });

  test("fail and change nothing if the blocks are not there", () => {
    const set = openFreeSet(100);
    expect(set.reserve(101)).toBe(null);
    reserve(set, 60);
    expect(set.reserve(41)).toBe(null);
    expect(reserve(set, 40)).toMatchObject({ base: 60, count: 40 });
    expect(set.reserve(1)).toBe(null);
    expect(set.countReservations).toBe(2);
  });

  test("are not added while others of the round are being forfeited", () => {
    const set = openFreeSet();
    const [first, second] = [reserve(set, 2), reserve(set, 2)];
    set.forfeit(first);
    expect(() => set.reserve(1)).toThrow("being forfeited");
    expect(set.acquire(second)).toBe(3);
    set.forfeit(second);
    expect(reserve(set, 1)).toMatchObject({ base: 0 });
  });

  test("of an earlier round are over", () => {
    const set = openFreeSet();
    const first = reserve(set, 2);
    set.forfeit(first);
    reserve(set, 2);
    expect(() => set.acquire(first)).toThrow("is over");
    expect(() => set.forfeit(first)).toThrow("is over");
  });
});

describe("a released block", () => {
  test("is free once the next checkpoint is durable", () => {
    const set = openFreeSet();
    const [address = 0] = acquire(set, 1);
    set.release(address);
    expect(set.isReleased(address)).toBe(true);
    expect(acquire(set, 1)).toEqual([2]);
    set.markCheckpointNotDurable();
    expect(set.toBeFreed(address)).toBe(true);
    expect(set.isFree(address)).toBe(false);
    set.markCheckpointDurable();
    expect(set.isFree(address)).toBe(true);
    expect(acquire(set, 1)).toEqual([1]);
  });

  test("waits one checkpoint longer if it was released before the current one was durable", () => {
    const set = openFreeSet();
    const [address = 0] = acquire(set, 1);
    set.markCheckpointNotDurable();
    set.release(address);
    expect(set.toBeFreed(address)).toBe(false);
    set.markCheckpointDurable();
    expect(set.isFree(address)).toBe(false);
    expect(set.isReleased(address)).toBe(true);
    set.markCheckpointNotDurable();
    set.markCheckpointDurable();
    expect(set.isFree(address)).toBe(true);
  });

  test("of a shard that was full is acquired again", () => {
    const set = openFreeSet(2 * SHARD_BITS);
    acquire(set, SHARD_BITS + 10);
    for (const address of [7, SHARD_BITS, SHARD_BITS + 3]) set.release(address);
    set.markCheckpointNotDurable();
    set.markCheckpointDurable();
    expect(acquire(set, 4)).toEqual([7, SHARD_BITS, SHARD_BITS + 3, SHARD_BITS + 11]);
  });

  test("is not released again, and a free one not at all", () => {
    const set = openFreeSet();
    const [address = 0] = acquire(set, 1);
    set.release(address);
    expect(() => set.release(address)).toThrow("released twice");
    expect(() => set.release(2)).toThrow("is free");
  });
});

describe("opening", () => {
  test("the trailers' blocks are acquired and released, because their encodings cannot contain them", () => {
    const before = openFreeSet();
    acquire(before, 42);
    const set = createFreeSet();
    set.open({ ...NOTHING, acquired: encodings(before).acquired, acquiredTrailerAddresses: [43] });
    expect(set.countAcquired).toBe(43);
    expect(set.countReleased).toBe(1);
    expect(set.highestAddressAcquired).toBe(43);
    expect(set.isReleased(43)).toBe(true);
    set.markCheckpointDurable();
    expect(set.isFree(43)).toBe(false);
    set.markCheckpointNotDurable();
    set.markCheckpointDurable();
    expect(set.isFree(43)).toBe(true);
  });

  test("a recorded run ends with the recorded addresses (spec 04 §29.5)", () => {
    // The third checkpoint: 75 blocks, of which 32 are released, and trailers at 76 and 77.
    const set = createFreeSet();
    set.open({
      acquired: Uint32Array.of(3, 1, 0x7ff, 0),
      released: Uint32Array.of(0, 2, 0, 0xffff_f800, 0x7ff, 0),
      acquiredTrailerAddresses: [76],
      releasedTrailerAddresses: [77],
    });
    expect(set.countAcquired).toBe(77);
    expect(set.countReleased).toBe(34);
    expect([...set.addressesAcquired()]).toEqual(Array.from({ length: 77 }, (_, index) => index + 1));
  });

  test("no block is free before", () => {
    expect(createFreeSet().isFree(1)).toBe(false);
  });

  test("more blocks than the storage limit allows end the process with status 4", () => {
    const before = openFreeSet(2 * SHARD_BITS);
    acquire(before, SHARD_BITS + 1);
    const { acquired } = encodings(before);
    for (const blocksMax of [SHARD_BITS, 100]) {
      expect(() => createFreeSet(blocksMax).open({ ...NOTHING, acquired })).toThrow(FatalError);
    }
    expect(() => createFreeSet(100).open({ ...NOTHING, acquired: Uint32Array.of(5, 0) })).toThrow("--limit-storage");
  });

  test("a larger storage limit changes nothing", () => {
    const small = openFreeSet(100);
    acquire(small, 70);
    const large = createFreeSet(10 * SHARD_BITS);
    large.open({ ...NOTHING, acquired: encodings(small).acquired });
    large.markCheckpointDurable();
    expect(encodings(large)).toEqual(encodings(small));
    expect(acquire(large, 40)).toEqual(Array.from({ length: 40 }, (_, index) => 71 + index));
  });

  test("after a reset is opening a new set", () => {
    const set = openFreeSet();
    acquire(set, 10);
    reserve(set, 5);
    set.reset();
    expect(set.opened).toBe(false);
    set.open(NOTHING);
    set.markCheckpointDurable();
    expect(acquire(set, 2)).toEqual([1, 2]);
  });
});

test("a checkpoint is encoded between reservations and after the last one is durable only", () => {
  const set = openFreeSet();
  const reservation = reserve(set, 1);
  expect(() => encodings(set)).toThrow("1 reservations");
  set.forfeit(reservation);
  set.markCheckpointNotDurable();
  expect(() => encodings(set)).toThrow("before the last one is durable");
});

test("the storage limit says how many blocks there can be", () => {
  const { derived, cluster } = TEST_MIN;
  expect(gridBlocksMax(TEST_MIN, derived.dataFileSizeMin)).toBe(0);
  expect(gridBlocksMax(TEST_MIN, derived.dataFileSizeMin + 10 * cluster.blockSize + 4095)).toBe(10);
});

/** The free set in the simplest words. */
class FreeSetModel {
  readonly blocksMax: number;
  readonly acquired = new Set<number>();
  released = new Set<number>();
  releasedPrior = new Set<number>();
  durable = true;
  reservedBlocks = 0;

  constructor(blocksMax: number) {
    this.blocksMax = blocksMax;
  }

  /** The addresses that a reservation spans, or null. */
  reserve(count: number): number[] | null {
    const span: number[] = [];
    let left = count;
    for (let address = this.reservedBlocks + 1; address <= this.blocksMax && left > 0; address += 1) {
      span.push(address);
      if (!this.acquired.has(address)) left -= 1;
    }
    if (left > 0) return null;
    this.reservedBlocks += span.length;
    return span;
  }

  acquire(span: readonly number[]): number | null {
    const address = span.find((candidate) => !this.acquired.has(candidate)) ?? null;
    if (address !== null) this.acquired.add(address);
    return address;
  }

  release(address: number): void {
    (this.durable ? this.released : this.releasedPrior).add(address);
  }

  markDurable(): void {
    for (const address of this.released) this.acquired.delete(address);
    this.released = this.releasedPrior;
    this.releasedPrior = new Set();
    this.durable = true;
  }
}

test("the free set does what its model does, over reservations, checkpoints and restarts", () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("round" as const),
        sizes: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 3 }),
        takes: fc.array(fc.nat(2), { maxLength: 900 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("release" as const), share: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("checkpoint" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 * SHARD_BITS }), fc.array(step, { maxLength: 40 }), (blocksMax, steps) => {
      let set = openFreeSet(blocksMax);
      const model = new FreeSetModel(blocksMax);
      for (const action of steps) {
        switch (action.kind) {
          case "round": {
            const jobs: { reservation: Reservation; span: readonly number[] }[] = [];
            for (const size of action.sizes) {
              const reservation = set.reserve(size);
              const span = model.reserve(size);
              expect(reservation === null).toBe(span === null);
              if (reservation !== null && span !== null) jobs.push({ reservation, span });
            }
            for (const take of action.takes) {
              const job = jobs[take % Math.max(1, jobs.length)];
              if (job !== undefined) expect(set.acquire(job.reservation)).toBe(model.acquire(job.span));
            }
            for (const { reservation } of jobs) set.forfeit(reservation);
            model.reservedBlocks = 0;
            break;
          }
          case "release":
            for (const address of model.acquired) {
              const isReleased = model.released.has(address) || model.releasedPrior.has(address);
              expect(set.isReleased(address)).toBe(isReleased);
              if (isReleased || (address * 7) % action.share !== 0) continue;
              set.release(address);
              model.release(address);
            }
            break;
          case "checkpoint":
            if (model.durable) {
              set.markCheckpointNotDurable();
              model.durable = false;
            } else {
              set.markCheckpointDurable();
              model.markDurable();
            }
            break;
          case "restart": {
            if (!model.durable) break;
            const encoded = encodings(set);
            set = createFreeSet(blocksMax);
            set.open({ ...NOTHING, ...encoded });
            model.durable = false;
          }
        }
        expect(set.countAcquired).toBe(model.acquired.size);
        expect(set.countReleased).toBe(model.released.size + model.releasedPrior.size);
        expect(set.highestAddressAcquired).toBe(Math.max(0, ...model.acquired));
      }
      expect([...set.addressesAcquired()]).toEqual([...model.acquired].toSorted((a, b) => a - b));
    }),
    { numRuns: propertyRuns(150) },
  );
});
