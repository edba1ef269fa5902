import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterEach, beforeEach, expect, test } from "vitest";

const WORKSPACE = join(import.meta.dirname, "..", "..", "..");
const SUITE_SOURCE = fileURLToPath(new URL("../src/test.ts", import.meta.resolve("tigerbeetle-node")));

/** As a careful user has them; the rest is what our sources need, which are read in place of the built declarations. */
const COMPILER_OPTIONS = {
  strict: true,
  noEmit: true,
  target: "es2024",
  lib: ["es2024", "esnext.disposable"],
  module: "nodenext",
  moduleDetection: "force",
  typeRoots: [join(WORKSPACE, "types"), join(import.meta.dirname, "..", "node_modules", "@types")],
  types: ["node", "webassembly"],
  customConditions: ["@stagbeetle/source"],
  allowImportingTsExtensions: true,
};

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stagbeetle-types-"));
  symlinkSync(join(import.meta.dirname, "..", "node_modules"), join(directory, "node_modules"));
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(
    join(directory, "tsconfig.json"),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ["suite.ts"] }),
  );
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** What the compiler says about the suite's source with its import led to our client. */
async function compile(change: (source: string) => string = (source) => source): Promise<string> {
  const source = readFileSync(SUITE_SOURCE, "utf8").replace("from '.'", "from '@stagbeetle/ledger-client'");
  expect(source).toContain("@stagbeetle/ledger-client");
  writeFileSync(join(directory, "suite.ts"), change(source));
  const tsc = join(WORKSPACE, "node_modules", ".bin", "tsc");
  const { stdout } = await promisify(execFile)(tsc, ["-p", directory]).catch(
    (error: unknown) => error as { stdout: string },
  );
  return stdout;
}

test("the official client's suite compiles against our types with its import changed", async () => {
  expect(await compile()).toBe("");
});

test("and not against anything", async () => {
  expect(await compile((source) => `${source}\nclient.createAccount([]);\n`)).toContain("createAccount");
});
