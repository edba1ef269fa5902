import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { referenceChecksum, seedState } from "../test/aegis-128l.ts";
import { hex, kernelsOf, variants } from "../test/variants.ts";
import { Xoshiro } from "../test/xoshiro.ts";
import { checksumInto, checksumOf, checksumOfNothing } from "./checksum-bytes.ts";
import { ChecksumStream } from "./checksum-stream.ts";
import type { Kernels } from "./kernels.ts";

const zeroes = (size: number): Uint8Array => new Uint8Array(size);
const counting = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => index);

/** Tags in memory order, from the reference server. */
const vectors: readonly (readonly [name: string, input: Uint8Array, tag: string])[] = [
  ["nothing", zeroes(0), "83cc600dc4e3e7e62d4055826174f149"],
  ["1 zero", zeroes(1), "6e12b8774264fed574e418fe77b706bc"],
  ["15 zeroes", zeroes(15), "3a763c881f97490b23f1a543147658b1"],
  ["16 zeroes", zeroes(16), "f72ad48dd05dd1656133101cd4be3a26"],
  ["17 zeroes", zeroes(17), "eb40b75cd7e25e8ca1b1307ad616f94b"],
  ["31 zeroes", zeroes(31), "6b89371cd295fca16ac3213f93a68315"],
  ["32 zeroes", zeroes(32), "087545991d8771ea723fef90d9f515cd"],
  ["33 zeroes", zeroes(33), "6e8e73d4abef7c822c07fa88b3e9ae71"],
  ["64 zeroes", zeroes(64), "c6da54821a9fd0f2b34c06ffc17a5cd2"],
  ["256 zeroes", zeroes(256), "651b82f3ddd4fcbf2deb8496e8ff613c"],
  ["1024 zeroes", zeroes(1024), "6bb11f290f39dd75ae639380a90b483d"],
  ["bytes 0..14", counting(15), "977666ded767116cd35c3d7ff44d9d60"],
  ["bytes 0..15", counting(16), "e8e0378638d7e8c7d35abf3499963d99"],
  ["bytes 0..30", counting(31), "419e43b0a730e59ecedf48700b4d97ba"],
  ["bytes 0..31", counting(32), "2a7ca5353eba9161dc6c83c36d2e6adb"],
  ["bytes 0..32", counting(33), "205dbc4d693090b206092b05c26870c4"],
  ["bytes 0..63", counting(64), "b4e8e46cee04a401ec67bad73df4aa60"],
  ["bytes 0..255", counting(256), "d6ba1c495ca4c976f5d0993644aa9acd"],
  ["bytes 0..255 four times", counting(1024), "60d68e0aae07af82c7cfff5c5fed9eaf"],
  ["TigerBeetle", new TextEncoder().encode("TigerBeetle"), "dcab7433824ec28d90d401f97b039685"],
];

const seedBlocks: readonly string[] = [
  "72f2f45d9ec742023e84aa66aefd3592",
  "42071dcd301af7cf8a7c6c4a20f63065",
  "f84ea4a1c6aa99cea51d8b5c9cc3058f",
  "0fc05e1117af1075a41119f329c5a8d2",
  "57888c33d3160355364035c8f21e7986",
  "48fa4b5dd57042c4084fe9f51508b644",
  "0b9989cc910503850305de7ef1a98bfe",
  "b30e7521390ccf8ecfe94af687955dd7",
];

/** Data at any alignment, and where its checksum goes. */
function checksumWith(kernels: Kernels, alignment: number = 0): (data: Uint8Array) => Uint8Array {
  const { memory } = kernels;
  const data = memory.allocate(16_384, 64, "test") + alignment;
  const result = memory.allocate(16, 16, "test");
  return (bytes) => {
    memory.bytes.set(bytes, data);
    kernels.checksum(data, bytes.length, result);
    return memory.bytes.slice(result, result + 16);
  };
}

describe("the reference", () => {
  test.each(vectors)("has the tag of %s", (_, input, tag) => {
    expect(hex(referenceChecksum(input))).toBe(tag);
  });

  test("starts from the specified state", () => {
    expect(seedState.map((block) => hex(Uint8Array.from(block)))).toEqual(seedBlocks);
  });
});

describe.each(variants)("the kernel for $name", (variant) => {
  test.each(vectors)("has the tag of %s", (_, input, tag) => {
    expect(hex(checksumWith(kernelsOf(variant))(input))).toBe(tag);
  });

  test("starts from the specified state", () => {
    const kernels = kernelsOf(variant);
    const result = kernels.memory.allocate(16, 16);
    const blocks = seedBlocks.map((_, index) => {
      kernels.exports.seedBlockBytes(index, result);
      return hex(kernels.memory.bytes.slice(result, result + 16));
    });
    expect(blocks).toEqual(seedBlocks);
  });

  test("agrees with the reference for any bytes at any alignment", () => {
    const kernels = kernelsOf(variant);
    const checksums = Array.from({ length: 16 }, (_, alignment) => checksumWith(kernels, alignment));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000, size: "max" }), fc.constantFrom(...checksums), (data, checksum) => {
        expect(hex(checksum(data))).toBe(hex(referenceChecksum(data)));
      }),
      { numRuns: 40 },
    );
  });

  test("agrees with the reference for every size up to a few chunks", () => {
    const checksum = checksumWith(kernelsOf(variant));
    const data = new Xoshiro(7n).fill(130);
    for (let size = 0; size <= data.length; size++) {
      const piece = data.subarray(0, size);
      expect(hex(checksum(piece))).toBe(hex(referenceChecksum(piece)));
    }
  });

  test("gives a stream the checksum of the whole, however it is split", () => {
    const kernels = kernelsOf(variant);
    const { memory } = kernels;
    const checksum = checksumWith(kernels);
    const stream = new ChecksumStream(kernels);
    const pieces = memory.allocate(5000, 1);
    const result = memory.allocate(16, 16);
    const splits = fc.array(fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 5000 })), { maxLength: 30 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000, size: "max" }), splits, (data, sizes) => {
        memory.bytes.set(data, pieces);
        stream.begin();
        let fed = 0;
        for (const size of [...sizes, data.length]) {
          const taken = Math.min(size, data.length - fed);
          stream.update(pieces + fed, taken);
          fed += taken;
        }
        stream.finish(result);
        expect(hex(memory.bytes.slice(result, result + 16))).toBe(hex(checksum(data)));
      }),
    );
  });

  test("is stable over 896 inputs", () => {
    const checksum = checksumWith(kernelsOf(variant));
    const inputs: Uint8Array[] = [];
    for (let size = 0; size < 128; size++) inputs.push(zeroes(size));
    for (let bit = 0; bit < 512; bit++) {
      const input = zeroes(64);
      input[bit >> 3] = 1 << (bit & 7);
      inputs.push(input);
    }
    const random = new Xoshiro(92n);
    for (let size = 13; size < 269; size++) inputs.push(random.fill(size));
    const tags = inputs.map(checksum);
    expect(new Set(tags.map(hex)).size).toBe(896);
    expect(tags.map(hex)).not.toContain("00".repeat(16));
    expect(tags.map(hex)).not.toContain("ff".repeat(16));
    expect(hex(checksum(concatenate(tags)).reverse())).toBe("82dcaacf4875b279446825b6830d1263");
  });

  test("is stable over 4112 alignments and sizes", () => {
    const kernels = kernelsOf(variant);
    const { memory } = kernels;
    const input = memory.allocate(8192, 16);
    const result = memory.allocate(4112 * 16, 16);
    memory.bytes.set(new Xoshiro(92n).fill(8192), input);
    let next = result;
    for (let start = 0; start < 16; start++) {
      kernels.checksum(input + start, 8192 - start, next);
      next += 16;
      for (let size = 0; size < 256; size++, next += 16) kernels.checksum(input + start, size, next);
    }
    kernels.checksum(result, next - result, result);
    expect(hex(memory.bytes.slice(result, result + 16).reverse())).toBe("c8e7102d72ce96458639f6027da0fba0");
  });

  test("tells equal checksums from others", () => {
    const kernels = kernelsOf(variant);
    const { memory } = kernels;
    const [a, b] = [memory.allocate(16, 16), memory.allocate(16, 16)];
    expect(kernels.checksumEquals(a, b)).toBe(true);
    for (let byte = 0; byte < 16; byte++) {
      memory.bytes[b + byte] = 0x80;
      expect(kernels.checksumEquals(a, b)).toBe(false);
      memory.bytes[b + byte] = 0;
    }
  });
});

describe("the checksum of bytes elsewhere", () => {
  test.each(vectors)("has the tag of %s", (_, input, tag) => {
    const out = new Uint8Array(16);
    checksumInto(input, out);
    expect(hex(out)).toBe(tag);
    expect(checksumOf(input)).toBe(BigInt(`0x${hex(out.reverse())}`));
  });

  test("of nothing is the constant", () => {
    expect(checksumOf(zeroes(0))).toBe(checksumOfNothing);
  });

  test.each([65_535, 65_536, 65_537, 200_000])("agrees with the kernel for %i bytes, more than one copy", (size) => {
    const kernels = kernelsOf({ shared: true, simd: "plain" });
    const { memory } = kernels;
    const data = memory.allocate(size, 16);
    const result = memory.allocate(16, 16);
    memory.bytes.set(new Xoshiro(1n).fill(size), data);
    kernels.checksum(data, size, result);
    expect(checksumOf(memory.bytes.subarray(data, data + size))).toBe(
      (memory.view.getBigUint64(result + 8, true) << 64n) | memory.view.getBigUint64(result, true),
    );
  });

  test("goes into exactly 16 bytes", () => {
    expect(() => checksumInto(zeroes(1), zeroes(15))).toThrow("checksum into 15 bytes: expected 16");
  });
});

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
