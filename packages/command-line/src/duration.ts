/**
 * Durations as the command line takes and prints them (spec 06 §3, §4.4): components such as `1h30m`, added up.
 */
import { parseUnsigned } from "./integer.ts";
import type { ParsedValue } from "./value.ts";

const DAY_NS = 24n * 60n * 60n * 1_000_000_000n;

/** The smallest duration that is too large. */
const DURATION_LIMIT_NS = 1000n * DAY_NS;

const U64_BITS = 64n;

/** Units in the order in which they are tried as prefixes, so that `1ms` are milliseconds and `1m` is a minute. */
const UNITS: readonly (readonly [name: string, ns: bigint])[] = [
  ["ns", 1n],
  ["us", 1000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60n * 1_000_000_000n],
  ["h", 3600n * 1_000_000_000n],
  ["d", DAY_NS],
];

const UNIT_NAMES = UNITS.map(([name]) => name).join(", ");

/** Reads a duration of less than 1000 days, in nanoseconds. */
export function parseDuration(text: string): ParsedValue<bigint> {
  if (text === "") return { error: `missing value: '${text}'` };
  let totalNs = 0n;
  let rest = text;
  while (rest !== "") {
    const component = parseComponent(rest, text);
    if ("error" in component) return component;
    totalNs += component.value.ns;
    if (totalNs >> U64_BITS !== 0n) return { error: `integer overflow: '${text}'` };
    rest = component.value.rest;
  }
  if (totalNs >= DURATION_LIMIT_NS) return { error: `duration too large: '${text}'` };
  return { value: totalNs };
}

/** Reads the first component of `rest`, which is the end of `text`. */
function parseComponent(rest: string, text: string): ParsedValue<{ ns: bigint; rest: string }> {
  const digits = /^[0-9]*/u.exec(rest)?.[0] ?? "";
  if (digits === "") return { error: `missing value: '${text}'` };
  const behind = rest.slice(digits.length);
  if (behind === "") return { error: `missing unit; must be one of ${UNIT_NAMES}: '${text}'` };
  const unit = UNITS.find(([name]) => behind.startsWith(name));
  if (unit === undefined) return { error: `unknown unit; must be one of ${UNIT_NAMES}: '${text}'` };
  if (digits.length > 1 && digits.startsWith("0")) return { error: `leading zero disallowed: '${text}'` };
  const count = parseUnsigned(digits, Number(U64_BITS));
  if ("error" in count || (count.value * unit[1]) >> U64_BITS !== 0n) return { error: `integer overflow: '${text}'` };
  return { value: { ns: count.value * unit[1], rest: behind.slice(unit[0].length) } };
}

/** Units of the printed form, with weeks, largest first. */
const PRINTED_UNITS: readonly (readonly [name: string, ns: bigint])[] = [
  ["w", 7n * DAY_NS],
  ["d", DAY_NS],
  ["h", 3600n * 1_000_000_000n],
  ["m", 60n * 1_000_000_000n],
];

/** Below a minute: one unit, with a fraction if need be. */
const FRACTION_UNITS: readonly (readonly [name: string, ns: bigint])[] = [
  ["s", 1_000_000_000n],
  ["ms", 1_000_000n],
  ["us", 1000n],
  ["ns", 1n],
];

/** Nanoseconds for people: `50ms`, `1m`, `25w5d`. */
export function formatDuration(ns: bigint): string {
  let text = "";
  let rest = ns;
  for (const [name, unitNs] of PRINTED_UNITS) {
    if (rest >= unitNs) text += `${rest / unitNs}${name}`;
    rest %= unitNs;
  }
  const unit = FRACTION_UNITS.find(([, unitNs]) => rest >= unitNs);
  if (unit === undefined) return text === "" ? "0ns" : text;
  const [name, unitNs] = unit;
  const fraction = (rest % unitNs)
    .toString()
    .padStart(unitNs.toString().length - 1, "0")
    .replace(/0+$/u, "");
  return `${text}${rest / unitNs}${fraction === "" || unitNs === 1n ? "" : `.${fraction}`}${name}`;
}
