/**
 * Packs every package that is published and looks at the tarball as a consumer would: does each export exist, do its
 * types resolve, is anything in it that only works inside the workspace.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { checkPackedPackage } from "./packed-package.ts";

const workspaceRoot = join(import.meta.dirname, "..", "..", "..");

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
}

const published = globSync("{packages,apps}/*/package.json", { cwd: workspaceRoot })
  .toSorted()
  .map((path) => ({
    folder: join(workspaceRoot, dirname(path)),
    manifest: JSON.parse(readFileSync(join(workspaceRoot, path), "utf8")) as Manifest,
  }))
  .filter(({ manifest }) => manifest.private !== true);

const scratch = mkdtempSync(join(tmpdir(), "stagbeetle-packages-"));
let failed = 0;
for (const [index, { folder, manifest }] of published.entries()) {
  const destination = join(scratch, String(index));
  mkdirSync(destination);
  const problems = await checkPackedPackage(folder, destination);
  console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${manifest.name}`);
  for (const problem of problems) console.log(`       ${problem}`);
  if (problems.length > 0) failed += 1;
}
rmSync(scratch, { recursive: true });

console.log(`${published.length - failed} passed, ${failed} failed`);
if (failed > 0 || published.length === 0) process.exitCode = 1;
