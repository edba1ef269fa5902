import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";

test("the README shows the example as it is, and it prints what it says", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = readFileSync(new URL("../test/example.ts", import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  await import("../test/example.ts");
  const printed = log.mock.calls.map((line) => line.join(" "));
  log.mockRestore();
  expect(example).toContain(`// ${printed.join()}\n`);
});
