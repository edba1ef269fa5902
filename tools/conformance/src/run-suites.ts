/**
 * Runs suites over a directory of recordings and counts what agrees. A suite that compared nothing has failed: it may
 * have read nothing.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { Suite } from "./suite.ts";

/** What came of a run. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Folders of recordings that no suite reads. */
  readonly unread: readonly string[];
}

/** Runs `suites` over `directory`, prints a line for each suite and each disagreement, and counts. */
export async function runSuites(
  suites: readonly Suite[],
  directory: string,
  print: (line: string) => void,
): Promise<Outcome> {
  let passed = 0;
  let failed = 0;
  for (const suite of suites) {
    const before = { passed, failed };
    const fail = (text: string): void => {
      failed += 1;
      print(`  ${text}`);
    };
    try {
      await suite.run(join(directory, suite.folder), (check, problem) => {
        if (problem === undefined) passed += 1;
        else fail(`${check}: ${problem}`);
      });
      if (passed === before.passed && failed === before.failed) fail("the suite compared nothing");
    } catch (error) {
      fail(`the suite stopped: ${String(error)}`);
    }
    print(`${suite.name}: ${passed - before.passed} passed, ${failed - before.failed} failed`);
  }
  return { passed, failed, unread: unreadFolders(suites, directory) };
}

function unreadFolders(suites: readonly Suite[], directory: string): string[] {
  const read = new Set(suites.map(({ folder }) => folder));
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !read.has(entry.name))
    .map(({ name }) => name)
    .toSorted();
}
