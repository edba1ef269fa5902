import { expect, test } from "vitest";

import { mergeReports, runSeeds, scenarioNamed } from "./run-seeds.ts";
import { SCENARIOS } from "./scenarios.ts";

test.each(SCENARIOS.filter(({ seedsPercent }) => seedsPercent >= 50).map(({ name }) => name))(
  "a few seeds of %s show nothing wrong, and the same in any order",
  (scenario) => {
    const whole = runSeeds({ scenario, first: 0, end: 6, step: 1 });
    expect(whole.failures).toEqual([]);
    expect(whole.seeds).toBe(6);
    const halves = [0, 1].map((first) => runSeeds({ scenario, first, end: 6, step: 2 }));
    expect(mergeReports(halves)).toEqual(whole);
  },
);

test("a scenario that does not exist is refused with the names of those that do", () => {
  expect(() => scenarioNamed("nothing")).toThrow(/there is no scenario 'nothing'; there are crash-accounting, /);
});
