/**
 * One of a few words (spec 06 §3).
 */
import type { ValueParser } from "./value.ts";

/** The parser of exactly these words, of which there are at least three. */
export function oneOf<T extends string>(...words: readonly T[]): ValueParser<T> {
  const quoted = words.map((word) => `'${word}'`);
  const expected = `${quoted.slice(0, -1).join(", ")}, or ${quoted.at(-1) ?? ""}`;
  return (text) => {
    const value = words.find((word) => word === text);
    return value === undefined ? { error: `expected one of ${expected}, but found '${text}'` } : { value };
  };
}
