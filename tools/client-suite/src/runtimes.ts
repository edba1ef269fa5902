/**
 * What runs JavaScript here.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** A program, and what it is given before a file. */
export interface Runtime {
  readonly name: string;
  readonly command: readonly [program: string, ...parameters: string[]];
}

/** Those of this package, and the Node in `STAGBEETLE_NODE`, for one as old as the client supports. */
export function runtimes(): Runtime[] {
  const node = process.env["STAGBEETLE_NODE"];
  return [
    { name: "Node", command: [process.execPath] },
    ...(node === undefined ? [] : [{ name: `Node (${node})`, command: [node] as const }]),
    { name: "Bun", command: [installed("bun")] },
    { name: "Deno", command: [installed("deno"), "run", "--allow-net", "--allow-env=TB_ADDRESS"] },
  ];
}

/** The path of a program that this package depends on. */
export function installed(name: string): string {
  const path = join(import.meta.dirname, "..", "node_modules", ".bin", name);
  if (!existsSync(path)) throw new Error(`${name} is not installed: run \`pnpm install\``);
  return path;
}
