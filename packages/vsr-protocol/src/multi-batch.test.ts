import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PROPERTY_RUNS } from "../test/builders.ts";
import { checksums, fromHex, fromMemoryOrder, toHex } from "../test/messages.ts";
import {
  MULTI_BATCH_COUNT_MAX,
  multiBatchCountMax,
  MultiBatchDecoder,
  multiBatchElementsMax,
  MultiBatchEncoder,
  multiBatchTrailerSizeBytes,
} from "./multi-batch.ts";

/** Writes batches of so many elements each, all of whose bytes are zero. */
function encode(elementSizeBytes: number, counts: readonly number[], bufferSizeBytes = 1 << 16): Uint8Array {
  const buffer = new Uint8Array(bufferSizeBytes);
  const encoder = new MultiBatchEncoder();
  encoder.begin(buffer, elementSizeBytes);
  for (const count of counts) encoder.add(count * elementSizeBytes);
  return buffer.slice(0, encoder.finish());
}

/** The counts of all batches, or why there are none. */
function decode(body: Uint8Array, elementSizeBytes: number): readonly number[] | string {
  const decoder = new MultiBatchDecoder();
  const reason = decoder.decode(body, elementSizeBytes);
  if (reason !== null) {
    expect(decoder.batchCount).toBe(0);
    expect(decoder.next()).toBe(false);
    return reason;
  }
  const counts: number[] = [];
  while (decoder.next()) counts.push(decoder.elementCount);
  expect(counts).toHaveLength(decoder.batchCount);
  return counts;
}

const zeroBatches = (count: number): number[] => Array.from({ length: count }, () => 0);

describe("the worked examples", () => {
  const examples: readonly (readonly [number, readonly number[], number, string])[] = [
    [128, [2], 384, `${"ff".repeat(124)} 0200 0100`],
    [16, [2], 48, `${"ff".repeat(12)} 0200 0100`],
    [128, [2, 0, 1], 512, `${"ff".repeat(120)} 0100 0000 0200 0300`],
    [16, [3, 1], 80, `${"ff".repeat(10)} 0100 0300 0200`],
    [128, [8, 1, 0, 4], 1792, `${"ff".repeat(118)} 0400 0000 0100 0800 0400`],
    [128, [0], 128, `${"ff".repeat(124)} 0000 0100`],
    [64, [1], 128, `${"ff".repeat(60)} 0100 0100`],
    [16, zeroBatches(7), 16, `${"00".repeat(14)} 0700`],
    [16, zeroBatches(8), 32, `${"ff".repeat(14)} ${"00".repeat(16)} 0800`],
    [128, zeroBatches(63), 128, `${"00".repeat(126)} 3f00`],
    [128, zeroBatches(64), 256, `${"ff".repeat(126)} ${"00".repeat(128)} 4000`],
    [8, [1, 2], 32, "ffff 0200 0100 0200"],
    [0, [0, 0], 6, "0000 0000 0200"],
  ];

  test.each(examples)("elements of %i bytes, counts %j: %i bytes", (elementSizeBytes, counts, sizeBytes, end) => {
    const body = encode(elementSizeBytes, counts);
    const trailer = fromHex(end);
    expect(body).toHaveLength(sizeBytes);
    expect(toHex(body.subarray(sizeBytes - trailer.length))).toBe(toHex(trailer));
    expect(body.subarray(0, sizeBytes - trailer.length).every((byte) => byte === 0)).toBe(true);
    expect(decode(body, elementSizeBytes)).toEqual(counts);
  });

  test.each([
    [["abc", "de"], "61 62 63 64 65 ff 0200 0300 0200"],
    [["abc", "d"], "61 62 63 64 0100 0300 0200"],
  ] as const)("elements of one byte: %j", (batches, hex) => {
    const buffer = new Uint8Array(100).fill(0xaa);
    const encoder = new MultiBatchEncoder();
    encoder.begin(buffer, 1);
    for (const batch of batches) {
      new TextEncoder().encodeInto(batch, encoder.space());
      encoder.add(batch.length);
    }
    const body = buffer.slice(0, encoder.finish());
    expect(toHex(body)).toBe(hex.replaceAll(" ", ""));

    const decoder = new MultiBatchDecoder();
    expect(decoder.decode(body, 1)).toBeNull();
    const texts: string[] = [];
    while (decoder.next()) texts.push(new TextDecoder().decode(decoder.batch()));
    expect(texts).toEqual(batches);
  });

  test.each([
    [128, [2], "ae6a5479c9f08eaf27fef0053640689d"],
    [16, [2], "3960cc1af2f8143c29d59bae2149562c"],
    [128, [2, 0, 1], "98df7da60119526c222ec9cb97f48cb5"],
    [128, [8, 1, 0, 4], "e48e9686cd1610598a28ea9b35dcf136"],
    [128, [0], "e9d8774e359279ac25e78328f00abc7a"],
    [16, [0], "a887972a1d7182f928a4de5c38de6b43"],
  ])("elements of %i bytes, counts %j: the checksum of the body", (elementSizeBytes, counts, checksum) => {
    expect(checksums.of(encode(elementSizeBytes, counts))).toBe(fromMemoryOrder(checksum));
  });
});

describe("limits", () => {
  test.each([
    [128, 1, 128],
    [128, 63, 128],
    [128, 64, 256],
    [16, 1, 16],
    [16, 7, 16],
    [16, 8, 32],
    [2, 1, 4],
    [1, 1, 4],
    [0, 3, 8],
    [8, 1, 8],
    [128, MULTI_BATCH_COUNT_MAX, 131_072],
  ])("the trailer of elements of %i bytes in %i batches has %i bytes", (elementSizeBytes, batches, sizeBytes) => {
    expect(multiBatchTrailerSizeBytes(elementSizeBytes, batches)).toBe(sizeBytes);
  });

  test.each([
    [128, 1_048_320, 8189],
    [128, 32_512, 253],
    [16, 32_512, 2031],
    [64, 32_512, 507],
    [128, 3840, 29],
    [128, 100, 0],
    [8, 1_048_320, 65_535],
  ])("elements of %i bytes in %i bytes: %i fit", (elementSizeBytes, limit, elements) => {
    expect(multiBatchElementsMax(elementSizeBytes, limit)).toBe(elements);
  });

  test.each([
    [0, 2, 0],
    [0, 4, 1],
    [128, 1_048_320, 8063],
    [0, 1_048_320, MULTI_BATCH_COUNT_MAX],
  ])("batches of at least %i bytes in %i bytes: %i fit", (batchSizeMin, limit, batches) => {
    expect(multiBatchCountMax(batchSizeMin, limit)).toBe(batches);
  });

  test("an element has no size or a power of two", () => {
    expect(() => multiBatchTrailerSizeBytes(384, 1)).toThrow("an element size of 384 bytes");
    expect(() => new MultiBatchDecoder().decode(new Uint8Array(4), -1)).toThrow("an element size of -1 bytes");
  });
});

describe("invalid bodies", () => {
  const one = (size: number): Uint8Array => encode(size, [2, 1]);
  const patched = (body: Uint8Array, at: number, byte: number): Uint8Array => {
    const patchedBody = body.slice();
    patchedBody[at < 0 ? body.length + at : at] = byte;
    return patchedBody;
  };

  test.each([
    ["empty", new Uint8Array(0), 16, "the length is odd or has no room for the number of batches"],
    ["one byte", new Uint8Array(1), 16, "the length is odd or has no room for the number of batches"],
    ["odd", one(16).subarray(1), 16, "the length is odd or has no room for the number of batches"],
    ["no batches", patched(encode(16, [0]), -2, 0), 16, "the number of batches is 0 or reserved"],
    ["reserved number", fromHex(`${"00".repeat(14)}ffff`), 16, "the number of batches is 0 or reserved"],
    ["counts beyond the body", fromHex("0800"), 2, "the counts do not fit"],
    ["filler beyond the body", fromHex("00000100"), 16, "the filler does not fit or is not 0xff"],
    ["filler is not 0xff", patched(one(16), 48, 0xfe), 16, "the filler does not fit or is not 0xff"],
    ["counted elements without a size", fromHex("01000100"), 0, "elements without a size are counted"],
    ["bytes of elements without a size", fromHex("000000000100"), 0, "the payload is not as long as its elements"],
    ["padding is missing", fromHex("01000100"), 1, "the padding is missing or not 0xff"],
    ["padding is not 0xff", fromHex("610001000100"), 1, "the padding is missing or not 0xff"],
    ["one element too few", one(16).subarray(16), 16, "the payload is not as long as its elements"],
    [
      "one element too many",
      new Uint8Array([...new Uint8Array(16), ...one(16)]),
      16,
      "the payload is not as long as its elements",
    ],
  ])("%s", (_, body, elementSizeBytes, reason) => {
    expect(decode(body, elementSizeBytes)).toBe(reason);
  });

  test("a payload of 4 GiB or more", () => {
    // Two batches of 65535 elements of 64 KiB each: the trailer is there, the elements are not.
    const large = new Uint8Array(2 ** 16).fill(0xff);
    large.set([0x02, 0x00], large.length - 2);
    expect(decode(large, 2 ** 16)).toBe("the payload is too large");
  });

  test.each([8, 16, 64, 128])("a body of elements of %i bytes read with another size or number of batches", (size) => {
    const body = encode(size, [3, 1, 2]);
    expect(decode(body, size)).toEqual([3, 1, 2]);
    expect(decode(body, size * 2)).toBeTypeOf("string");
    expect(decode(body, size / 2)).toBeTypeOf("string");
    expect(decode(patched(body, -2, 2), size)).toBeTypeOf("string");
    expect(decode(patched(body, -2, 4), size)).toBeTypeOf("string");
    expect(decode(body.subarray(size), size)).toBeTypeOf("string");
    expect(decode(body.subarray(0, body.length - size), size)).toBeTypeOf("string");
  });
});

describe("the encoder", () => {
  test("has no room for a batch when its trailer does not fit", () => {
    const encoder = new MultiBatchEncoder();
    encoder.begin(new Uint8Array(15), 16);
    expect(encoder.spaceElements()).toBeNull();
    expect(() => encoder.space()).toThrow("there is no room for batch 0");
    encoder.begin(new Uint8Array(16), 16);
    expect(encoder.spaceElements()).toBe(0);
    expect(() => encoder.add(16)).toThrow("1 elements, at most 0 fit");
  });

  test("does not use an odd last byte", () => {
    const buffer = new Uint8Array(49).fill(0xaa);
    const encoder = new MultiBatchEncoder();
    encoder.begin(buffer, 16);
    expect(encoder.spaceElements()).toBe(2);
    encoder.add(32);
    expect(encoder.finish()).toBe(48);
    expect(buffer[48]).toBe(0xaa);
  });

  test("takes at most 65534 batches", () => {
    const encoder = new MultiBatchEncoder();
    encoder.begin(new Uint8Array(1 << 18), 0);
    for (let batch = 0; batch < MULTI_BATCH_COUNT_MAX; batch += 1) encoder.add(0);
    expect(encoder.spaceElements()).toBeNull();
    expect(encoder.finish()).toBe(2 * 65_535);
  });

  test("needs a batch, whole elements and a beginning", () => {
    const encoder = new MultiBatchEncoder();
    expect(() => encoder.spaceElements()).toThrow("no body was begun");
    encoder.begin(new Uint8Array(64), 16);
    expect(() => encoder.finish()).toThrow("at least one batch");
    expect(() => encoder.add(17)).toThrow("17 bytes of 16 each");
    encoder.add(16);
    encoder.finish();
    expect(() => encoder.add(0)).toThrow("no body was begun");
  });

  test("fills a buffer to its end and never beyond", () => {
    const counts = fc.array(fc.nat(5), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 2, 4, 8, 16, 128),
        fc.nat(600),
        counts,
        (elementSizeBytes, sizeBytes, wanted) => {
          const guarded = new Uint8Array(sizeBytes + 8).fill(0x55);
          const encoder = new MultiBatchEncoder();
          encoder.begin(guarded.subarray(0, sizeBytes), elementSizeBytes);
          const written: number[] = [];
          for (const count of wanted) {
            const space = encoder.spaceElements();
            if (space === null) break;
            const elements = Math.min(count, space);
            encoder.space().fill(written.length + 1, 0, elements * elementSizeBytes);
            encoder.add(elements * elementSizeBytes);
            written.push(elements);
          }
          if (written.length === 0) return;
          const body = guarded.subarray(0, encoder.finish());
          expect(decode(body, elementSizeBytes)).toEqual(written);
          expect(guarded.subarray(sizeBytes).every((byte) => byte === 0x55)).toBe(true);
          expectBatches(body, elementSizeBytes, written);
        },
      ),
      { numRuns: PROPERTY_RUNS * 10 },
    );
  });
});

describe("hostile bodies", () => {
  const sizes = fc.constantFrom(0, 1, 2, 8, 16, 64, 128, 256);

  test("any bytes are read or refused without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), sizes, (body, elementSizeBytes) => {
        decode(body, elementSizeBytes);
      }),
      { numRuns: PROPERTY_RUNS * 10 },
    );
  });

  test("batches of a damaged body stay within it", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }), sizes, damage, (counts, size, changes) => {
        const body = encode(size, size === 0 ? counts.map(() => 0) : counts);
        for (const [at, byte] of changes) body[body.length - 1 - (at % Math.min(16, body.length))] = byte;
        const decoder = new MultiBatchDecoder();
        if (decoder.decode(body, size) !== null) return;
        let total = 0;
        while (decoder.next()) total += decoder.batch().length;
        expect(total).toBe(decoder.payloadSizeBytes);
        expect(total).toBeLessThanOrEqual(body.length);
      }),
      { numRuns: PROPERTY_RUNS * 10 },
    );
  });

  test("a decoder reads one body after another", () => {
    const decoder = new MultiBatchDecoder();
    expect(decoder.decode(encode(16, [3]), 16)).toBeNull();
    expect(decoder.next()).toBe(true);
    expect(decoder.decode(new Uint8Array(3), 16)).not.toBeNull();
    expect(decoder.batchCount).toBe(0);
    expect(decoder.decode(encode(8, [1, 2]), 8)).toBeNull();
    expect(() => decoder.elementCount).toThrow("no batch before the first");
    expect([decoder.next(), decoder.next(), decoder.next()]).toEqual([true, true, false]);
    expect([decoder.batchIndex, decoder.batchOffset, decoder.elementCount]).toEqual([1, 8, 2]);
    decoder.rewind();
    expect([decoder.next(), decoder.elementCount]).toEqual([true, 1]);
  });
});

/** Every element of batch i was filled with i + 1. */
function expectBatches(body: Uint8Array, elementSizeBytes: number, counts: readonly number[]): void {
  const decoder = new MultiBatchDecoder();
  decoder.decode(body, elementSizeBytes);
  for (const [index, count] of counts.entries()) {
    expect(decoder.next()).toBe(true);
    expect(decoder.batchIndex).toBe(index);
    expect([...decoder.batch()]).toEqual(Array.from({ length: count * elementSizeBytes }, () => index + 1));
  }
}
