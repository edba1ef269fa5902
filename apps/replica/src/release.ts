/**
 * What this build is: the release that it speaks and the version of the package.
 */
import { readFileSync } from "node:fs";

import { releaseOf } from "@stagbeetle/vsr-protocol";
import type { Release } from "@stagbeetle/vsr-protocol";

/** The release of wire protocol and data file: that of TigerBeetle 0.17.9. Written into files and messages. */
export const RELEASE: Release = releaseOf(0, 17, 9);

/** The oldest release of clients that is served (spec 06 §1.2): older ones are evicted. */
export const RELEASE_CLIENT_MIN: Release = releaseOf(0, 16, 4);

/** The version in the package's own manifest, which lies one level above both `src/` and `dist/`. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error("package.json of @stagbeetle/replica has no version");
}
