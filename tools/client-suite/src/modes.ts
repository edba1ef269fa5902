/**
 * What is run: which client, on which runtime, against which server.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

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

interface Runtime {
  readonly name: string;
  readonly command: readonly [program: string, ...parameters: string[]];
}

/** All modes, those of the official client first. */
export function allModes({ separate, single }: SuiteFiles): Mode[] {
  const official = (name: string): Pick<Mode, "name" | "command"> => ({
    name: `the official client, ${name}`,
    command: [process.execPath, OFFICIAL_SUITE],
  });
  const ours = runtimes().flatMap(({ name, command }) => [
    { name: `our client on ${name}, the import changed`, command: running(command, separate), ...DEVELOPMENT },
    { name: `our client on ${name}, in a single file`, command: running(command, single), ...DEVELOPMENT },
  ]);
  return [
    { ...official("a server with the defaults"), ...DEFAULTS },
    { ...official("a server in development mode"), ...DEVELOPMENT },
    { name: "our client on Node, a server with the defaults", command: [process.execPath, separate], ...DEFAULTS },
    ...ours,
  ];
}

/** Those of this package, and the Node in `STAGBEETLE_NODE`, for one as old as the client supports. */
function runtimes(): Runtime[] {
  const node = process.env["STAGBEETLE_NODE"];
  return [
    { name: "Node", command: [process.execPath] },
    ...(node === undefined ? [] : [{ name: `Node (${node})`, command: [node] as const }]),
    { name: "Bun", command: [installed("bun")] },
    { name: "Deno", command: [installed("deno"), "run", "--allow-net", "--allow-env=TB_ADDRESS"] },
  ];
}

function installed(name: string): string {
  const path = join(import.meta.dirname, "..", "node_modules", ".bin", name);
  if (!existsSync(path)) throw new Error(`${name} is not installed: run \`pnpm install\``);
  return path;
}

function running(command: Runtime["command"], file: string): Mode["command"] {
  return [...command, file];
}
