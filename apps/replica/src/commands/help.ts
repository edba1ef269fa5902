/**
 * The help text, made from the declarations of the flags.
 */
import { flagsHelp } from "@stagbeetle/command-line";
import type { Flag } from "@stagbeetle/command-line";

import { BENCHMARK } from "./benchmark-flags.ts";
import { DOCTOR } from "./doctor-flags.ts";
import { FORMAT } from "./format-flags.ts";
import { INSPECT_FLAGS } from "./inspect-flags.ts";
import { RECOVER } from "./recover-flags.ts";
import { EXPERIMENTAL, START } from "./start-flags.ts";
import { VERSION } from "./version-flags.ts";

const INSPECT_USAGE = `  stagbeetle inspect constants|metrics
  stagbeetle inspect op <op>
  stagbeetle inspect superblock|wal|replies|grid|manifest|tables|integrity [flags] <path>
`;

const HEAD = `Stagbeetle: a replicated ledger, compatible with TigerBeetle 0.17.9's wire protocol and files

Usage:
  stagbeetle format --replica-count=<integer> --replica=<index> [--cluster=<integer>] [--development] <path>
  stagbeetle recover --cluster=<integer> --addresses=<list> --replica=<index> --replica-count=<integer> <path>
  stagbeetle start --addresses=<list> [--development] [--experimental …] <path>
  stagbeetle benchmark [flags]
${INSPECT_USAGE}  stagbeetle doctor [--cluster=<integer>] [--timeout=<duration>] [--json] <addresses>
  stagbeetle version [--verbose]
`;

const FOOT = `
Examples:
  stagbeetle format --cluster=0 --replica=0 --replica-count=1 --development 0_0.stagbeetle
  stagbeetle start --addresses=3000 --development 0_0.stagbeetle
  stagbeetle doctor 3000

Sizes take KiB, MiB, GiB or TiB. Addresses are PORT, HOST or HOST:PORT, with IPv6 hosts in brackets; doctor takes names, too.
`;

/** All commands and flags, for people. */
export function helpText(): string {
  return [
    HEAD,
    section("format", FORMAT.flags),
    section("recover", RECOVER.flags),
    section("start", startFlags({ experimental: false })),
    section("start, with --experimental", startFlags({ experimental: true })),
    section("benchmark", BENCHMARK.flags),
    inspectFlags(),
    section("doctor", DOCTOR.flags),
    section("version", VERSION.flags),
    FOOT,
  ].join("");
}

/** `inspect` and its flags, for people. */
export function inspectHelpText(): string {
  return `Usage:\n${INSPECT_USAGE}${inspectFlags()}`;
}

function inspectFlags(): string {
  return section("inspect", INSPECT_FLAGS);
}

/** Those that need `--experimental`, or those that do not. */
function startFlags({ experimental }: { readonly experimental: boolean }): Readonly<Record<string, Flag<unknown>>> {
  const names: readonly string[] = EXPERIMENTAL;
  return Object.fromEntries(Object.entries(START.flags).filter(([name]) => names.includes(name) === experimental));
}

const USAGE_WIDTH = 44;

function section(title: string, flags: Readonly<Record<string, Flag<unknown>>>): string {
  return flagsHelp(title, flags, USAGE_WIDTH);
}
