/**
 * One package, packed and examined.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** Files that have no business in a tarball. */
const unwanted = /\.(?:test|bench|test-d)\.|tsbuildinfo|vitest\.config|^package\/src\//;

function pack(folder: string, destination: string): string {
  // Run from inside `pnpm run`, so pnpm says where it is itself.
  execFileSync("pnpm", ["pack", "--pack-destination", destination], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [tarball] = globSync("*.tgz", { cwd: destination });
  if (tarball === undefined) throw new Error(`pnpm pack left no tarball in ${destination}`);
  return join(destination, tarball);
}

function unwantedFiles(tarball: string): string[] {
  const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
  if (!files.includes("package/package.json")) return [`no package.json among ${files.length} files`];
  if (!files.some((file) => file.startsWith("package/dist/"))) return ["nothing from dist/: was it built?"];
  return files.filter((file) => unwanted.test(file)).map((file) => `ships ${file}`);
}

interface Manifest {
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** The manifest as packed: `publishConfig` has been applied to it. */
function packedManifest(tarball: string): Manifest {
  return JSON.parse(execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" })) as Manifest;
}

/** The condition leads to sources, which are not shipped. */
function sourceCondition({ exports }: Manifest): string[] {
  return JSON.stringify(exports ?? {}).includes("@stagbeetle/source")
    ? ["the packed exports name the condition @stagbeetle/source; publishConfig.exports has to leave it out"]
    : [];
}

async function lintManifest(tarball: string): Promise<string[]> {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
    strict: true,
  });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);
}

/** Whether types and code of each export agree. A package that only brings a binary has no types to agree. */
function resolveTypes(tarball: string): string[] {
  const { status, stdout, stderr, error } = spawnSync(
    "attw",
    ["--profile", "esm-only", "--no-emoji", "--no-color", tarball],
    {
      encoding: "utf8",
    },
  );
  if (error !== undefined) throw error;
  return status === 0 ? [] : [`attw: ${stdout}${stderr}`.trim()];
}

/** Packs the package in `folder` into `destination` and returns what is wrong with the result. */
export async function checkPackedPackage(folder: string, destination: string): Promise<string[]> {
  const tarball = pack(folder, destination);
  const manifest = packedManifest(tarball);
  return [
    ...unwantedFiles(tarball),
    ...sourceCondition(manifest),
    ...(await lintManifest(tarball)),
    ...("." in (manifest.exports ?? {}) ? resolveTypes(tarball) : []),
  ];
}
