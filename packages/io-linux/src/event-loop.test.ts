import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EventLoop } from "./event-loop.ts";

describe("the event loop", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test("ticks everybody in order, once every tick", () => {
    const ticked: string[] = [];
    const ticking = ["bus", "replica"].map((name) => ({ tick: () => ticked.push(name) }));
    const loop = new EventLoop({ tickMs: 10, ticking });
    loop.start();
    expect(ticked).toEqual([]);
    vi.advanceTimersByTime(25);
    expect(ticked).toEqual(["bus", "replica", "bus", "replica"]);
    loop.stop();
    vi.advanceTimersByTime(100);
    expect(ticked.length).toBe(4);
  });

  test("tells how long each tick took", () => {
    const durationsNs: number[] = [];
    let nowMs = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    const ticking = [{ tick: () => (nowMs += 2) }, { tick: () => (nowMs += 0.5) }];
    const loop = new EventLoop({ tickMs: 10, ticking, onTick: (durationNs) => durationsNs.push(durationNs) });
    loop.start();
    vi.advanceTimersByTime(20);
    loop.stop();
    clock.mockRestore();
    expect(durationsNs).toEqual([2_500_000, 2_500_000]);
  });

  test("that is stopped from within a tick ticks nobody any more", () => {
    let ticks = 0;
    const loop: EventLoop = new EventLoop({
      tickMs: 10,
      ticking: [{ tick: () => loop.stop() }, { tick: () => (ticks += 1) }],
    });
    loop.start();
    vi.advanceTimersByTime(100);
    loop.stop();
    expect(ticks).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
