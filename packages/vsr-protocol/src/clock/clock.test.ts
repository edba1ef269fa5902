import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROPERTY_RUNS, RecordingLogger } from "../../test/builders.ts";
import { TEST_MIN } from "../config/test-min.ts";
import type { Time } from "../ports/time.ts";
import { quorums } from "../quorums.ts";
import { Clock } from "./clock.ts";

const MS = 1_000_000n;
const SECOND = 1000n * MS;

/** Clocks that go on when the test says so. The wall clock can be off by `offset`. */
class ManualTime implements Time {
  elapsed = 1n;
  offset = 0n;
  monotonic(): bigint {
    return this.elapsed;
  }
  realtime(): bigint {
    return 1_700_000_000n * SECOND + this.elapsed + this.offset;
  }
}

interface Fixture {
  readonly clock: Clock;
  readonly time: ManualTime;
  readonly logger: RecordingLogger;
}

function fixture(replicaCount: number, replica = 0): Fixture {
  const time = new ManualTime();
  const logger = new RecordingLogger();
  const quorumReplication = quorums(replicaCount, TEST_MIN.cluster.quorumReplicationMax).replication;
  return {
    clock: new Clock({ config: TEST_MIN, time, logger, replicaCount, replica, quorumReplication }),
    time,
    logger,
  };
}

/** A ping to `replica` whose clock is ahead by `ahead`; each way takes `delay`. */
function exchange(
  { clock, time }: Fixture,
  replica: number,
  ahead: bigint,
  delay: bigint,
  delayBack: bigint = delay,
): void {
  const sent = time.monotonic();
  time.elapsed += delay;
  const theirs = time.realtime() - time.offset + ahead;
  time.elapsed += delayBack;
  clock.learn(replica, sent, theirs, time.monotonic());
}

/** Lets time pass in ticks. */
function pass({ clock, time }: Fixture, duration: bigint): void {
  const end = time.elapsed + duration;
  while (time.elapsed < end) {
    time.elapsed += 10n * MS;
    clock.tick();
  }
}

describe("the clock of the only replica", () => {
  it("is synchronized at once, by its own wall clock, whatever that says", () => {
    const { clock, time, logger } = fixture(1);
    expect(clock.disabled).toBe(true);
    expect(clock.realtimeSynchronized()).toBe(time.realtime());
    pass({ clock, time, logger }, 100n * SECOND);
    time.offset = -5n * SECOND;
    expect(clock.realtimeSynchronized()).toBe(time.realtime());
    expect(logger.lines).toEqual([]);
    expect(clock.roundTripTimeMedian()).toBe(null);
  });
});

describe("the cluster clock", () => {
  it("is not synchronized before a quorum was heard and the window was open for two seconds", () => {
    const f = fixture(3);
    exchange(f, 1, 0n, 1n * MS);
    pass(f, 1900n * MS);
    expect(f.clock.realtimeSynchronized()).toBe(null);
    pass(f, 200n * MS);
    expect(f.clock.realtimeSynchronized()).not.toBe(null);
  });

  it("gives the own time while it is within the bounds", () => {
    const f = fixture(3);
    exchange(f, 1, 2n * MS, 3n * MS);
    pass(f, 2100n * MS);
    expect(f.clock.realtimeSynchronized()).toBe(f.time.realtime());
  });

  it("holds a wall clock that steps away at the bounds of the agreement", () => {
    const f = fixture(3);
    exchange(f, 1, 10n * MS, 3n * MS);
    exchange(f, 2, 10n * MS, 3n * MS);
    pass(f, 2100n * MS);
    const before = f.time.realtime();
    f.time.offset = 7n * SECOND;
    const ahead = f.clock.realtimeSynchronized() ?? 0n;
    f.time.offset = -7n * SECOND;
    const behind = f.clock.realtimeSynchronized() ?? 0n;
    // The tolerance was halved to nothing: what remains is the delay of 3 ms in either direction.
    expect([behind - before, ahead - before]).toEqual([7n * MS, 13n * MS]);
  });

  it("trusts the own clock to the nanosecond while the others do not contradict it", () => {
    const f = fixture(3);
    exchange(f, 1, 0n, 3n * MS);
    pass(f, 2100n * MS);
    const before = f.time.realtime();
    f.time.offset = 7n * SECOND;
    expect(f.clock.realtimeSynchronized()).toBe(before);
  });

  it("follows the quorum when its own wall clock is wrong, and says so", () => {
    const f = fixture(3);
    f.time.offset = 0n;
    exchange(f, 1, 900n * MS, 1n * MS);
    exchange(f, 2, 900n * MS, 1n * MS);
    pass(f, 2100n * MS);
    const synchronized = f.clock.realtimeSynchronized() ?? 0n;
    expect(synchronized - f.time.realtime()).toBeGreaterThanOrEqual(899n * MS);
    expect(f.clock.clockDeltaNs).toBeGreaterThanOrEqual(899n * MS);
    expect(f.logger.lines).toContainEqual(
      expect.stringMatching(/^warn: clock: system time is 899 ms behind cluster time/),
    );
  });

  it("keeps the sample with the smaller delay, and of equal ones the newer", () => {
    const f = fixture(3);
    exchange(f, 1, 100n * MS, 5n * MS);
    exchange(f, 1, 200n * MS, 4n * MS);
    exchange(f, 1, 300n * MS, 4n * MS);
    exchange(f, 1, 400n * MS, 9n * MS);
    exchange(f, 2, 300n * MS, 1n * MS);
    pass(f, 2100n * MS);
    const ahead = (f.clock.realtimeSynchronized() ?? 0n) - f.time.realtime();
    expect(ahead).toBeGreaterThanOrEqual(296n * MS);
    expect(ahead).toBeLessThanOrEqual(304n * MS);
  });

  it.each([
    [1n, 101n],
    [101n, 1n],
  ])("takes an exchange of %i ms there and %i ms back for one-sided if the epoch knew a faster one", (there, back) => {
    const f = fixture(3);
    exchange(f, 1, 200n * MS, 1n * MS);
    exchange(f, 2, 200n * MS, 1n * MS);
    pass(f, 2100n * MS);
    // Taken as symmetric, the exchange would be off by 50 ms in one direction.
    exchange(f, 1, 200n * MS, there * MS, back * MS);
    exchange(f, 2, 200n * MS, 60n * MS);
    pass(f, 2100n * MS);
    const own = f.time.realtime();
    f.time.offset = 7n * SECOND;
    const ahead = f.clock.realtimeSynchronized() ?? 0n;
    f.time.offset = -7n * SECOND;
    const behind = f.clock.realtimeSynchronized() ?? 0n;
    expect([behind - own, ahead - own]).toEqual([149n * MS, 251n * MS]);
  });

  it("loses its synchronization after a minute without agreement", () => {
    const f = fixture(3);
    exchange(f, 1, 0n, 1n * MS);
    pass(f, 2100n * MS);
    pass(f, 57n * SECOND);
    expect(f.clock.realtimeSynchronized()).not.toBe(null);
    pass(f, 3n * SECOND);
    expect(f.clock.realtimeSynchronized()).toBe(null);
    expect(f.logger.lines).toContain("error: clock: no agreement on cluster time");
    expect(f.logger.lines.filter((line) => line.includes("within the window")).length).toBeGreaterThanOrEqual(2);
  });

  it("does not hear pongs of standbys, nor of itself, nor of pings before the window", () => {
    const f = fixture(3);
    const [{ clock, time }, now] = [f, f.time.monotonic()];
    time.elapsed += 5n * MS;
    clock.learn(3, now, time.realtime(), time.monotonic());
    clock.learn(0, now, time.realtime(), time.monotonic());
    clock.learn(1, 0n, time.realtime(), time.monotonic());
    clock.learn(1, time.monotonic() + 1n, time.realtime(), time.monotonic());
    pass(f, 5n * SECOND);
    expect(clock.realtimeSynchronized()).toBe(null);
  });

  it("of a standby counts itself as one more source and needs one more to agree", () => {
    const f = fixture(3, 3);
    exchange(f, 0, 0n, 1n * MS);
    pass(f, 2100n * MS);
    expect(f.clock.realtimeSynchronized()).toBe(null);
    exchange(f, 1, 0n, 1n * MS);
    pass(f, 100n * MS);
    expect(f.clock.realtimeSynchronized()).not.toBe(null);
  });

  it("knows a median round trip when a quorum of others has answered", () => {
    const f = fixture(3);
    expect(f.clock.roundTripTimeMedian()).toBe(null);
    exchange(f, 1, 0n, 2n * MS);
    expect(f.clock.roundTripTimeMedian()).toBe(null);
    exchange(f, 2, 0n, 7n * MS);
    expect(f.clock.roundTripTimeMedian()).toBe(14n * MS);
  });

  it("learns nothing from an exchange that ends after the window", () => {
    const f = fixture(3);
    f.time.elapsed += 20n * SECOND;
    exchange(f, 1, 0n, 2n * MS);
    exchange(f, 2, 0n, 2n * MS);
    expect(f.clock.roundTripTimeMedian()).toBe(null);
  });

  it("of two replicas never knows a round trip", () => {
    const f = fixture(2);
    exchange(f, 1, 0n, 2n * MS);
    expect(f.clock.roundTripTimeMedian()).toBe(null);
    pass(f, 2100n * MS);
    expect(f.clock.realtimeSynchronized()).not.toBe(null);
  });

  it("does not agree with clocks that are further apart than the tolerance", () => {
    const f = fixture(3);
    exchange(f, 1, 30n * SECOND, 1n * MS);
    pass(f, 2100n * MS);
    expect(f.clock.realtimeSynchronized()).toBe(null);
  });

  it("bears whatever a pong says", () => {
    const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
    const property = fc.property(
      fc.array(fc.tuple(fc.nat(255), u64, u64, fc.nat(3000)), { maxLength: 30 }),
      (pongs) => {
        const f = fixture(3);
        for (const [replica, echoed, theirs, wait] of pongs) {
          f.clock.learn(replica, echoed % (f.time.monotonic() + 1n), theirs, f.time.monotonic());
          f.clock.learn(replica, echoed, theirs, f.time.monotonic());
          pass(f, BigInt(wait) * MS);
          f.clock.realtimeSynchronized();
          f.clock.roundTripTimeMedian();
        }
      },
    );
    fc.assert(property, { numRuns: Math.ceil(PROPERTY_RUNS / 4) });
  });
});
