import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { checkPackedPackage } from "./packed-package.ts";

const built = { types: "./dist/index.d.ts", default: "./dist/index.js" };

let folder: string;

/** A package as `tsc` would leave it, with these exports. */
function writePackage(exports: object): void {
  const manifest = { name: "sample", version: "1.0.0", type: "module", license: "MIT", files: ["dist"], exports };
  mkdirSync(join(folder, "dist"));
  mkdirSync(join(folder, "packed"));
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "dist", "index.js"), "export const one = 1;\n");
  writeFileSync(join(folder, "dist", "index.d.ts"), "export declare const one: number;\n");
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stagbeetle-packed-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("a package whose exports exist and have types is accepted", { timeout: 30_000 }, async () => {
  writePackage({ ".": built });
  expect(await checkPackedPackage(folder, join(folder, "packed"))).toEqual([]);
});

test("an export that leads to sources is reported", { timeout: 30_000 }, async () => {
  writePackage({ ".": { "@stagbeetle/source": "./src/index.ts", ...built } });
  const problems = await checkPackedPackage(folder, join(folder, "packed"));
  expect(problems.join("\n")).toContain("condition @stagbeetle/source");
});

test("an export without a file is reported", { timeout: 30_000 }, async () => {
  writePackage({ ".": { ...built, default: "./dist/absent.js" } });
  const problems = await checkPackedPackage(folder, join(folder, "packed"));
  expect(problems.join("\n")).toContain("publint: pkg.exports");
});

test("a test file in the tarball is reported", { timeout: 30_000 }, async () => {
  writePackage({ ".": built });
  writeFileSync(join(folder, "dist", "index.test.js"), "");
  const problems = await checkPackedPackage(folder, join(folder, "packed"));
  expect(problems).toEqual(["ships package/dist/index.test.js"]);
});
