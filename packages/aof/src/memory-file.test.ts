import { describe, expect, test } from "vitest";
import { fileCompliance, type FileSubject } from "../compliance/index.ts";
import { MemoryFile } from "./memory-file.ts";

function createSubject(): Promise<FileSubject> {
  const ticked: (() => void)[] = [];
  const file = new MemoryFile({ nextTick: (callback) => ticked.push(callback) });
  return Promise.resolve({
    file,
    open: () => new MemoryFile({ bytes: file.bytes }),
    moveAway: () => file.setPathTarget("nothing"),
    openMoved: () => new MemoryFile({ bytes: file.left[0] ?? new Uint8Array(0) }),
    until: (condition) => {
      while (!condition()) ticked.shift()?.();
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
}

describe("the ports to files, in memory", () => {
  for (const { name, run } of fileCompliance) test(name, () => run(createSubject));
});

test("a crash leaves what was synced", () => {
  let synced = (): void => undefined;
  const file = new MemoryFile({ nextTick: (callback) => (synced = callback) });
  file.append([Uint8Array.of(1, 2, 3)]);
  file.sync(() => undefined);
  file.append([Uint8Array.of(4)]);
  expect(file.syncedSizeBytes).toBe(0);
  synced();
  expect(file.syncedSizeBytes).toBe(3);
  file.truncate(3);
  expect(file.bytes).toEqual(Uint8Array.of(1, 2, 3));
});

test("a file that is synced needs someone to call back later", () => {
  expect(() => new MemoryFile().sync(() => undefined)).toThrow("needs `nextTick`");
});
