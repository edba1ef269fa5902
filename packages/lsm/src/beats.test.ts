import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { Beats } from "./beats.ts";

const levels = [0, 1, 2, 3, 4, 5, 6];

describe("beats", () => {
  test("odd levels are compacted into in the first half of a bar, even ones in the second (spec 05 §6.2)", () => {
    const beats = new Beats(PRODUCTION);
    const active = (op: number): number[] => levels.filter((level) => beats.levelActive(op, level));
    expect([active(32), active(47), active(48), active(63)]).toEqual([
      [1, 3, 5],
      [1, 3, 5],
      [0, 2, 4, 6],
      [0, 2, 4, 6],
    ]);
  });

  test.each([
    { config: PRODUCTION, starts: [0, 16, 32], ends: [15, 31, 47], bars: [31, 63] },
    { config: TEST_MIN, starts: [0, 2, 4], ends: [1, 3, 5], bars: [3, 7] },
  ])("half-bars of $config.name begin and end where they do", ({ config, starts, ends, bars }) => {
    const beats = new Beats(config);
    const ops = Array.from({ length: (bars.at(-1) ?? 0) + 1 }, (_, op) => op);
    expect(ops.filter((op) => beats.startsHalfBar(op)).slice(0, 3)).toEqual(starts);
    expect(ops.filter((op) => beats.endsHalfBar(op)).slice(0, 3)).toEqual(ends);
    expect(ops.filter((op) => beats.endsBar(op))).toEqual(bars);
  });

  test("the first bar does not compact, nor do ops that the checkpoint has compacted (spec 05 §6.4)", () => {
    const beats = new Beats(PRODUCTION);
    const compacts = [0, 31, 32, 960].map((op) => beats.compacts(op, 0));
    expect(compacts).toEqual([false, false, true, true]);
    expect([960, 991, 992].map((op) => beats.compacts(op, 959))).toEqual([false, false, true]);
  });

  test("the beats of a half-bar count down to one", () => {
    const beats = new Beats(TEST_MIN);
    expect([4, 5, 6, 7].map((op) => beats.beatsRemaining(op))).toEqual([2, 1, 2, 1]);
  });
});
