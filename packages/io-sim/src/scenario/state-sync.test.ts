import { expect, test, vi } from "vitest";

import { runScenario } from "./run-scenario.ts";

/** For the slowest machine: no scenario waits for a clock. */
vi.setConfig({ testTimeout: 600_000 });

/** B2 is so far behind that only a state sync helps. */
const BEHIND = `# a replica that is two checkpoints behind
cluster replicas=3
requests 20 => 20 replies
cast
isolate B2
requests 75 => 75 replies
`;

const CAUGHT_UP = `run
expect R* status=normal commit=75
requests 100 => 100 replies
run
expect R* synced
expect grids equal
`;

function failuresOf(...parts: readonly string[]): readonly string[] {
  return runScenario([BEHIND, ...parts, CAUGHT_UP].join("")).failures;
}

test.each([1, 9, 21, 57])("a state sync can die after %i ticks, and goes on", (ticks) => {
  expect(failuresOf(`reconnect B2\nticks ${ticks}\nstop B2\nopen B2\n`)).toEqual([]);
});

test.each([200])("a replica that gets no blocks for %i ticks can die as well, and opens when they come", (ticks) => {
  const steps = `drop block to B2\nreconnect B2\nticks ${ticks}\nstop B2\nopen B2\nticks 20\npass block to B2\n`;
  expect(failuresOf(steps)).toEqual([]);
});

test("what is lost of the grid while it is being synced is fetched once more", () => {
  expect(failuresOf("reconnect B2\nticks 20\ncorrupt B2 grid\n")).toEqual([]);
});

test.each([21])("a replica that falls behind again %i ticks into a state sync syncs twice", (ticks) => {
  const { failures } = runScenario(`${BEHIND}reconnect B2
ticks ${ticks}
isolate B2
requests 130 => 130 replies
reconnect B2
run
requests 150 => 150 replies
run
expect R* status=normal commit=150
expect R* synced
expect grids equal
`);
  expect(failures).toEqual([]);
});
