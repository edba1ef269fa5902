/**
 * The suite with our client as programs of their own, which need no runtime beside them.
 *
 * `deno compile` is left out: it fetches the runtime that it puts into the program, and this tool fetches nothing.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { installed } from "./runtimes.ts";

/** A program. */
export interface Executable {
  /** Who made it. */
  readonly name: string;
  readonly path: string;
}

/** Makes them of one file of JavaScript. */
export function compileExecutables(single: string, directory: string): Executable[] {
  return [
    { name: "Node", path: compileWithNode(single, directory) },
    { name: "Bun", path: compileWithBun(single, directory) },
  ];
}

function compileWithNode(main: string, directory: string): string {
  const [configuration, output] = [join(directory, "executable.json"), join(directory, "suite-node")];
  const options = { main, mainFormat: "module", output, disableExperimentalSEAWarning: true };
  writeFileSync(configuration, JSON.stringify(options));
  execFileSync(process.execPath, ["--build-sea", configuration], { stdio: "pipe" });
  return output;
}

function compileWithBun(main: string, directory: string): string {
  const output = join(directory, "suite-bun");
  execFileSync(installed("bun"), ["build", "--compile", main, "--outfile", output], { stdio: "pipe" });
  return output;
}
