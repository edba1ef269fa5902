/**
 * What the official client's test-suite printed: one line for each test.
 */

/** How the tests ended, by name. */
export interface SuiteResult {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** The suite says how long it took only if it came to its end. */
  readonly finished: boolean;
}

/** Reads the suite's output. */
export function readSuiteOutput(output: string): SuiteResult {
  const lines = output.split("\n");
  const ending = (suffix: string): string[] =>
    lines.filter((line) => line.endsWith(suffix)).map((line) => line.slice(0, -suffix.length));
  return {
    passed: ending(": PASSED"),
    failed: ending(": FAILED"),
    finished: lines.some((line) => line.startsWith("Time taken (s):")),
  };
}

/** Whether the test with this name is among those that have passed so far. */
export function hasPassed(output: string, test: string): boolean {
  return readSuiteOutput(output).passed.includes(test);
}

/** Why a result is not a success, or null. A suite that ran nothing has shown nothing. */
export function failureOf({ passed, failed, finished }: SuiteResult): string | null {
  if (failed.length > 0) return `failed: ${failed.join(", ")}`;
  if (!finished) return `the suite stopped after ${passed.length} tests`;
  if (passed.length === 0) return "the suite ran no tests";
  return null;
}
