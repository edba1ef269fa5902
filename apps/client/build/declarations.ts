/**
 * The types of the library without other packages: the declarations of whatever its own ones refer to are copied beside them.
 *
 * A declaration file that imports a name from another package of the workspace is led to the very file that declares the name,
 * past the `index.d.ts` that hands it on. So only what is referred to is copied, not what a package also has.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";

const SCOPE = "@stagbeetle/";
const DECLARATION = ".d.ts";

/** `import { A, type B as C } from "./d.js"`, and the same with `export`. */
const STATEMENT = /^(?<keyword>import|export)(?<type> type)? \{(?<names>[^}]*)\} from "(?<specifier>[^"]+)";$/gmu;
/** What the statement above does not cover. */
const OTHER_REFERENCE = /(?:from|import\()\s*"(?<specifier>\.[^"]*|@stagbeetle\/[^"]*)"/gu;

interface Name {
  readonly imported: string;
  readonly local: string;
  readonly type: boolean;
}

/** Where a name is declared, and what it is called there. */
interface Origin {
  readonly file: string;
  readonly name: string;
}

/** Replaces the declarations in `folder` by those that `index.d.ts` refers to. The workspace must have been built. */
export function bundleDeclarations(folder: string): void {
  const copies = new Map<string, string>();
  const waiting = [join(folder, `index${DECLARATION}`)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (copies.has(file)) continue;
    const { text, references } = led(file, folder);
    copies.set(file, text);
    waiting.push(...references);
  }
  const own = [...copies.keys()].filter((file) => file.startsWith(folder + sep));
  if (own.length === copies.size) throw new Error("nothing of another package was found: were the packages built?");
  for (const file of declarationsIn(folder)) rmSync(file);
  for (const [file, text] of copies) write(targetOf(file, folder), text);
}

/** The text of a file with its references led to where they will be, and the files that they lead to now. */
function led(file: string, folder: string): { readonly text: string; readonly references: readonly string[] } {
  const references: string[] = [];
  const text = readFileSync(file, "utf8").replaceAll(STATEMENT, (_, keyword, type = "", names, specifier) => {
    if (!isOurs(String(specifier))) return String(_);
    return namesOf(String(names))
      .map((name) => {
        const origin = originOf(resolve(String(specifier), file), name.imported);
        references.push(origin.file);
        const path = specifierTo(targetOf(file, folder), targetOf(origin.file, folder));
        const modifier = name.type ? "type " : "";
        return `${keyword}${type} { ${modifier}${origin.name === name.local ? name.local : `${origin.name} as ${name.local}`} } from "${path}";`;
      })
      .join("\n");
  });
  const left = [...text.matchAll(OTHER_REFERENCE)].find(({ groups }) => groups?.["specifier"]?.startsWith(SCOPE));
  if (left !== undefined) throw new Error(`${file}: cannot lead ${left[0]} anywhere`);
  return { text: text.replace(/^\/\/# sourceMappingURL=.*\n?/mu, ""), references };
}

/** Follows a name from file to file until it is declared. */
function originOf(file: string, name: string): Origin {
  for (const { groups = {} } of readFileSync(file, "utf8").matchAll(STATEMENT)) {
    if (groups["keyword"] !== "export") continue;
    const handedOn = namesOf(groups["names"] ?? "").find(({ local }) => local === name);
    if (handedOn !== undefined) return originOf(resolve(groups["specifier"] ?? "", file), handedOn.imported);
  }
  return { file, name };
}

function namesOf(names: string): Name[] {
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .map((name) => {
      const type = name.startsWith("type ");
      const [imported = "", local = imported] = (type ? name.slice("type ".length) : name).split(" as ");
      return { imported, local, type };
    });
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith(".") || specifier.startsWith(SCOPE);
}

function resolve(specifier: string, from: string): string {
  // As seen from there: each package knows only its own dependencies.
  const path = specifier.startsWith(".") ? join(dirname(from), specifier) : createRequire(from).resolve(specifier);
  const declaration = path.replace(/\.[jt]s$/u, DECLARATION);
  if (!existsSync(declaration)) throw new Error(`${from}: ${specifier} has no declarations: were the packages built?`);
  return declaration;
}

/** Beside our own declarations, in a folder for each package. */
function targetOf(file: string, folder: string): string {
  if (file.startsWith(folder + sep)) return file;
  const [, name = "", path = ""] = /packages[\\/]([^\\/]+)[\\/]dist[\\/](.*)$/u.exec(file) ?? [];
  if (name === "") throw new Error(`${file} is in no package`);
  return join(folder, "packages", name, path);
}

function specifierTo(from: string, to: string): string {
  const path = relative(dirname(from), to)
    .replaceAll(sep, "/")
    .replace(/\.d\.ts$/u, ".js");
  return path.startsWith(".") ? path : `./${path}`;
}

function declarationsIn(folder: string): string[] {
  return globSync(`**/*${DECLARATION}`, { cwd: folder }).map((path) => join(folder, path));
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
