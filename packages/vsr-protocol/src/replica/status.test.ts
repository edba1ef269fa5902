import { expect, test } from "vitest";
import { type ReplicaStatus, Status, STATUS_METRIC, statusLetter } from "./status.ts";

const ALL: readonly ReplicaStatus[] = ["normal", "view_change", "recovering", "recovering_head"];

/** How to get into each status. */
const PATHS: { readonly [Name in ReplicaStatus]: readonly ReplicaStatus[] } = {
  recovering: [],
  recovering_head: ["recovering_head"],
  normal: ["normal"],
  view_change: ["view_change"],
};

/** Spec 03 §4.2. */
const LEGAL: readonly (readonly [ReplicaStatus, ReplicaStatus])[] = [
  ["recovering", "normal"],
  ["recovering", "view_change"],
  ["recovering", "recovering_head"],
  ["recovering_head", "normal"],
  ["normal", "view_change"],
  ["view_change", "view_change"],
  ["view_change", "normal"],
];

function statusIn(name: ReplicaStatus): Status {
  const status = new Status();
  for (const step of PATHS[name]) status.transition(step);
  return status;
}

test("a replica starts as recovering", () => {
  expect(new Status().current).toBe("recovering");
  expect(new Status().normal).toBe(false);
});

test.each(ALL.flatMap((from) => ALL.map((to) => [from, to] as const)))(
  "%s → %s is allowed if and only if the table has it",
  (from, to) => {
    const status = statusIn(from);
    const legal = LEGAL.some(([a, b]) => a === from && b === to);
    if (legal) status.transition(to);
    else expect(() => status.transition(to)).toThrow(`status ${to} after ${from}`);
    expect(status.current).toBe(legal ? to : from);
  },
);

test("metrics and log letters are those that people know", () => {
  expect(ALL.map((name) => STATUS_METRIC[name])).toEqual([0, 1, 2, 3]);
  expect(ALL.map((name) => statusLetter(name, false)).join("")).toBe("nvrh");
  expect(ALL.map((name) => statusLetter(name, true)).join("")).toBe("NVRH");
});
