/**
 * `stagbeetle version`: which Stagbeetle this is.
 */
import { readFileSync } from "node:fs";

import { buildCommand } from "@stricli/core";
import type { Command, CommandContext } from "@stricli/core";

/** The version in the package's own manifest, which lies one level above both `src/` and `dist/`. */
function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error("package.json of @stagbeetle/replica has no version");
}

/** Prints the version. */
export const version: Command<CommandContext> = buildCommand({
  docs: { brief: "Print the version" },
  parameters: {},
  func(this: CommandContext): void {
    this.process.stdout.write(`Stagbeetle version ${packageVersion()}\n`);
  },
});
