/**
 * Builds the library: one file of JavaScript that needs no other package, loads in a few milliseconds and runs wherever
 * `node:net` does, and declarations that need no other package either.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { rolldown } from "rolldown";

import { bundleDeclarations } from "./declarations.ts";

const folder = join(import.meta.dirname, "..");
const dist = join(folder, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync("tsc", ["-p", "tsconfig.build.json"], { cwd: folder, stdio: "inherit" });
bundleDeclarations(dist);

const build = await rolldown({
  input: join(folder, "src", "index.ts"),
  platform: "node",
  external: /^node:/u,
  resolve: { conditionNames: ["@stagbeetle/source", "node", "import", "default"] },
  transform: { target: "node20" },
});
await build.write({ file: join(dist, "index.js"), format: "esm" });
await build.close();
