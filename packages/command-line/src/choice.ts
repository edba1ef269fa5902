/**
 * One of a few words (spec 06 §3).
 */
import type { ValueParser } from "./value.ts";

/** The parser of exactly these words, of which there are at least three. */
export function oneOf<T extends string>(...words: readonly T[]): ValueParser<T> {
  const expected = alternatives(words);
  return (text) => {
    const value = words.find((word) => word === text);
    return value === undefined ? { error: `expected one of ${expected}, but found '${text}'` } : { value };
  };
}

/** `'a', 'b', or 'c'`: words to choose from, of which there are at least three. */
export function alternatives(words: readonly string[]): string {
  const quoted = words.map((word) => `'${word}'`);
  return `${quoted.slice(0, -1).join(", ")}, or ${quoted.at(-1) ?? ""}`;
}
