/**
 * What every implementation of the time port does (spec 03 §2, §35.2).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Time } from "@stagbeetle/vsr-protocol";
import { aWhile, complianceCase, type ComplianceCase, type Subject } from "./compliance-case.ts";

/** A clock, which `until` lets go on. */
export interface TimeSubject extends Subject {
  readonly time: Time;
}

/** The facts about the time port. */
export const timeCompliance: readonly ComplianceCase<() => Promise<TimeSubject>>[] = [
  complianceCase("the monotonic clock is never 0 and never steps back", async (subject) => {
    let last = 0n;
    let readings = 0;
    await subject.until(() => {
      const now = subject.time.monotonic();
      assert(now > 0n && now >= last, () => `the monotonic clock reads ${now} after ${last}`);
      last = now;
      readings += 1;
      return readings > 100;
    });
  }),

  complianceCase("the monotonic clock goes on", async (subject) => {
    const start = subject.time.monotonic();
    await subject.until(() => subject.time.monotonic() > start);
  }),

  complianceCase("the wall clock counts nanoseconds since 1970", async (subject) => {
    const realtime = subject.time.realtime();
    const ns2020 = 1_577_836_800_000_000_000n;
    const ns2200 = 7_258_118_400_000_000_000n;
    assert(realtime > ns2020 && realtime < ns2200, () => `the wall clock reads ${realtime}`);
    await aWhile(subject);
    assert(subject.time.realtime() < ns2200, "the wall clock ran away");
  }),
];
