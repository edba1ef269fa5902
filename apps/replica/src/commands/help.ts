/**
 * The help text, made from the declarations of the flags.
 */

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
  const all = Object.entries<Flag<unknown>>(START.flags);
  return [
    HEAD,
    section("format", Object.entries<Flag<unknown>>(FORMAT.flags)),
    section("recover", Object.entries<Flag<unknown>>(RECOVER.flags)),
    section(
      "start",
      all.filter(([flag]) => !experimental(flag)),
    ),
    section(
      "start, with --experimental",
      all.filter(([flag]) => experimental(flag)),
    ),
    section("benchmark", Object.entries<Flag<unknown>>(BENCHMARK.flags)),
    inspectFlags(),
    section("doctor", Object.entries<Flag<unknown>>(DOCTOR.flags)),
    section("version", Object.entries<Flag<unknown>>(VERSION.flags)),
    FOOT,
  ].join("");
}

/** `inspect` and its flags, for people. */
export function inspectHelpText(): string {
  return `Usage:\n${INSPECT_USAGE}${inspectFlags()}`;
}

function inspectFlags(): string {
  return section("inspect", Object.entries(INSPECT_FLAGS));
}

function experimental(flag: string): boolean {
  return EXPERIMENTAL.some((name) => name === flag);
}

const USAGE_WIDTH = 44;

function section(title: string, flags: readonly (readonly [name: string, flag: Flag<unknown>])[]): string {
  const lines = flags.map(([name, { placeholder, brief }]) => {
    const usage = placeholder === null ? `--${name}` : `--${name}=<${placeholder}>`;
    return `  ${usage.padEnd(USAGE_WIDTH)}${brief}\n`;
  });
  return `\nFlags of ${title}:\n${lines.join("")}`;
}
