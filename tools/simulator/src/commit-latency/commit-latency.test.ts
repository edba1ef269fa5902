import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

import { measure, theory } from "./regions.ts";
import { commitLatencyTable, placementOf } from "./table.ts";

describe("a commit between regions", () => {
  test.each([
    ["six, and its own region has one of the quorum", 6, 0, 60],
    ["five", 5, 0, 60],
    ["three", 3, 0, 60],
    ["three, far from the others", 3, 2, 100],
  ])("of %s takes the way to the nearest quorum and back", (_, count, home, expected) => {
    const placement = placementOf(count, home, home);
    expect(theory(placement)).toBe(expected);
    expect(measure(placement, 20)).toEqual({ theoryMs: expected, medianMs: expected, maxMs: expected });
  });

  test("goes on at the next distance when the nearest region is down", () => {
    expect(measure(placementOf(6, 0, 0, 1), 20)).toMatchObject({ theoryMs: 160, medianMs: 160 });
  });
});

test("the table in docs/cluster.md is what is measured", () => {
  const text = readFileSync(new URL("../../../../docs/cluster.md", import.meta.url), "utf8");
  expect(text).toContain(commitLatencyTable().join("\n"));
});
