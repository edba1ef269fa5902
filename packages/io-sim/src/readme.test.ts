import { readFileSync } from "node:fs";
import { inspect } from "node:util";

import { expect, test, vi } from "vitest";

const directory = new URL("..", import.meta.url);
const readme = readFileSync(new URL("README.md", directory), "utf8");

test("the README shows the example as it is, and what it prints", async () => {
  expect(readme).toContain(readFileSync(new URL("examples/crash.ts", directory), "utf8"));
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((value: unknown) => {
    printed.push(typeof value === "string" ? value : inspect(value));
  });
  await import("../examples/crash.ts");
  log.mockRestore();
  expect(printed).toHaveLength(2);
  expect(readme).toContain(printed.join("\n"));
});
