import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatRelease,
  parseRelease,
  readReleaseList,
  RELEASE_MINIMUM,
  releaseListValid,
  releaseOf,
  writeReleaseList,
} from "./release.ts";

describe("a release", () => {
  test.each([
    ["0.17.8", 0x1108],
    ["0.16.4", 0x1004],
    ["0.15.3", 0x0f03],
    ["0.0.1", RELEASE_MINIMUM],
    ["0.0.0", 0],
    ["65535.255.255", 0xffff_ffff],
  ])("%s is %i", (text, release) => {
    expect(parseRelease(text)).toBe(release);
    expect(formatRelease(release)).toBe(text);
  });

  const none = [
    "0 0.0 0.0.0.1 0..0.1 .0.0.1 0.0.1. v0.0.1 0.0.1v 0.0.256 0.256.0 65536.0.0 00.0.1 0.01.0 0.0.01 +0.0.1 -0.0.1",
    "0.0.-1 1_0.0.0 0x1.0.0 1e1.0.0 a.b.c ١.٢.٣ 99999999999999999999.0.0",
  ]
    .flatMap((texts) => texts.split(" "))
    .concat("", " 0.0.1", "0.0.1 ", "0.0.1\n");

  test.each(none)("%j is none", (text) => {
    expect(parseRelease(text)).toBeNull();
  });

  test("any release reads as it prints, and they compare as their triples", () => {
    const triple = fc.tuple(fc.nat(65_535), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(triple, triple, (a, b) => {
        expect(parseRelease(formatRelease(releaseOf(...a)))).toBe(releaseOf(...a));
        const byTriple = a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
        expect(Math.sign(releaseOf(...a) - releaseOf(...b))).toBe(Math.sign(byTriple));
      }),
    );
  });

  test("any text is read or refused without an exception", () => {
    const characters = fc.constantFrom(...Array.from("0123456789.-+v _"));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: characters })), (text) => {
        const release = parseRelease(text);
        expect(release === null || formatRelease(release) === text).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("its parts must fit", () => {
    expect(() => releaseOf(65_536, 0, 0)).toThrow("not a major version");
    expect(() => releaseOf(0, 256, 0)).toThrow("not a minor version");
    expect(() => releaseOf(0, 0, -1)).toThrow("not a patch version");
  });
});

describe("a list of releases", () => {
  test.each([
    [[1], true],
    [[1, 2, 4361], true],
    [[], false],
    [[0], false],
    [[0, 1], false],
    [[2, 2], false],
    [[3, 2], false],
    [Array.from({ length: 64 }, (_, index) => index + 1), true],
    [Array.from({ length: 65 }, (_, index) => index + 1), false],
  ])("%j is valid: %s", (releases, valid) => {
    expect(releaseListValid(releases, 64)).toBe(valid);
  });

  test("is written in front of zeros and read again", () => {
    const body = new Uint8Array(256).fill(0xff);
    writeReleaseList(body, [4100, 4361]);
    expect(readReleaseList(body, 2)).toEqual([4100, 4361]);
    expect(body.subarray(8).every((byte) => byte === 0)).toBe(true);
  });

  test("is valid before it is written", () => {
    expect(() => writeReleaseList(new Uint8Array(256), [])).toThrow("releases");
    expect(() => writeReleaseList(new Uint8Array(4), [1, 2])).toThrow("releases 1,2");
  });
});
