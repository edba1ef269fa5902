/**
 * The workspace as its manifests describe it.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The root of the workspace. */
export const workspaceRoot: string = join(import.meta.dirname, "..", "..", "..");

/** A member of the workspace. */
export interface Member {
  /** Its folder, relative to the root: `packages/journal`. */
  readonly folder: string;
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
  /** Members it depends on, in any kind of dependency, by folder name. */
  readonly dependsOn: readonly string[];
}

type Field = Readonly<Record<string, string>>;

interface Manifest {
  readonly scripts?: Field;
  readonly dependencies?: Field;
  readonly devDependencies?: Field;
  readonly peerDependencies?: Field;
}

const scope = "@stagbeetle/";

function readMember(manifestPath: string): Member {
  const folder = dirname(manifestPath);
  const manifest = JSON.parse(readFileSync(join(workspaceRoot, manifestPath), "utf8")) as Manifest;
  const dependencies = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies };
  const dependsOn = Object.keys(dependencies)
    .filter((name) => name.startsWith(scope))
    .map((name) => name.slice(scope.length));
  return { folder, name: basename(folder), scripts: manifest.scripts ?? {}, dependsOn };
}

/** All members under `packages/`, `apps/` and `tools/`. */
export function readMembers(): Member[] {
  return globSync("{packages,apps,tools}/*/package.json", { cwd: workspaceRoot }).toSorted().map(readMember);
}

/** Test files that lie where no package's test run would find them. */
export function overlookedTests(members: readonly Member[]): string[] {
  const tested = new Set(members.filter(({ scripts }) => scripts["test"] === "vitest run").map(({ folder }) => folder));
  return globSync("{packages,apps,tools}/**/*.test.ts", {
    cwd: workspaceRoot,
    exclude: (path) => basename(path) === "node_modules" || basename(path) === "dist",
  }).filter((path) => {
    const [kind, name, source] = path.split("/");
    const folder = `${kind}/${name}`;
    return source !== "src" || !tested.has(folder) || !existsSync(join(workspaceRoot, folder, "vitest.config.ts"));
  });
}
