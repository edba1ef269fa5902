import { readFileSync } from "node:fs";
import { inspect } from "node:util";

import { expect, test, vi } from "vitest";

const directory = new URL("..", import.meta.url);
const readme = readFileSync(new URL("README.md", directory), "utf8");

/** Runs an example, and returns what it prints. */
async function run(name: string): Promise<readonly string[]> {
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((value: unknown) => {
    printed.push(typeof value === "string" ? value : inspect(value));
  });
  await import(`../examples/${name}`);
  log.mockRestore();
  return printed;
}

test.each([
  ["crash.ts", 2],
  ["scenario.ts", 1],
] as const)("the README shows the example %s as it is, and what it prints", async (name, lines) => {
  expect(readme).toContain(readFileSync(new URL(`examples/${name}`, directory), "utf8"));
  const printed = await run(name);
  expect(printed).toHaveLength(lines);
  expect(readme).toContain(`\n${printed.join("\n")}\n`);
});
