import { Random } from "@stagbeetle/vsr-protocol";
import { expect, test } from "vitest";

import { type ClusterRunOptions, drawClusterRun, SIMPLIFICATIONS } from "./cluster-options.ts";

/** What is wrong with the clocks of a run: some differ from the true time later on, and some move when they are read. */
function clockFaults({ clocks }: ClusterRunOptions): { readonly off: boolean; readonly moving: boolean } {
  return {
    off: clocks.some(({ offset }) => offset !== undefined && offset(100_000) !== 0n),
    moving: clocks.some(({ readingNs = 0n }) => readingNs > 0n),
  };
}

/** A run with all that can be wrong with clocks. */
const DRAWN = drawClusterRun(new Random(1n));

function without(name: string): ClusterRunOptions {
  const row = SIMPLIFICATIONS.find((candidate) => candidate.without === name);
  if (row === undefined) throw new Error(`nothing is left out as '${name}'`);
  return row.simplify(DRAWN);
}

test("a run draws clocks that are off, and clocks that move", () => {
  expect(clockFaults(DRAWN)).toEqual({ off: true, moving: true });
});

test.each([
  ["clocks that drift or step", { off: false, moving: true }],
  ["clocks that move when they are read", { off: true, moving: false }],
])("a run is tried without %s, and nothing else changes", (name, faults) => {
  const simpler = without(name);
  expect(clockFaults(simpler)).toEqual(faults);
  expect({ ...simpler, clocks: DRAWN.clocks }).toEqual(DRAWN);
});

test("a simplification has a name of its own", () => {
  expect(new Set(SIMPLIFICATIONS.map((row) => row.without)).size).toBe(SIMPLIFICATIONS.length);
});
