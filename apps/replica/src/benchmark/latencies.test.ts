import { describe, expect, test } from "vitest";

import { Latencies, latencyLines } from "./latencies.ts";

function millisecondsOf(...latencies: readonly number[]): readonly number[] {
  const histogram = new Latencies();
  for (const latency of latencies) histogram.add(latency);
  return histogram.percentiles().map(({ milliseconds }) => milliseconds);
}

describe("latencies", () => {
  test("are told at 1, 50, 99 and 100 %, in whole milliseconds", () => {
    expect(millisecondsOf(...Array.from({ length: 100 }, (_, index) => index + 1.9))).toEqual([1, 50, 99, 100]);
  });

  test("of fewer than 100 requests begin with 0, as the reference has it", () => {
    expect(millisecondsOf(7, 8)).toEqual([0, 7, 7, 8]);
  });

  test("that are too long to be told apart are said to be", () => {
    const histogram = new Latencies();
    histogram.add(123_456);
    expect(latencyLines("batch", histogram.percentiles())).toBe(
      "batch latency p1   = 0 ms\n" +
        "batch latency p50  = 0 ms\n" +
        "batch latency p99  = 0 ms\n" +
        "batch latency p100 = 10000 ms+ (exceeds histogram resolution)\n",
    );
  });
});
