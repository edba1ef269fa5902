import { closeSync, fstatSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { devNull } from "node:os";
import { expect, test } from "vitest";
import { leadNowhere } from "./lead-nowhere.ts";
import { loadSystemCalls, type SystemCalls } from "./system-calls.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";

/** The calls, with a look at the descriptor that is replaced, right before and right after. */
function watched(calls: SystemCalls, look: (target: number) => void): SystemCalls {
  const duplicateOnto = (fileDescriptor: number, target: number): boolean => {
    look(target);
    const done = calls.duplicateOnto(fileDescriptor, target);
    look(target);
    return done;
  };
  return { ...calls, duplicateOnto };
}

function usedDescriptor(directory: TemporaryDirectory): number {
  const fileDescriptor = openSync(directory.join("stream"), "w");
  writeSync(fileDescriptor, "before");
  return fileDescriptor;
}

function expectNowhere(directory: TemporaryDirectory, fileDescriptor: number): void {
  expect(fstatSync(fileDescriptor).rdev).toBe(statSync(devNull).rdev);
  writeSync(fileDescriptor, "after");
  expect(readFileSync(directory.join("stream"), "utf8")).toBe("before");
  closeSync(fileDescriptor);
}

const systemCalls = loadSystemCalls();

test.skipIf(systemCalls === null)("a descriptor that is given up is free at no moment", () => {
  using directory = new TemporaryDirectory();
  const fileDescriptor = usedDescriptor(directory);
  const taken: boolean[] = [];
  if (systemCalls === null) return;
  leadNowhere(
    fileDescriptor,
    watched(systemCalls, (target) => {
      taken.push(fstatSync(target).isFile());
    }),
  );
  expect(taken).toEqual([true, false]);
  expectNowhere(directory, fileDescriptor);
});
