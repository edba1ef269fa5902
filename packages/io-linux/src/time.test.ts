import { AssertionError } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SystemTime } from "./time.ts";

const NS_PER_MS = 1_000_000n;
const WALL_START_MS = 1_700_000_000_000;

/** Clocks that the test sets. */
class Clocks {
  monotonic = 5_000n;
  wallMs = WALL_START_MS;
  readonly time: SystemTime = new SystemTime({ monotonicNs: () => this.monotonic, wallMs: () => this.wallMs });

  /** Lets true time pass on both clocks. The wall clock shows whole milliseconds of it. */
  pass(nanoseconds: bigint): void {
    this.monotonic += nanoseconds;
    this.wallMs = WALL_START_MS + Number((this.monotonic - 5_000n) / NS_PER_MS);
  }
}

describe("the monotonic clock", () => {
  test("is never 0", () => {
    const clocks = new Clocks();
    clocks.monotonic = 0n;
    expect(clocks.time.monotonic()).toBeGreaterThan(0n);
  });

  test("that goes back stops the process", () => {
    const clocks = new Clocks();
    clocks.time.monotonic();
    clocks.monotonic -= 1n;
    expect(() => clocks.time.monotonic()).toThrow(AssertionError);
  });
});

describe("the wall clock", () => {
  test("goes on within a millisecond", () => {
    const clocks = new Clocks();
    const start = clocks.time.realtime();
    clocks.pass(1234n);
    expect(clocks.time.realtime() - start).toBe(1234n);
  });

  test("is always in the millisecond that the system shows, and never goes back while that does not", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 3n * NS_PER_MS })), (steps) => {
        const clocks = new Clocks();
        let last = clocks.time.realtime();
        for (const step of steps) {
          clocks.pass(step);
          const now = clocks.time.realtime();
          expect(now / NS_PER_MS).toBe(BigInt(clocks.wallMs));
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
      }),
    );
  });

  test.each([-3_600_000, -1, 1, 3_600_000])("follows a step of %i ms at once", (stepMs) => {
    const clocks = new Clocks();
    clocks.time.realtime();
    clocks.pass(10n * NS_PER_MS);
    clocks.wallMs += stepMs;
    expect(clocks.time.realtime() / NS_PER_MS).toBe(BigInt(WALL_START_MS + 10 + stepMs));
  });
});
