import { expect, test } from "vitest";

import { failureOf, hasPassed, readSuiteOutput } from "./suite-output.ts";

test("a suite in which all tests passed is a success", () => {
  const result = readSuiteOutput("a: PASSED\nb: c: PASSED\nTime taken (s): 1.2\n");
  expect(result.passed).toEqual(["a", "b: c"]);
  expect(failureOf(result)).toBeNull();
});

test("a test has passed once its line is there", () => {
  expect([hasPassed("a: PASSED\nb: PAS", "a"), hasPassed("a: PASSED\nb: PAS", "b")]).toEqual([true, false]);
  expect(hasPassed("a: FAILED\n", "a")).toBe(false);
});

test("a failed test, an early end and a suite without tests are failures", () => {
  expect(failureOf(readSuiteOutput("a: PASSED\nb: FAILED\nstack: …\n"))).toBe("failed: b");
  expect(failureOf(readSuiteOutput("a: PASSED\n"))).toBe("the suite stopped after 1 tests");
  expect(failureOf(readSuiteOutput("Time taken (s): 0\n"))).toBe("the suite ran no tests");
});
