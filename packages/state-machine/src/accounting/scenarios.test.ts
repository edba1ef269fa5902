import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Scenario, type Variant } from "../../test/scenario.ts";

const directory = new URL("../../scenarios/", import.meta.url);
const files = readdirSync(directory)
  .filter((name) => name.endsWith(".txt"))
  .toSorted();
const variants: readonly Variant[] = ["current", "sparse", "unbatched"];

test("there are scenarios", () => {
  expect(files.length).toBeGreaterThan(40);
});

for (const file of files) {
  const text = readFileSync(new URL(file, directory), "utf8");
  const title = text.slice(2, text.indexOf("\n"));
  describe(title, () => {
    test.each(variants)("goes as written in %s operations", (variant) => {
      new Scenario(variant).run(text);
    });
  });
}
