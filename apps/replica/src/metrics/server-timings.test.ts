import { describe, expect, test } from "vitest";

import { ServerTimings } from "./server-timings.ts";

describe("the timings of a server", () => {
  test("are kept apart by zone, and summed up", () => {
    const timings = new ServerTimings();
    timings.storageEnded("read", "walHeaders", 30);
    timings.storageEnded("read", "walHeaders", 10);
    timings.storageEnded("write", "grid", 7);
    timings.ended("metrics_emit", 5);
    expect(timings.summaries()).toEqual([
      { name: "storage_read", of: { tag: "zone", zone: "wal_headers" }, minNs: 10, maxNs: 30, sumNs: 40, count: 2 },
      { name: "storage_write", of: { tag: "zone", zone: "grid" }, minNs: 7, maxNs: 7, sumNs: 7, count: 1 },
      { name: "metrics_emit", of: null, minNs: 5, maxNs: 5, sumNs: 5, count: 1 },
    ]);
  });

  test("begin anew when they are reset", () => {
    const timings = new ServerTimings();
    timings.ended("loop_tick", 5);
    timings.reset();
    expect(timings.summaries()).toEqual([]);
    timings.ended("loop_tick", 9);
    expect(timings.summaries()).toMatchObject([{ minNs: 9, maxNs: 9, sumNs: 9, count: 1 }]);
  });
});
