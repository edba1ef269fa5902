/**
 * `pnpm conformance [directory]`: compares the project with every recording of the reference below a directory.
 *
 * Exit status: 0 if everything compared is equal, 1 if something differs or a recording cannot be read, 2 if the command
 * line is wrong or there is nothing to compare.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { kinds } from "./kinds/index.ts";
import { compareArtefacts, describeCounts, discoverArtefacts } from "./run.ts";

const BESIDE_THE_WORKSPACE = resolve(import.meta.dirname, "../../../../shared/fixtures");

const HELP = `usage: pnpm conformance [--kind=NAME] [--name=TEXT] [directory]

Compares the project with every recording of the reference below the directory. Without one it looks
beside the workspace, and skips where there is nothing.

  --kind=NAME  only this kind: ${kinds.map(({ name }) => name).join(", ")}
  --name=TEXT  only recordings whose path contains the text`;

interface Command {
  readonly directory: string;
  readonly given: boolean;
  readonly kind: string | undefined;
  readonly name: string | undefined;
}

function parseCommand(): Command | "help" {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { kind: { type: "string" }, name: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return "help";
  const [given, ...more] = positionals;
  if (more.length > 0) throw new TypeError(`give one directory, not ${positionals.length}`);
  const { kind, name } = values;
  if (kind !== undefined && !kinds.some((known) => known.name === kind))
    throw new TypeError(`there is no kind ${kind}`);
  return {
    directory: given === undefined ? BESIDE_THE_WORKSPACE : resolve(given),
    given: given !== undefined,
    kind,
    name,
  };
}

async function run({ directory, given, kind, name }: Command): Promise<number> {
  if (!existsSync(directory)) {
    if (given) throw new TypeError(`${directory} does not exist; name a directory that holds recordings`);
    console.log(`conformance skipped: there are no recordings at ${directory}`);
    return 0;
  }
  const artefacts = await discoverArtefacts(kinds, directory, { kind, name });
  if (artefacts.length === 0) throw new TypeError(`there is nothing to compare below ${directory}`);
  const counts = await compareArtefacts(artefacts, (line) => console.log(line));
  console.log(describeCounts(counts));
  return counts.different === 0 ? 0 : 1;
}

try {
  const command = parseCommand();
  if (command === "help") console.log(HELP);
  else process.exitCode = await run(command);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
