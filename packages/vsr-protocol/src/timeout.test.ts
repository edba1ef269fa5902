import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TEST_MIN } from "./config/test-min.ts";
import { Random } from "./random.ts";
import { exponentialBackoffWithJitter, Timeout } from "./timeout.ts";

function timeout(afterTicks = 5, seed = 1): Timeout {
  return new Timeout({ name: "test", afterTicks, random: new Random(seed), config: TEST_MIN });
}

/** Ticks until it fires. */
function ticksUntilFired(subject: Timeout): number {
  let ticks = 0;
  while (!subject.fired) {
    subject.tick();
    ticks += 1;
  }
  return ticks;
}

describe("a timeout", () => {
  test("does nothing before it is started", () => {
    const subject = timeout();
    subject.tick();
    expect(subject).toMatchObject({ ticking: false, fired: false, ticks: 0, afterDynamicTicks: null });
  });

  test("fires once its ticks have passed, until its owner acts", () => {
    const subject = timeout(5);
    subject.start();
    for (let tick = 0; tick < 5; tick += 1) {
      expect(subject.fired).toBe(false);
      subject.tick();
    }
    expect(subject.fired).toBe(true);
    expect(subject.fired).toBe(true);
  });

  test("must not be forgotten after it fired", () => {
    const subject = timeout(1);
    subject.start();
    subject.tick();
    expect(() => subject.tick()).toThrow("timeout test fired and nobody reset it");
  });

  test("does not fire after it was stopped", () => {
    const subject = timeout(1);
    subject.start();
    subject.tick();
    subject.stop();
    expect(subject).toMatchObject({ ticking: false, fired: false, attempts: 0, ticks: 0 });
  });

  test("starts over when it is started again, with the configured ticks", () => {
    const subject = timeout(5);
    subject.start();
    subject.backoff();
    subject.tick();
    subject.start();
    expect(subject).toMatchObject({ attempts: 0, ticks: 0, afterDynamicTicks: 5 });
  });

  test("keeps what a backoff left when it is reset", () => {
    const subject = timeout(5);
    subject.start();
    subject.backoff();
    const left = subject.afterDynamicTicks;
    subject.reset();
    expect(left).not.toBe(5);
    expect(subject).toMatchObject({ attempts: 0, ticks: 0, afterDynamicTicks: left });
  });

  test("backs off by two round trips and a window that doubles", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const subject = timeout(5, seed);
        subject.start();
        for (let attempt = 1; attempt <= 20; attempt += 1) {
          subject.backoff();
          expect(subject.attempts).toBe(attempt);
          const after = subject.afterDynamicTicks ?? 0;
          expect(after).toBeGreaterThanOrEqual(2 * 30 + 1);
          expect(after).toBeLessThanOrEqual(2 * 30 + 1 + Math.min(999, 2 ** attempt));
        }
        expect(ticksUntilFired(subject)).toBe(subject.afterDynamicTicks);
      }),
      { numRuns: 20 },
    );
  });

  test("counts its attempts in a byte", () => {
    const subject = timeout();
    subject.start();
    for (let attempt = 0; attempt < 256; attempt += 1) subject.backoff();
    expect(subject.attempts).toBe(0);
  });

  test("jitters between half and one and a half of its ticks", () => {
    const subject = timeout(10);
    subject.start();
    const seen = new Set<number>();
    for (let draw = 0; draw < 500; draw += 1) {
      subject.resetWithJitter();
      seen.add(subject.afterDynamicTicks ?? -1);
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  test("can be told when to fire", () => {
    const subject = timeout(50);
    subject.start();
    subject.setAfterDynamicTicks(3);
    expect(ticksUntilFired(subject)).toBe(3);
    subject.reset();
    expect(ticksUntilFired(subject)).toBe(3);
  });

  test.each([
    [0n, 1],
    [9_999_999n, 1],
    [19_999_999n, 1],
    [20_000_000n, 2],
    [300_000_000n, 30],
    [10n ** 18n, 6000],
  ])("a round trip of %i ns is %i ticks", (rttNs, rttTicks) => {
    const subject = timeout();
    subject.setRttNs(rttNs);
    expect(subject.rttTicks).toBe(rttTicks);
  });

  test("of one tick jitters between one and two", () => {
    const subject = timeout(1);
    subject.start();
    const seen = new Set<number>();
    for (let round = 0; round < 100; round += 1) {
      seen.add(ticksUntilFired(subject));
      subject.resetWithJitter();
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test.each(["reset", "backoff", "resetWithJitter"] as const)("needs to tick for %s", (method) => {
    expect(() => timeout()[method]()).toThrow("while it does not tick");
  });
});

describe("backoff", () => {
  test("of a connection is 50 to 100 ms at first, then up to 1000 ms", () => {
    const random = new Random(3);
    const widest = (attempt: number): number =>
      Math.max(...Array.from({ length: 2000 }, () => exponentialBackoffWithJitter(random, 50, 1000, attempt)));
    expect([0, 1, 2, 3, 4, 5, 63, 64, 255].map(widest)).toEqual([100, 150, 250, 450, 850, 1000, 1000, 1000, 1000]);
  });

  test("from 0 grows too", () => {
    const random = new Random(3);
    const seen = new Set(Array.from({ length: 100 }, () => exponentialBackoffWithJitter(random, 0, 1000, 1)));
    expect(seen).toEqual(new Set([0, 1, 2]));
  });
});
