import { expect, test } from "vitest";
import { TEST_MIN } from "../../config/test-min.ts";
import { Random } from "../../random.ts";
import { Timeout } from "../../timeout.ts";
import { Scrubbing } from "./scrubbing.ts";

const INTERVAL_TICKS = 123;

function scrubbed(opened: boolean, syncing: boolean): { readonly count: number; readonly afterTicks: number | null } {
  let count = 0;
  const scrubbing = new Scrubbing({
    scrubber: { intervalTicks: INTERVAL_TICKS, scrub: () => (count += 1), cancel: () => undefined },
    stateMachineOpened: () => opened,
    contentSyncing: () => syncing,
  });
  const timeout = new Timeout({ name: "grid_scrub", afterTicks: 50, random: new Random(1), config: TEST_MIN });
  timeout.start();
  for (let tick = 0; tick < 50; tick += 1) timeout.tick();
  scrubbing.onTimeout(timeout);
  expect(timeout.fired).toBe(false);
  return { count, afterTicks: timeout.afterDynamicTicks };
}

test("the scrubber goes on, and then as soon as it says", () => {
  expect(scrubbed(true, false)).toEqual({ count: 1, afterTicks: INTERVAL_TICKS });
});

test("the scrubber waits while the store is closed, or known to lack blocks", () => {
  expect(scrubbed(false, false)).toEqual({ count: 0, afterTicks: 50 });
  expect(scrubbed(true, true)).toEqual({ count: 0, afterTicks: 50 });
});
