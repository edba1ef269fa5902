import { expect, test, vi } from "vitest";

import { assert, AssertionError, fail } from "./assert.ts";

test("a condition that holds costs no message", () => {
  const message = vi.fn<() => string>();
  assert(true, message);
  expect(message).not.toHaveBeenCalled();
});

test("a condition that fails throws the message, given or made", () => {
  expect(() => assert(false, "op 3 after op 1")).toThrow(new AssertionError("op 3 after op 1"));
  expect(() => assert(false, () => `op ${3}`)).toThrow(new AssertionError("op 3"));
  expect(() => fail("unknown command")).toThrow(AssertionError);
});

test("the error has its name, and narrowing reaches the compiler", () => {
  expect(new AssertionError("x").toString()).toBe("AssertionError: x");
  const value: string | undefined = ["x"][0];
  assert(value !== undefined, "there is one");
  expect(value.length).toBe(1);
});
