import { readSync, readdirSync, writeSync } from "node:fs";
import { LinearMemory } from "@stagbeetle/kernels";
import { spillCompliance, type SpillSubject } from "@stagbeetle/vsr-protocol/compliance";
import { describe, expect, test } from "vitest";
import { openSpillFile, type SpillCalls } from "./spill-file.ts";
import { TemporaryDirectory } from "./testing/temporary-directory.ts";

function subjectOn(calls: SpillCalls): SpillSubject {
  const directory = new TemporaryDirectory();
  const memory = new LinearMemory({ sizeBytes: 2 * 1024 * 1024 });
  const spill = openSpillFile([directory.path], calls);
  return {
    spill,
    memory(sizeBytes) {
      const pointer = memory.allocate(sizeBytes, 16, "test");
      return memory.bytes.subarray(pointer, pointer + sizeBytes);
    },
    until: () => Promise.resolve(),
    close() {
      spill.close();
      directory[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** Transfers that come to less than was asked for, as signals can make them. */
const inPieces: SpillCalls = {
  read: (fileDescriptor, bytes, offset, sizeBytes, position) =>
    readSync(fileDescriptor, bytes, offset, Math.ceil(sizeBytes / 3), position),
  write: (fileDescriptor, bytes, offset, sizeBytes, position) =>
    writeSync(fileDescriptor, bytes, offset, Math.ceil(sizeBytes / 3), position),
};

describe.each([
  ["as a whole", { read: readSync, write: writeSync }],
  ["in pieces", inPieces],
])("a spill file, with transfers %s", (_, calls) => {
  for (const { name, run } of spillCompliance) test(name, () => run(() => Promise.resolve(subjectOn(calls))));
});

test("has no name in its directory", () => {
  using directory = new TemporaryDirectory();
  const file = openSpillFile([directory.path]);
  file.write(0, new Uint8Array(4096));
  expect(readdirSync(directory.path)).toEqual([]);
  file.close();
});

test("says which directory has no room, or does not exist", () => {
  using directory = new TemporaryDirectory();
  const full = (): never => {
    throw Object.assign(new Error("ENOSPC: it failed"), { code: "ENOSPC" });
  };
  const file = openSpillFile([directory.path], { read: () => 0, write: full });
  expect(() => file.write(0, new Uint8Array(8))).toThrow(
    `${directory.path}: cannot write values that wait to be flushed: no space left`,
  );
  expect(() => file.read(0, new Uint8Array(8))).toThrow(
    "cannot read values that wait to be flushed: 0 of 8 bytes at 0",
  );
  file.close();
  const missing = directory.join("missing");
  expect(() => openSpillFile([missing])).toThrow(`${missing}: cannot create a file for values that wait to be flushed`);
});

test("goes to the next directory where the first takes no files", () => {
  using directory = new TemporaryDirectory();
  // Nobody, not even root, creates files there.
  const file = openSpillFile(["/sys", directory.path]);
  expect(file.directory).toBe(directory.path);
  file.close();
  expect(() => openSpillFile(["/sys"])).toThrow("/sys: cannot create a file");
});
