import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README's example runs, and prints what the README says", async () => {
  const example = readFileSync(new URL("../test/example.ts", import.meta.url), "utf8").trimEnd();
  expect(readme).toContain(`\`\`\`ts\n${example}\n\`\`\``);
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  await import("../test/example.ts");
  const printed = log.mock.calls.map((line) => line.join(" ")).join("\n");
  log.mockRestore();
  expect(readme).toContain(`\`\`\`\n${printed}\n\`\`\``);
});
