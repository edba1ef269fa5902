import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { formatDuration, parseDuration } from "./duration.ts";
import { parseUnsigned } from "./integer.ts";
import { parseRatio } from "./ratio.ts";
import { formatSize, parseSize } from "./size.ts";
import type { ParsedValue } from "./value.ts";

const numRuns = 1000 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);

/** Text that looks like what the parsers take, one character off. */
const almost = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom(..."0123456789_/-+ .kKmMgGtTiIbBnusmhd".split("")), maxLength: 24 }),
);

function valueOf<T>(parsed: ParsedValue<T>): T {
  if ("error" in parsed) throw new Error(parsed.error);
  return parsed.value;
}

function errorOf(parsed: ParsedValue<unknown>): string {
  if ("error" in parsed) return parsed.error;
  throw new Error("no error");
}

describe("integers", () => {
  test.each([
    ["", "invalid digit"],
    ["+1", "invalid digit"],
    ["-1", "invalid digit"],
    ["0x10", "invalid digit"],
    ["1.0", "invalid digit"],
    ["_1", "invalid digit"],
    ["1_", "invalid digit"],
    ["٣", "invalid digit"],
    ["00", "leading zero disallowed"],
    ["01", "leading zero disallowed"],
    ["0_1", "leading zero disallowed"],
    ["256", "value exceeds 8-bit unsigned integer"],
    ["9".repeat(100_000), "value exceeds 8-bit unsigned integer"],
  ])("%.20s is refused: %s", (text, error) => {
    expect(errorOf(parseUnsigned(text, 8))).toContain(error);
  });

  test("every integer that fits is read as written, with or without separators", () => {
    fc.assert(
      fc.property(fc.constantFrom(8, 16, 32, 64, 128), fc.bigInt({ min: 0n, max: 2n ** 128n }), (bits, value) => {
        const parsed = parseUnsigned(String(value), bits);
        expect("value" in parsed).toBe(value < 2n ** BigInt(bits));
        if ("value" in parsed) expect(parsed.value).toBe(value);
        expect(parseUnsigned(String(value).split("").join("_"), bits)).toHaveProperty(
          "value" in parsed ? "value" : "error",
        );
      }),
      { numRuns },
    );
  });
});

describe("sizes", () => {
  test.each([
    ["0", 0n],
    ["4096", 4096n],
    ["4_096", 4096n],
    ["7bytes", 7n],
    ["1KiB", 1024n],
    ["32kib", 32_768n],
    ["1MiB", 2n ** 20n],
    ["1GIB", 2n ** 30n],
    ["16TiB", 2n ** 44n],
    ["18446744073709551615", 2n ** 64n - 1n],
  ])("%s is %s bytes", (text, bytes) => {
    expect(valueOf(parseSize(text)).bytes).toBe(bytes);
  });

  test.each([
    ["", "expected a size, but found:"],
    ["KiB", "expected a size, but found:"],
    ["-1", "expected a size, but found:"],
    ["1_", "expected a size, but found:"],
    ["01KiB", "leading zero disallowed:"],
    ["18446744073709551616", "value exceeds 64-bit unsigned integer:"],
    ["18014398509481984KiB", "size in bytes exceeds 64-bit unsigned integer:"],
    ["16777216TiB", "size in bytes exceeds 64-bit unsigned integer:"],
    ["1KB", "invalid unit in size, needed KiB, MiB, GiB or TiB:"],
    ["1 KiB", "invalid unit in size, needed KiB, MiB, GiB or TiB:"],
    ["1K", "invalid unit in size, needed KiB, MiB, GiB or TiB:"],
    ["1KiBKiB", "invalid unit in size, needed KiB, MiB, GiB or TiB:"],
  ])("%s is refused: %s", (text, error) => {
    expect(errorOf(parseSize(text))).toContain(error);
  });

  test("what is printed is read back as the same size", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.constantFrom(0n, 10n, 20n, 30n, 40n),
        (value, shift) => {
          const bytes = BigInt.asUintN(64, value << shift);
          expect(valueOf(parseSize(formatSize(bytes))).bytes).toBe(bytes);
        },
      ),
      { numRuns },
    );
  });
});

describe("durations", () => {
  test.each([
    ["0ns", 0n],
    ["1ms", 1_000_000n],
    ["1m", 60_000_000_000n],
    ["1us1ns", 1001n],
    ["1h30m", 5_400_000_000_000n],
    ["2d", 172_800_000_000_000n],
    ["30s30s", 60_000_000_000n],
  ])("%s is %s ns", (text, ns) => {
    expect(valueOf(parseDuration(text))).toBe(ns);
  });

  test.each([
    ["", "missing value:"],
    ["ms", "missing value:"],
    ["1ms ", "missing value:"],
    ["1", "missing unit;"],
    ["1h30", "missing unit;"],
    ["1x", "unknown unit;"],
    ["1MS", "unknown unit;"],
    ["01s", "leading zero disallowed:"],
    ["18446744073709551616ns", "integer overflow:"],
    ["18446744073709551615s", "integer overflow:"],
    ["1000d", "duration too large:"],
  ])("%s is refused: %s", (text, error) => {
    expect(errorOf(parseDuration(text))).toContain(error);
  });

  test("what is printed in whole units below a week is read back as the same duration", () => {
    const units = fc.constantFrom(1n, 1000n, 1_000_000n, 1_000_000_000n, 60_000_000_000n, 3_600_000_000_000n);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 59n }), units, (count, unit) => {
        expect(valueOf(parseDuration(formatDuration(count * unit)))).toBe(count * unit);
      }),
      { numRuns },
    );
  });

  test.each([
    [180n * 86_400_000_000_000n, "25w5d"],
    [50_000_000n, "50ms"],
    [1_500_000_000n, "1.5s"],
    [60_000_000_000n, "1m"],
    [0n, "0ns"],
  ])("%s ns is printed as %s", (ns, text) => {
    expect(formatDuration(ns)).toBe(text);
  });
});

describe("ratios", () => {
  test.each([
    ["0", 0n, 1n],
    ["2/5", 2n, 5n],
    ["0/7", 0n, 7n],
    ["7/7", 7n, 7n],
  ])("%s is read", (text, numerator, denominator) => {
    expect(valueOf(parseRatio(text))).toEqual({ numerator, denominator });
  });

  test.each([
    ["", "expected 'a/b' ratio, but found:"],
    ["1", "expected 'a/b' ratio, but found:"],
    ["0.5", "expected 'a/b' ratio, but found:"],
    ["x/5", "invalid numerator:"],
    ["/5", "invalid numerator:"],
    ["1/", "invalid denominator:"],
    ["1/2/3", "invalid denominator:"],
    ["1/0", "denominator is zero:"],
    ["3/2", "ratio greater than 1:"],
  ])("%s is refused: %s", (text, error) => {
    expect(errorOf(parseRatio(text))).toContain(error);
  });
});

test("no text makes a parser throw, and no value is out of range", () => {
  fc.assert(
    fc.property(almost, (text) => {
      const size = parseSize(text);
      if ("value" in size) expect(size.value.bytes).toBeLessThan(2n ** 64n);
      const duration = parseDuration(text);
      if ("value" in duration) expect(duration.value).toBeLessThan(1000n * 86_400_000_000_000n);
      const ratio = parseRatio(text);
      if ("value" in ratio) expect(ratio.value.numerator).toBeLessThanOrEqual(ratio.value.denominator);
      parseUnsigned(text, 32);
    }),
    { numRuns },
  );
});
