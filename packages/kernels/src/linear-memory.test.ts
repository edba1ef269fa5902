import { expect, test } from "vitest";

import { AssertionError } from "./assert.ts";
import { createKernels } from "./kernels.ts";
import { LinearMemory, linearMemorySizeMaxBytes, pageSizeBytes } from "./linear-memory.ts";

test("a memory is shared unless said otherwise, and whole pages", () => {
  const memory = new LinearMemory({ sizeBytes: pageSizeBytes + 1 });
  expect(memory.sizeBytes).toBe(2 * pageSizeBytes);
  expect(memory.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(new LinearMemory({ sizeBytes: 1, shared: false }).memory.buffer).toBeInstanceOf(ArrayBuffer);
});

test.each([0, -1, 1.5, linearMemorySizeMaxBytes + 1, Number.NaN])("no memory has %d bytes", (sizeBytes) => {
  expect(() => new LinearMemory({ sizeBytes })).toThrow(`a memory of ${sizeBytes} bytes: expected 1..4294967296`);
});

test("a memory reaches as far as a pointer", () => {
  const memory = new LinearMemory({ sizeBytes: linearMemorySizeMaxBytes });
  const kernels = createKernels({ memory });
  memory.allocate(memory.freeSizeBytes - 64, 1);
  const last = memory.allocate(64, 1);
  memory.bytes[last + 63] = 1;
  expect(kernels.allZero(last, 64)).toBe(false);
  expect(kernels.allZero(last, 63)).toBe(true);
  kernels.checksum(last, 64, last);
  expect(memory.bytes.subarray(last, last + 16)).not.toEqual(new Uint8Array(16));
});

test("allocations are aligned, zero, apart and above the kernels' tables", () => {
  const memory = new LinearMemory({ sizeBytes: 1 << 20 });
  createKernels({ memory });
  let end = memory.sizeBytes - memory.freeSizeBytes;
  for (const alignment of [1, 16, 4096, 1, 64, 65_536]) {
    const pointer = memory.allocate(100, alignment);
    expect(pointer % alignment).toBe(0);
    expect(pointer).toBeGreaterThanOrEqual(end);
    expect(memory.bytes.subarray(pointer, pointer + 100).every((byte) => byte === 0)).toBe(true);
    memory.bytes.fill(0xff, pointer, pointer + 100);
    end = pointer + 100;
  }
});

test("usage adds up by label", () => {
  const memory = new LinearMemory({ sizeBytes: 4 * pageSizeBytes });
  memory.allocate(100, 4096, "messages");
  memory.allocate(1000, 8, "blocks");
  memory.allocate(1, 1, "messages");
  const usage = memory.usage();
  expect(usage.map(({ label }) => label)).toEqual(["kernel tables", "messages", "blocks"]);
  const used = usage.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  expect(used + memory.freeSizeBytes).toBe(memory.sizeBytes);
  expect(memory.describe().split("\n")).toHaveLength(5);
  expect(memory.describe()).toMatch(/^total +0\.250 MiB$/m);
});

test("a memory that is used up says who wanted how much", () => {
  const memory = new LinearMemory({ sizeBytes: pageSizeBytes });
  memory.allocate(1000, 1, "messages");
  expect(() => memory.allocate(pageSizeBytes, 16, "blocks")).toThrow(AssertionError);
  expect(() => memory.allocate(pageSizeBytes, 16, "blocks")).toThrow(
    new RegExp(
      `^blocks needs 65536 bytes at a multiple of 16: ${memory.freeSizeBytes} of 65536 bytes are left\nkernel`,
    ),
  );
});

test.each([0, 3, -16, 131_072, 1.5])("no alignment is %d", (alignment) => {
  expect(() => new LinearMemory({ sizeBytes: 1 }).allocate(1, alignment)).toThrow(`alignment ${alignment}`);
});

test("an attached memory has the same bytes and tables, and its owner allocates", () => {
  const owner = new LinearMemory({ sizeBytes: 1 << 20 });
  const kernels = createKernels({ memory: owner });
  const [scratch, data, result] = [owner.allocate(176, 16), owner.allocate(256, 16), owner.allocate(32, 16)];
  const attached = LinearMemory.attach(owner.memory);
  const workerKernels = createKernels({ memory: attached, scratch });
  kernels.checksum(data, 256, result);
  workerKernels.checksum(data, 256, result + 16);
  expect(workerKernels.checksumEquals(result, result + 16)).toBe(true);
  expect(() => attached.allocate(1, 1, "mine")).toThrow("mine needs 1 bytes");
});
