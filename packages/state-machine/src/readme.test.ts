import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";

const directory = new URL("..", import.meta.url);
const readme = readFileSync(new URL("README.md", directory), "utf8");

test("the README shows the example as it is, and what it prints", async () => {
  expect(readme).toContain(readFileSync(new URL("examples/counters.ts", directory), "utf8"));
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
    printed.push(values.map((value) => (typeof value === "bigint" ? `${value}n` : String(value))).join(" "));
  });
  await import("../examples/counters.ts");
  log.mockRestore();
  expect(printed).toHaveLength(3);
  expect(readme).toContain(printed.join("\n"));
});
