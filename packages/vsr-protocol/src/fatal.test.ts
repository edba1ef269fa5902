import { expect, test } from "vitest";
import { fatal, FatalError, FatalReason } from "./fatal.ts";

test("a reason is the exit status of the process", () => {
  expect(FatalReason).toEqual({
    cli: 1,
    noSpaceLeft: 2,
    manifestNodePoolExhausted: 3,
    storageSizeExceedsLimit: 4,
    storageSizeWouldExceedLimit: 5,
    forestTablesCountWouldExceedLimit: 6,
    unknownVsrCommand: 7,
  });
});

test("a fatal condition is thrown with its reason and message", () => {
  const error = (() => {
    try {
      return fatal(FatalReason.noSpaceLeft, "the disk is full");
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(FatalError);
  expect(error).toMatchObject({ name: "FatalError", reason: 2, message: "the disk is full" });
});
