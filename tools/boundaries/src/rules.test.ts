/**
 * Breaks each rule on purpose. A check that says nothing may have looked at nothing, so every case here has to be
 * reported, file by file, by the real configuration.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { layers } from "./layers.ts";
import { workspaceRoot } from "./workspace.ts";

interface Case {
  readonly file: string;
  readonly source: string;
  /** The rule that has to speak; nothing may, where absent. */
  readonly rule?: string;
}

const core = Object.entries(layers)
  .filter(([, { deterministic }]) => deterministic !== false)
  .map(([name, { deterministic }]) => ({ name, entry: deterministic === true ? "broken" : "session/broken" }));

const withoutEffects: Record<string, { source: string; rule: string }> = {
  "node-import": { source: `import "node:fs";`, rule: "no-restricted-imports" },
  "bare-node-import": { source: `import "fs";`, rule: "no-nodejs-modules" },
  "date-now": { source: `export const now: number = Date.now();`, rule: "no-restricted-properties" },
  "math-random": { source: `export const dice: number = Math.random();`, rule: "no-restricted-properties" },
  "set-timeout": { source: `setTimeout(() => {}, 1);`, rule: "no-restricted-globals" },
  "set-interval": { source: `setInterval(() => {}, 1);`, rule: "no-restricted-globals" },
  "global-this": { source: `globalThis.setTimeout(() => {}, 1);`, rule: "no-restricted-properties" },
  performance: { source: `export const now: number = performance.now();`, rule: "no-restricted-globals" },
  process: { source: `process.exit(1);`, rule: "no-restricted-globals" },
  console: { source: `console.log("x");`, rule: "no-restricted-globals" },
  promise: { source: `export const done: unknown = Promise.resolve();`, rule: "no-restricted-globals" },
  async: { source: `export async function later(): Promise<void> {}`, rule: "no-async-await" },
};

const forbiddenImports: Case[] = Object.entries(layers).flatMap(([name, { mayImport }]) =>
  Object.keys(layers)
    .filter((other) => other !== name && !mayImport.includes(other))
    .flatMap((other) => [
      {
        file: `packages/${name}/src/imports-${other}.ts`,
        source: `import "@stagbeetle/${other}";`,
        rule: "no-restricted-imports",
      },
      {
        file: `packages/${name}/src/imports-${other}.test.ts`,
        source: `import "@stagbeetle/${other}";`,
        rule: "no-restricted-imports",
      },
    ]),
);

const forbiddenEffects: Case[] = core.flatMap(({ name, entry }) =>
  Object.entries(withoutEffects).map(([what, { source, rule }]) => ({
    file: `packages/${name}/src/${entry}-${what}.ts`,
    source,
    rule,
  })),
);

const anywhere: Case[] = [
  {
    file: "packages/journal/src/inside.ts",
    source: `import "../../vsr-protocol/src/index.ts";`,
    rule: "no-restricted-imports",
  },
  {
    file: "packages/journal/src/deep.ts",
    source: `import "@stagbeetle/vsr-protocol/src/command.ts";`,
    rule: "no-restricted-imports",
  },
  {
    file: "packages/journal/src/app.ts",
    source: `import "../../../apps/replica/main.ts";`,
    rule: "no-restricted-imports",
  },
  {
    file: "apps/replica/src/inside.ts",
    source: `import "../../../packages/journal/src/index.ts";`,
    rule: "no-restricted-imports",
  },
  {
    file: "packages/vsr-protocol/src/ports/compliance/async.ts",
    source: `export async function later(): Promise<void> {}`,
    rule: "no-async-await",
  },
  { file: "packages/io-linux/src/any.ts", source: `export const x: any = 1;`, rule: "no-explicit-any" },
  {
    file: "packages/io-linux/src/non-null.ts",
    source: `export const x = (xs: number[]): number => xs[0]!;`,
    rule: "no-non-null-assertion",
  },
  {
    file: "packages/io-linux/src/floating.ts",
    source: `const later = async (): Promise<void> => {};\nlater();`,
    rule: "no-floating-promises",
  },
];

const innocent: Case[] = [
  { file: "packages/journal/src/allowed.ts", source: `import "@stagbeetle/vsr-protocol";` },
  { file: "packages/journal/src/allowed.test.ts", source: `import "node:fs";\nsetTimeout(() => {}, Date.now());` },
  { file: "packages/vsr-protocol/compliance/allowed.ts", source: `await Promise.resolve();\nexport {};` },
  { file: "packages/io-linux/src/allowed.ts", source: `import "node:fs";\nsetTimeout(() => {}, Date.now());` },
  { file: "apps/replica/src/allowed.ts", source: `import "@stagbeetle/io-linux";\nimport "node:fs";` },
  { file: "packages/lsm/src/date.ts", source: `export const day: string = new Date(0).toISOString();` },
];

const broken: Case[] = [...forbiddenImports, ...forbiddenEffects, ...anywhere];

interface Report {
  readonly number_of_files: number;
  readonly diagnostics: readonly { readonly code?: string; readonly filename: string }[];
}

/** A workspace of broken files under the real configuration. */
class BrokenWorkspace {
  readonly root: string = mkdtempSync(join(tmpdir(), "stagbeetle-boundaries-"));

  constructor(cases: readonly Case[]) {
    // Globs of a configuration are relative to the file, hence one of its own here that hands on the real one.
    const configuration = pathToFileURL(join(workspaceRoot, "oxlint.config.ts")).href;
    this.#write("oxlint.config.ts", `export { default } from ${JSON.stringify(configuration)};\n`);
    this.#write(
      "tsconfig.json",
      JSON.stringify({
        extends: join(workspaceRoot, "tsconfig.base.json"),
        compilerOptions: { noEmit: true, types: ["node"] },
        include: ["packages", "apps"],
      }),
    );
    symlinkSync(join(workspaceRoot, "node_modules"), join(this.root, "node_modules"));
    for (const { file, source } of cases) this.#write(file, `${source}\n`);
  }

  lint(): { status: number | null; files: number; rulesByFile: Map<string, string[]> } {
    const oxlint = join(workspaceRoot, "node_modules", ".bin", "oxlint");
    const { status, stdout, stderr } = spawnSync(oxlint, ["--format=json", "packages", "apps"], {
      cwd: this.root,
      encoding: "utf8",
    });
    if (!stdout.startsWith("{")) throw new Error(`oxlint gave no report: ${stdout}${stderr}`);
    const report = JSON.parse(stdout) as Report;
    const rulesByFile = new Map<string, string[]>();
    for (const { filename, code = "" } of report.diagnostics) {
      rulesByFile.set(filename, [...(rulesByFile.get(filename) ?? []), code]);
    }
    return { status, files: report.number_of_files, rulesByFile };
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  #write(file: string, text: string): void {
    const path = join(this.root, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

let workspace: BrokenWorkspace;
let result: ReturnType<BrokenWorkspace["lint"]>;

beforeAll(() => {
  workspace = new BrokenWorkspace([...broken, ...innocent]);
  result = workspace.lint();
}, 60_000);

afterAll(() => {
  workspace.remove();
});

test("lint saw every file and failed", () => {
  expect(result.files).toBe(broken.length + innocent.length);
  expect(result.status).toBe(1);
});

describe("a broken rule is reported", () => {
  test.each(broken)("$file: $rule", ({ file, rule = "" }) => {
    expect(result.rulesByFile.get(file)?.join(" ")).toContain(rule);
  });
});

describe("what is allowed is left alone", () => {
  test.each(innocent)("$file", ({ file }) => {
    expect(result.rulesByFile.get(file)).toBeUndefined();
  });
});
