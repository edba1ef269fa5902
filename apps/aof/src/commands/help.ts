/**
 * The help text, made from the declarations of the flags.
 */
import { flagsHelp } from "@stagbeetle/command-line";
import type { ArgumentsDeclaration } from "@stagbeetle/command-line";

const HEAD = `aof: append-only files of Stagbeetle and TigerBeetle 0.17.9

Usage:
  aof debug [--json] <path>
  aof merge [--output=<path>] [--json] [--] <paths…>
  aof recover [--cluster=<integer>] [--resume] [--json] <addresses> <path>
  aof recover --cluster=<integer> --addresses=<list> <path>

debug    prints what a recovery would send, and one number for all of it
merge    makes one chain of the files of a cluster; the one with the earliest op comes first
recover  sends a chain to a fresh cluster whose replicas run with --experimental --aof-recovery
`;

const FOOT = `
Example:
  aof merge 0_0.aof 0_1.aof 0_2.aof
  aof recover 3000,3001,3002 prepared.aof
`;

const USAGE_WIDTH = 28;

/** All commands and flags, for people. */
export function helpText(
  declarations: Readonly<Record<string, ArgumentsDeclaration<Record<string, unknown>>>>,
): string {
  const sections = Object.entries(declarations).map(([name, { flags }]) => flagsHelp(name, flags, USAGE_WIDTH));
  return [HEAD, ...sections, FOOT].join("");
}
