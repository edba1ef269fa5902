import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { kernelsOf, variants } from "../test/variants.ts";
import { ChecksumStream } from "./checksum-stream.ts";
import { detectSimd } from "./kernel-module.ts";
import { createKernels } from "./kernels.ts";
import { LinearMemory } from "./linear-memory.ts";

describe.each(variants)("for $name", (variant) => {
  test("allZero finds any byte that is not, and looks no further than told", () => {
    const kernels = kernelsOf(variant);
    const { memory } = kernels;
    const region = memory.allocate(1024, 64);
    const range = fc.record({ start: fc.nat({ max: 63 }), size: fc.nat({ max: 700 }) });
    fc.assert(
      fc.property(range, fc.nat({ max: 1023 }), fc.integer({ min: 1, max: 255 }), ({ start, size }, place, byte) => {
        memory.bytes.fill(0, region, region + 1024);
        expect(kernels.allZero(region + start, size)).toBe(true);
        memory.bytes[region + place] = byte;
        const reference = memory.bytes.subarray(region + start, region + start + size).every((value) => value === 0);
        expect(kernels.allZero(region + start, size)).toBe(reference);
      }),
    );
  });

  test("records are copied and compared as a whole", () => {
    const kernels = kernelsOf(variant);
    const { memory } = kernels;
    const [a, b] = [memory.allocate(96, 16), memory.allocate(96, 16)];
    memory.bytes.fill(7, a, a + 80);
    kernels.copyRecord(b, a, 80);
    expect(memory.bytes.slice(b, b + 96)).toEqual(memory.bytes.slice(a, a + 96));
    for (let place = 0; place < 80; place += 1) {
      memory.bytes[b + place] = 8;
      expect(kernels.equalRecords(a, b, 80)).toBe(false);
      memory.bytes[b + place] = 7;
    }
    memory.bytes[b + 80] = 8;
    expect(kernels.equalRecords(a, b, 80)).toBe(true);
    expect(() => kernels.copyRecord(a, b, 81)).toThrow("records of 81 bytes");
  });

  test("a range outside of the memory is refused", () => {
    const kernels = kernelsOf(variant, 65_536);
    const result = kernels.memory.allocate(16, 16);
    expect(() => kernels.checksum(65_000, 1000, result)).toThrow("bytes 65000 + 1000 are not in the memory's");
    expect(() => kernels.checksum(result, 16, 0)).toThrow("bytes 0 + 16 are not in");
    expect(() => kernels.checksum(result, -1, result)).toThrow("+ -1 are not in");
    expect(() => kernels.checksum(result, 0.5, result)).toThrow("+ 0.5 are not in");
    expect(() => kernels.allZero(Number.NaN, 1)).toThrow("bytes NaN + 1");
    expect(() => kernels.checksumEquals(result, 65_521)).toThrow("bytes 65521 + 16");
  });

  test("a stream must be begun", () => {
    const kernels = kernelsOf(variant);
    const stream = new ChecksumStream(kernels);
    const result = kernels.memory.allocate(16, 16);
    expect(() => stream.update(result, 1)).toThrow("update before begin");
    stream.begin();
    stream.finish(result);
    expect(() => stream.finish(result)).toThrow("finish before begin");
  });
});

test("the fastest instructions of this engine are taken unless told", () => {
  expect(detectSimd()).toBe("relaxed");
  expect(createKernels({ memory: new LinearMemory({ sizeBytes: 1 }) }).simd).toBe("relaxed");
});
