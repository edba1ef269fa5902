import { describe, expect, test } from "vitest";
import { Child } from "./testing/child.ts";

describe("what nobody catches", () => {
  test("ends the process with one line and the status of the reason, if it is fatal", async () => {
    await using child = new Child("fatal.ts", ["fatal"]);
    expect(await child.exit()).toEqual({ status: 2, signal: null });
    expect(child.stderr).toBe("error: the disk is full\n");
  });

  test("aborts with a stack, if it is a broken assertion", async () => {
    await using child = new Child("fatal.ts", ["assertion"]);
    expect(await child.exit()).toEqual({ status: null, signal: "SIGABRT" });
    expect(child.stderr).toMatch(/error: AssertionError: an invariant is broken\n +at /u);
  });
});
