/**
 * What is wrong with the first word of a command line, which says what to do (spec 06 §3): texts of a `CommandLineError`.
 */
import { alternatives } from "./choice.ts";
import { suggestion } from "./suggestion.ts";

/**
 * The mistake of a command line that ends before the subcommand.
 *
 * @param program what was typed, for example `aof`: it has a `--help`.
 * @param known all subcommands, of which there are at least three, in the order in which they are shown.
 */
export function subcommandRequired(program: string, known: readonly string[]): string {
  return `subcommand required, expected ${alternatives(known)}; \`${program} --help\` shows how`;
}

/**
 * The mistake of a subcommand that there is not: with the one that was probably meant, or else with all.
 *
 * @param known as for {@link subcommandRequired}.
 */
export function unknownSubcommand(name: string, known: readonly string[]): string {
  const meant = suggestion(name, known);
  const hint = meant === null ? `expected ${alternatives(known)}` : `did you mean '${meant}'?`;
  return `unknown subcommand: '${name}'; ${hint}`;
}
