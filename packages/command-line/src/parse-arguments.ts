/**
 * Reads the arguments behind a command, by the reference's rules and in its order (spec 06 §3).
 *
 * This is not a general parser of command lines on purpose. The reference takes `--name=value` and nothing else, flags
 * before the path, and reports the first error from the left; scripts and test drivers rely on all three. The libraries
 * that we looked at (`@stricli/core`, commander, `util.parseArgs`) also take `--name value`, flags behind the path,
 * `--no-name` and abbreviations, and cannot be told not to. A flag that is silently understood in another way is the
 * wrong thing for a program that creates and opens ledgers.
 */
import { CommandLineError } from "./command-line-error.ts";
import type { Flag, FlagsOf } from "./flags.ts";
import { suggestion } from "./suggestion.ts";

/** What a command takes. */
export interface ArgumentsDeclaration<V> {
  readonly flags: FlagsOf<V>;
  /** The name of its positional, for example `path`; null if it has none. */
  readonly positional: string | null;
  /**
   * How many positionals there may be: 1 unless said otherwise. Where there may be more, `--` may stand before them, behind which
   * they may begin with a dash.
   */
  readonly positionalsMax?: number;
}

/** What was given. */
export interface ParsedArguments<V> {
  readonly values: V;
  /** The first positional. Empty if the command has none. */
  readonly positional: string;
  /** All of them, at least one unless the command has none. */
  readonly positionals: readonly string[];
}

/** @throws CommandLineError for the first argument that does not fit, from the left; then for what is missing. */
export function parseArguments<V extends object>(
  declaration: ArgumentsDeclaration<V>,
  args: readonly string[],
): ParsedArguments<V> {
  const reading = new Reading(declaration);
  for (const argument of args) reading.take(argument);
  return reading.finish();
}

class Reading<V extends object> {
  readonly #positionalName: string | null;
  readonly #flags: ReadonlyMap<string, Flag<unknown>>;
  /** Longest first, so that `--replica-count` is not read as `--replica`. */
  readonly #names: readonly string[];
  readonly #values: Map<string, unknown> = new Map();
  readonly #duplicates: Set<string> = new Set();
  readonly #positionalsMax: number;
  readonly #positionals: string[] = [];
  #separated = false;

  constructor({ flags, positional, positionalsMax = 1 }: ArgumentsDeclaration<V>) {
    this.#positionalName = positional;
    this.#positionalsMax = positional === null ? 0 : positionalsMax;
    this.#flags = new Map(Object.entries<Flag<unknown>>(flags));
    this.#names = [...this.#flags.keys()].toSorted((a, b) => b.length - a.length);
  }

  take(argument: string): void {
    if (argument === "--" && this.#positionalsMax > 1 && !this.#separated) {
      this.#separated = true;
      return;
    }
    if (this.#separated) {
      this.#takePositional(argument);
      return;
    }
    const name = this.#names.find((candidate) => argument.startsWith(`--${candidate}`));
    if (name !== undefined) this.#takeFlag(name, argument);
    else this.#takePositional(argument);
  }

  finish(): ParsedArguments<V> {
    for (const [name, flag] of this.#flags) {
      if (this.#duplicates.has(name)) throw new CommandLineError(`--${name}: duplicate argument`);
      if (this.#values.has(name)) continue;
      if (flag.absent === null) throw new CommandLineError(`--${name}: argument is required`);
      this.#values.set(name, flag.absent.value);
    }
    const [positional = ""] = this.#positionals;
    if (this.#positionalName !== null && positional === "") {
      throw new CommandLineError(`<${this.#positionalName}>: argument is required`);
    }
    // Every declared name has a value of its flag's type now.
    return { values: Object.fromEntries(this.#values) as V, positional, positionals: this.#positionals };
  }

  #takeFlag(name: string, argument: string): void {
    if (this.#positionals.length > 0) {
      throw new CommandLineError(`unexpected trailing option: '${argument}'; flags go before the path`);
    }
    const flag = this.#flags.get(name);
    if (flag === undefined) throw new Error(`--${name} is not declared`);
    const value = readValue(name, flag, argument);
    if (this.#values.has(name)) this.#duplicates.add(name);
    this.#values.set(name, value);
  }

  #takePositional(argument: string): void {
    if (this.#positionals.length === this.#positionalsMax) throw this.#unexpected(argument);
    if (argument === "") throw new CommandLineError(`<${this.#positionalName ?? ""}>: empty argument`);
    if (argument.startsWith("-") && !this.#separated) throw this.#unexpected(argument);
    this.#positionals.push(argument);
  }

  #unexpected(argument: string): CommandLineError {
    const word = /^--[^=]*/u.exec(argument)?.[0].slice(2) ?? "";
    const meant = suggestion(word, this.#names);
    const hint = meant === null ? "" : `; did you mean '--${meant}'?`;
    return new CommandLineError(`unexpected argument: '${argument}'${hint}`);
  }
}

/** The value behind `--name`, at the start of `argument`. */
function readValue<T>(name: string, { placeholder, parse }: Flag<T>, argument: string): unknown {
  const behind = argument.slice(name.length + 2);
  if (behind === "" && placeholder === null) return true;
  const fail = (message: string): CommandLineError => new CommandLineError(`--${name}: ${message}`);
  if (behind === "") throw fail(`expected value separator '='; write --${name}=<${placeholder ?? ""}>`);
  if (!behind.startsWith("=")) {
    throw fail(`expected value separator '=', but found '${Array.from(behind)[0] ?? ""}' in '${argument}'`);
  }
  if (behind === "=") throw fail("argument requires a value");
  const parsed = parse(behind.slice(1));
  if ("error" in parsed) throw fail(parsed.error);
  return parsed.value;
}
