import { PRODUCTION, TEST_MIN } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { opReport, opText } from "./op.ts";

const names = (op: number): string[] => opReport(PRODUCTION, op).points.map(({ name }) => name);
const ops = (op: number): number[] => opReport(PRODUCTION, op).points.map((point) => point.op);

describe("an op between checkpoints", () => {
  test("is printed as by the reference", () => {
    expect(opText(opReport(PRODUCTION, 1000))).toBe(
      "checkpoint          trigger             op                  prepare_max         checkpoint_next     \n" +
        "959            +32  991            +9   1000           +7   1007           +912 1919                \n",
    );
  });

  test.each([
    [0, [0, 0, 0, 0, 959]],
    [958, [0, 0, 0, 958, 959]],
    [959, [959, 959, 991, 1007, 1919]],
    [1918, [959, 991, 1007, 1918, 1919]],
    [1919, [1919, 1919, 1951, 1967, 2879]],
    [4_294_967_296, [4_294_967_039, 4_294_967_071, 4_294_967_087, 4_294_967_296, 4_294_967_999]],
  ])("op %d", (op, expected) => expect(ops(op)).toEqual(expected));

  test("comes after what is at the same op", () => {
    expect(names(0)).toEqual(["checkpoint", "trigger", "prepare_max", "op", "checkpoint_next"]);
    expect(names(959)).toEqual(["checkpoint", "op", "trigger", "prepare_max", "checkpoint_next"]);
    expect(names(991)).toEqual(["checkpoint", "trigger", "op", "prepare_max", "checkpoint_next"]);
  });

  test("follows from the configuration", () => {
    expect(opReport(TEST_MIN, 25).points.map((point) => point.op)).toEqual([19, 23, 25, 31, 39]);
  });
});
