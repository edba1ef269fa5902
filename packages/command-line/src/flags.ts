/**
 * How a command declares its flags.
 */
import type { ParsedValue, ValueParser } from "./value.ts";
import { parseBoolean } from "./value.ts";

/** One flag. `T` is the type of its value in the parsed arguments. */
export interface Flag<T> {
  /** Stands for the value in the help, as in `--cluster=<integer>`. Null: may be given bare, which means true. */
  readonly placeholder: string | null;
  /** One line for the help. */
  readonly brief: string;
  readonly parse: (text: string) => ParsedValue<T>;
  /** The value when the flag is not given; null if it must be given. */
  readonly absent: { readonly value: T } | null;
}

/** The flags whose values are `V`, by name without the dashes, in the order in which they are checked and shown. */
export type FlagsOf<V> = { readonly [name in keyof V]: Flag<V[name]> };

/** A flag that must be given. */
export function required<T>(placeholder: string, parse: ValueParser<T>, brief: string): Flag<T> {
  return { placeholder, brief, parse, absent: null };
}

/** A flag that may be given; its value is null if it is not. */
export function optional<T>(placeholder: string, parse: ValueParser<T>, brief: string): Flag<T | null> {
  return { placeholder, brief, parse, absent: { value: null } };
}

/** A flag that is false unless given bare or as `=true`. */
export function toggle(brief: string): Flag<boolean> {
  return { placeholder: null, brief, parse: parseBoolean, absent: { value: false } };
}
