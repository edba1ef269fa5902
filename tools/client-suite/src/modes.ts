/**
 * What is run: which client, on which runtime, against which server.
 */
import { fileURLToPath } from "node:url";

import type { Executable } from "./executables.ts";
import { runtimes } from "./runtimes.ts";
import type { SuiteFiles } from "./suite-files.ts";

/** One run of the suite. */
export interface Mode {
  readonly name: string;
  /** The command that runs the suite. */
  readonly command: readonly [program: string, ...parameters: string[]];
  /** Flags of the server. */
  readonly flags: readonly string[];
  /** What the server may take at most, in bytes. */
  readonly memoryMaxBytes: number;
}

const MIB = 2 ** 20;
const DEVELOPMENT = { flags: ["--development"], memoryMaxBytes: 256 * MIB } as const;
const DEFAULTS = { flags: [], memoryMaxBytes: Number.POSITIVE_INFINITY } as const;
const OFFICIAL_SUITE = fileURLToPath(new URL("test.js", import.meta.resolve("tigerbeetle-node")));

/** All modes, those of the official client first. */
export function allModes({ separate, single }: SuiteFiles, executables: readonly Executable[]): Mode[] {
  const official = (name: string): Pick<Mode, "name" | "command"> => ({
    name: `the official client, ${name}`,
    command: [process.execPath, OFFICIAL_SUITE],
  });
  const ours = runtimes().flatMap(({ name, command }) => [
    { name: `our client on ${name}, the import changed`, command: [...command, separate] as const, ...DEVELOPMENT },
    { name: `our client on ${name}, in a single file`, command: [...command, single] as const, ...DEVELOPMENT },
  ]);
  return [
    { ...official("a server with the defaults"), ...DEFAULTS },
    { ...official("a server in development mode"), ...DEVELOPMENT },
    { name: "our client on Node, a server with the defaults", command: [process.execPath, separate], ...DEFAULTS },
    ...ours,
    ...executables.map(({ name, path }): Mode => ({
      name: `our client in a program made by ${name}`,
      command: [path],
      ...DEVELOPMENT,
    })),
  ];
}
