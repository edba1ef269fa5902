import { describe, expect, it } from "vitest";

import { linearOffset, SimulatedTime, stepOffset, TICK_NS } from "./time.ts";

function after(time: SimulatedTime, ticks: number): SimulatedTime {
  for (let tick = 0; tick < ticks; tick += 1) time.tick();
  return time;
}

describe("SimulatedTime", () => {
  it("shows no monotonic time of 0 and moves by 10 ms a tick", () => {
    const time = new SimulatedTime();
    const start = time.monotonic();
    expect(start).toBeGreaterThan(0n);
    expect(after(time, 3).monotonic() - start).toBe(3n * TICK_NS);
  });

  it("stands still between ticks", () => {
    const time = new SimulatedTime();
    expect(time.realtime()).toBe(time.realtime());
    expect(time.monotonic()).toBe(time.monotonic());
  });

  it("moves its monotonic clock with each reading, if it shall, and never into the next tick", () => {
    const time = new SimulatedTime({ readingNs: TICK_NS / 4n });
    const readings = Array.from({ length: 6 }, () => time.monotonic() - TICK_NS);
    expect(readings).toEqual([0n, 1n, 2n, 3n, 3n, 3n].map((quarters) => (quarters * TICK_NS) / 4n));
    expect(after(time, 1).monotonic()).toBe(2n * TICK_NS);
  });

  it("drifts and steps its wall clock without touching the monotonic one", () => {
    const true_ = after(new SimulatedTime(), 10);
    const drifting = after(new SimulatedTime({ offset: linearOffset(5n, 100n) }), 10);
    expect(true_.realtime() - drifting.realtime()).toBe(100n + 5n * 11n);
    const stepping = new SimulatedTime({ offset: stepOffset(1_000_000_000n, 5) });
    const before = after(stepping, 4).realtime();
    expect(after(stepping, 1).realtime()).toBeLessThan(before);
    expect(stepping.monotonic()).toBe(6n * TICK_NS);
  });
});
