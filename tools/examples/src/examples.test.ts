import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, test } from "vitest";

const packages = fileURLToPath(new URL("../../../packages/", import.meta.url));

/** Modules that talk to a replica, which tests of their own packages run. */
const NEED_COMPANY = new Set(["client/examples/look-up.ts", "tcp-client/examples/repeat.ts"]);

const names = readdirSync(packages).filter((name) => existsSync(join(packages, name, "package.json")));

function examplesOf(name: string): readonly string[] {
  const folder = join(packages, name, "examples");
  return existsSync(folder) ? readdirSync(folder).map((file) => `${name}/examples/${file}`) : [];
}

/** What the README says behind an example. Fails if the README does not show the example as it is. */
function behind(example: string): string {
  const readme = readFileSync(join(packages, example, "../../README.md"), "utf8");
  const shown = `\`\`\`ts\n${readFileSync(join(packages, example), "utf8")}\`\`\`\n`;
  expect(readme.includes(shown), `the README shows ${basename(example)} as it is`).toBe(true);
  return readme.slice(readme.indexOf(shown) + shown.length);
}

test.each(names)("%s has an example", (name) => {
  expect(examplesOf(name)).not.toEqual([]);
});

test.each(names.flatMap(examplesOf))("the README shows %s, and what it prints", async (example) => {
  const rest = behind(example);
  if (NEED_COMPANY.has(example)) return;
  const file = join(packages, example);
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@stagbeetle/source", file]);
  const [, printed] = /^\nIt prints\n\n```\n(.*?)```\n/su.exec(rest) ?? [];
  expect(stdout).toBe(printed);
});
