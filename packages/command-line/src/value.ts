/**
 * What the text behind a flag's `=` becomes, and the plainest kinds of it (spec 06 §3).
 */

/** A value, or what is wrong with the text: to be put behind the flag's name. */
export type ParsedValue<T> = { readonly value: T } | { readonly error: string };

/** Reads the text of a value. Never throws, whatever the text. */
export type ValueParser<T> = (text: string) => ParsedValue<T>;

/** `true` or `false`. */
export function parseBoolean(text: string): ParsedValue<boolean> {
  if (text === "true" || text === "false") return { value: text === "true" };
  return { error: `expected one of 'true' or 'false', but found '${text}'` };
}

/** Any text. That it is not empty is checked for all kinds alike, before. */
export function parseText(text: string): ParsedValue<string> {
  return { value: text };
}
