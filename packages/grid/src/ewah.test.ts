import { propertyRuns } from "@stagbeetle/kernels/testing";
import { checksumOf } from "@stagbeetle/kernels";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEwah, encodeEwah, ewahEncodeSizeMax } from "./ewah.ts";

const SHARD_WORDS = 64;

/** A bitset of `words` u64 words in which these addresses are set. */
function bitsOf(addresses: readonly number[], words = SHARD_WORDS): Uint32Array {
  const bits = new Uint32Array(words * 2);
  for (const address of addresses) {
    const index = address - 1;
    bits[Math.floor(index / 32)] = (bits[Math.floor(index / 32)] ?? 0) | (1 << (index % 32));
  }
  return bits;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function encode(bits: Uint32Array): Uint8Array {
  const target = new Uint32Array(ewahEncodeSizeMax(bits.length / 2) / 4).fill(0xdddd_dddd);
  const size = encodeEwah(bits, target);
  return new Uint8Array(target.buffer, 0, size);
}

function halves(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("EWAH", () => {
  const vectors: readonly (readonly [string, readonly number[], number, string, bigint])[] = [
    ["none", [], 64, "", 0x49f174618255402de6e7e3c40d60cc83n],
    ["1..42", range(1, 42), 64, "0000000001000000ffffffffff030000", 0x6ee29e3b703ca4f2526dc255f03f57fen],
    ["1..64", range(1, 64), 64, "0300000000000000", 0x2c0cdfe05b45b2977b2228dcb49cc7b2n],
    ["1..75", range(1, 75), 64, "0300000001000000ff07000000000000", 0x1e21b1af0dfa6c806b817b4185fff25fn],
    [
      "44..75",
      range(44, 75),
      64,
      "00000000020000000000000000f8ffffff07000000000000",
      0x6f71e9c40830a0b632abeb5ac490f476n,
    ],
    [
      "1..128 and 200",
      [...range(1, 128), 200],
      64,
      "050000000000000002000000010000008000000000000000",
      0x39f2e38a50f11cfb670e9c61a7bafd0bn,
    ],
    ["4097", [4097], 128, "80000000010000000100000000000000", 0x176f65d72e2621e068a776061274e241n],
    ["1..4096 in one shard", range(1, 4096), 64, "8100000000000000", 0xa0765d264baccb7e84252e4d1a0912dbn],
    ["1..4096 in two shards", range(1, 4096), 128, "8100000000000000", 0xa0765d264baccb7e84252e4d1a0912dbn],
  ];
  test.each(vectors)(
    "encodes the addresses %s as the specification does",
    (_, addresses, words, expected, checksum) => {
      const encoded = encode(bitsOf(addresses, words));
      expect(hex(encoded)).toBe(expected);
      expect(checksumOf(encoded)).toBe(checksum);
    },
  );

  test("literals stand between runs of zeros and runs of ones", () => {
    const a = 0xaaaa_aaaa;
    const b = 0x5555_5555;
    const bits = new Uint32Array(128).fill(0xffff_ffff);
    bits.set([0, 0, 0, 0, a, a, b, b, a, a]);
    expect([...halves(encode(bits))]).toEqual([4, 3, a, a, b, b, a, a, 0x77, 0]);
  });

  test("every set decodes to itself, takes no more than the maximum, and has one encoding only", () => {
    const half = fc.oneof(fc.constant(0), fc.constant(0xffff_ffff), fc.nat(0xffff_ffff));
    const word = fc.oneof(
      { weight: 3, arbitrary: fc.constant([0, 0] as const) },
      { weight: 3, arbitrary: fc.constant([0xffff_ffff, 0xffff_ffff] as const) },
      { weight: 2, arbitrary: fc.tuple(half, half) },
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 200 }), fc.nat(100), (words, zeros) => {
        const bits = Uint32Array.from(words.flat());
        const encoded = encode(bits);
        expect(encoded.length).toBeLessThanOrEqual(ewahEncodeSizeMax(words.length));
        const decoded = new Uint32Array(bits.length);
        expect(decodeEwah(halves(encoded), decoded)).toBeTypeOf("number");
        expect(decoded).toEqual(bits);
        const longer = new Uint32Array(bits.length + zeros * 2);
        longer.set(bits);
        expect(encode(longer)).toEqual(encoded);
        assertCanonical(halves(encoded));
      }),
      { numRuns: propertyRuns(200) },
    );
  });

  test("any bytes decode or are refused, and what decodes is the same set when encoded and decoded again", () => {
    const marker = fc.tuple(fc.nat(300), fc.nat(5)).map(([low, high]) => [low, high]);
    const noise = fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff)).map(([low, high]) => [low, high]);
    fc.assert(
      fc.property(fc.array(fc.oneof(marker, noise), { maxLength: 40 }), (words) => {
        const source = Uint32Array.from(words.flat());
        const target = new Uint32Array(256);
        const decoded = decodeEwah(source, target);
        if (typeof decoded === "string") {
          expect(["truncated", "tooLarge"]).toContain(decoded);
          return;
        }
        const again = new Uint32Array(256);
        decodeEwah(halves(encode(target)), again);
        expect(again).toEqual(target);
      }),
      { numRuns: propertyRuns(500) },
    );
  });

  test("a marker that announces more literals than there are is truncated", () => {
    expect(decodeEwah(Uint32Array.of(0, 2, 1, 1), new Uint32Array(128))).toBe("truncated");
    expect(decodeEwah(Uint32Array.of(0, 0xffff_ffff), new Uint32Array(128))).toBe("truncated");
  });

  test("a bit beyond the end is too large, zeros beyond the end are not", () => {
    const words = (uniform: number, bit: number): Uint32Array => Uint32Array.of(uniform * 2 + bit, 0);
    expect(decodeEwah(words(65, 1), new Uint32Array(128))).toBe("tooLarge");
    expect(decodeEwah(words(0x7fff_ffff, 1), new Uint32Array(128))).toBe("tooLarge");
    expect(decodeEwah(words(0x7fff_ffff, 0), new Uint32Array(128))).toBe(0x7fff_ffff);
    expect(decodeEwah(Uint32Array.of(64 * 2 + 1, 1, 0, 0), new Uint32Array(128))).toBe(65);
    expect(decodeEwah(Uint32Array.of(64 * 2 + 1, 1, 0, 1), new Uint32Array(128))).toBe("tooLarge");
    expect(decodeEwah(Uint32Array.of(100 * 2, 1, 1, 0), new Uint32Array(128))).toBe("tooLarge");
  });
});

/** No two markers where one would do, no literal that is uniform, no bit where there is no run, no trailing zeros. */
function assertCanonical(encoded: Uint32Array): void {
  for (let at = 0; at < encoded.length;) {
    const marker = encoded[at] ?? 0;
    const literals = encoded[at + 1] ?? 0;
    const uniform = marker >>> 1;
    if (uniform === 0) expect([marker & 1, at]).toEqual([0, 0]);
    expect(uniform + literals).toBeGreaterThan(0);
    for (let word = 0; word < literals; word += 1) {
      const [low, high] = [encoded[at + 2 + word * 2], encoded[at + 3 + word * 2]];
      expect(low === high && (low === 0 || low === 0xffff_ffff)).toBe(false);
    }
    at += 2 + literals * 2;
    if (at >= encoded.length) expect(literals === 0 && (marker & 1) === 0).toBe(false);
  }
}
