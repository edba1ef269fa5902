/**
 * Finds the artefacts below a directory, compares them one after the other and counts.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";

import type { Artefact, Kind, Outcome } from "./artefact.ts";

/** Which artefacts are wanted; all of them without a word. */
export interface Selection {
  /** The name of a kind. */
  readonly kind?: string | undefined;
  /** Part of an artefact's name. */
  readonly name?: string | undefined;
}

/** How many artefacts came out in which way. */
export type Counts = Record<Outcome["verdict"], number>;

/** The files below `root`, relative to it, sorted. */
async function filesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/** All artefacts below `root` that the kinds know and the selection wants, by kind and then by name. */
export async function discoverArtefacts(
  kinds: readonly Kind[],
  root: string,
  selection: Selection,
): Promise<readonly Artefact[]> {
  const files = await filesBelow(root);
  const wanted = kinds.filter(({ name }) => selection.kind === undefined || name === selection.kind);
  const found = await Promise.all(wanted.map((kind) => kind.discover(root, files)));
  return found.flat().filter(({ name }) => name.includes(selection.name ?? ""));
}

async function outcomeOf(artefact: Artefact): Promise<Outcome> {
  try {
    return await artefact.check();
  } catch (error) {
    return { verdict: "different", text: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

const MARKS = { equal: "ok  ", different: "FAIL", beyond: "skip", elsewhere: "see " } as const;

/** Compares every artefact and prints one line for each. One that cannot be read counts as different. */
export async function compareArtefacts(artefacts: readonly Artefact[], print: (line: string) => void): Promise<Counts> {
  const counts: Counts = { equal: 0, different: 0, beyond: 0, elsewhere: 0 };
  for (const artefact of artefacts) {
    const outcome = await outcomeOf(artefact);
    counts[outcome.verdict] += 1;
    print(`${MARKS[outcome.verdict]} ${artefact.kind.padEnd(10)} ${artefact.name}: ${outcome.text}`);
  }
  return counts;
}

/** The line behind all others. */
export function describeCounts({ equal, different, beyond, elsewhere }: Counts): string {
  const line = `conformance: ${equal} passed, ${different} failed, ${beyond} skipped`;
  return elsewhere === 0 ? line : `${line}, ${elsewhere} compared by other kinds`;
}
