/**
 * The part of a help text that is made from the declarations of flags.
 */
import type { Flag } from "./flags.ts";

/**
 * An empty line, `Flags of …:`, and a line for each flag in the order of the declaration: how it is written, and its brief.
 *
 * @param title whose flags they are.
 * @param usageWidth the column, behind the indent, in which the briefs begin: in characters, more than the longest flag
 * takes. One for all sections of a help, so that their briefs stand below each other.
 */
export function flagsHelp(title: string, flags: Readonly<Record<string, Flag<unknown>>>, usageWidth: number): string {
  const lines = Object.entries(flags).map(([name, { placeholder, brief }]) => {
    const usage = placeholder === null ? `--${name}` : `--${name}=<${placeholder}>`;
    return `  ${usage.padEnd(usageWidth)}${brief}\n`;
  });
  return `\nFlags of ${title}:\n${lines.join("")}`;
}
