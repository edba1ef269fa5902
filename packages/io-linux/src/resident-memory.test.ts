import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { makeResident } from "./resident-memory.ts";

const PAGE_SIZE_BYTES = 65_536;
const MIB = 2 ** 20;

function residentSizeBytes(): number {
  const kibibytes = /^VmRSS:\s*(\d+) kB$/mu.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (kibibytes === undefined) throw new Error("/proc has no VmRSS");
  return Number(kibibytes) * 1024;
}

function sharedMemory(sizeBytes: number): WebAssembly.Memory {
  const pages = sizeBytes / PAGE_SIZE_BYTES;
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

test("a memory is resident once it was touched, and its bytes are what they were", async () => {
  const sizeBytes = 256 * MIB;
  const memory = sharedMemory(sizeBytes);
  const bytes = new Uint8Array(memory.buffer);
  const marked = [0, 4096, 4099, sizeBytes - 4096, sizeBytes - 1];
  for (const [number, at] of marked.entries()) bytes[at] = number + 1;
  const before = residentSizeBytes();
  await makeResident(memory).done;
  expect(residentSizeBytes() - before).toBeGreaterThan(0.9 * sizeBytes);
  expect(marked.map((at) => bytes[at])).toEqual([1, 2, 3, 4, 5]);
});

test("bytes that are written while a memory is touched stay written", async () => {
  const memory = sharedMemory(64 * MIB);
  const bytes = new Uint8Array(memory.buffer);
  const touching = makeResident(memory);
  for (let at = bytes.length - 4096; at >= 0; at -= 4096) bytes[at] = 7;
  await touching.done;
  for (let at = 0; at < bytes.length; at += 4096) if (bytes[at] !== 7) expect.fail(`byte ${at} is ${bytes[at]}`);
});

test("touching can be stopped", async () => {
  const touching = makeResident(sharedMemory(1024 * MIB));
  touching.stop();
  await touching.done;
});

test("a memory that no other thread can see is refused", () => {
  expect(() => makeResident(new WebAssembly.Memory({ initial: 1, maximum: 1 }))).toThrow("shared memory");
});
