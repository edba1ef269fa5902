/**
 * `conformance [directory]`: compares this project with every recording below the directory.
 *
 * Exit status: 0 if everything compared is equal, 1 if something differs or a recording cannot be read, 2 if the command
 * line is wrong or nothing was found.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs, styleText } from "node:util";

import type { Artefact, Outcome } from "./artefact.ts";
import { KINDS } from "./kinds/index.ts";

const DEFAULT_DIRECTORY = resolve(import.meta.dirname, "../../../../shared/fixtures");

const HELP = `usage: conformance [options] [directory]

Compares this project with every recording of the reference below the directory (default ../shared/fixtures).

  --kind=NAME   only artefacts of this kind: ${KINDS.map(({ name }) => name).join(", ")}
  --name=TEXT   only artefacts whose name contains the text
  --help`;

async function filesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => resolve(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();
}

async function discover(root: string): Promise<readonly Artefact[]> {
  const files = await filesBelow(root);
  const found = await Promise.all(KINDS.map((kind) => kind.discover(root, files)));
  return found.flat();
}

async function outcomeOf(artefact: Artefact): Promise<Outcome> {
  try {
    return await artefact.check();
  } catch (error) {
    return { verdict: "different", difference: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

const MARKS = { equal: styleText("green", "ok  "), different: styleText("red", "FAIL"), beyond: styleText("yellow", "skip") } as const;

function line(artefact: Artefact, outcome: Outcome): string {
  const text =
    outcome.verdict === "equal" ? outcome.compared : outcome.verdict === "different" ? outcome.difference : outcome.reason;
  return `${MARKS[outcome.verdict]} ${artefact.kind.padEnd(12)} ${artefact.name}: ${text}`;
}

/** Runs the tool and returns the exit status. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { kind: { type: "string" }, name: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  if (positionals.length > 1) throw new TypeError("give at most one directory");
  if (values.kind !== undefined && !KINDS.some(({ name }) => name === values.kind)) throw new TypeError(`there is no kind ${values.kind}`);
  const root = resolve(positionals[0] ?? DEFAULT_DIRECTORY);
  const artefacts = (await discover(root)).filter(
    ({ kind, name }) => (values.kind === undefined || kind === values.kind) && name.includes(values.name ?? ""),
  );
  if (artefacts.length === 0) {
    console.error(`nothing to compare below ${root}: give a directory that holds recordings`);
    return 2;
  }
  const counts = { equal: 0, different: 0, beyond: 0 };
  for (const artefact of artefacts) {
    const outcome = await outcomeOf(artefact);
    counts[outcome.verdict] += 1;
    console.log(line(artefact, outcome));
  }
  console.log(`conformance: ${counts.equal} passed, ${counts.different} failed, ${counts.beyond} skipped`);
  return counts.different === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
