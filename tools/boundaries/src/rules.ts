/**
 * Lint rules made from the layers. `oxlint.config.ts` at the root takes them as overrides, so there is no generated
 * file that could fall behind.
 */
import type { OxlintOverride } from "oxlint";

import { layers } from "./layers.ts";
import type { Layer } from "./layers.ts";

type Rules = NonNullable<OxlintOverride["rules"]>;

interface ImportPattern {
  readonly group: string[];
  readonly message: string;
}

/** Files that check the sources and are not shipped: they may read files and await, but not import against the layers. */
const checks: string[] = ["**/*.test.ts", "**/*.bench.ts"];

const core = "the deterministic core is driven by tick(), onMessage() and completions";

/** Everything a package must not reach: packages off its list, apps, tools, and the inside of any other package. */
function forbiddenImports(name: string, layer: Layer): ImportPattern[] {
  const forbidden = Object.keys(layers).filter((other) => other !== name && !layer.mayImport.includes(other));
  return [
    ...forbidden.map((other) => ({
      group: [`@stagbeetle/${other}`, `@stagbeetle/${other}/**`],
      message: `${name} may not import ${other}; the layers are in tools/boundaries/src/layers.ts.`,
    })),
    ...insidesOfOthers,
  ];
}

const insidesOfOthers: ImportPattern[] = [
  {
    group: ["@stagbeetle/*/src/**", "@stagbeetle/*/dist/**", "../../**/src/**", "../../**/dist/**"],
    message: "Import the public face of a package, not its files.",
  },
  {
    group: ["**/apps/**", "**/tools/**"],
    message: "Nothing imports an app or a tool.",
  },
];

const nodeImports: ImportPattern = {
  group: ["node:*", "node:*/**"],
  message: `No node: import: ${core}.`,
};

function restrictedImports(patterns: readonly ImportPattern[]): Rules {
  return { "eslint/no-restricted-imports": ["error", { patterns: [...patterns] }] };
}

const forbiddenGlobals = [
  "AbortSignal",
  "Buffer",
  "Promise",
  "clearImmediate",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "fetch",
  "global",
  "performance",
  "process",
  "queueMicrotask",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

const forbiddenProperties = [
  { object: "Date", property: "now" },
  { object: "Math", property: "random" },
  ...forbiddenGlobals.map((property) => ({ object: "globalThis", property })),
];

/** What may not happen anywhere in the deterministic core. */
const deterministicRules: Rules = {
  "eslint/no-restricted-globals": [
    "error",
    ...forbiddenGlobals.map((name) => ({ name, message: `Not here: ${core}.` })),
  ],
  "eslint/no-restricted-properties": [
    "error",
    ...forbiddenProperties.map((restriction) => ({ ...restriction, message: `Not here: ${core}.` })),
  ],
  "import/no-nodejs-modules": "error",
  "oxc/no-async-await": "error",
};

function deterministicFiles(name: string, { deterministic }: Layer): string[] {
  if (deterministic === true) return [`packages/${name}/src/**/*.ts`];
  if (deterministic === false) return [];
  return deterministic.map((part) => `packages/${name}/src/${part}`);
}

/** The overrides for one package: its imports, and where it is deterministic, what it may touch. */
function overridesFor(name: string, layer: Layer): OxlintOverride[] {
  const imports = forbiddenImports(name, layer);
  const overrides: OxlintOverride[] = [{ files: [`packages/${name}/**/*.ts`], rules: restrictedImports(imports) }];
  const files = deterministicFiles(name, layer);
  if (files.length > 0) {
    overrides.push({
      files,
      excludeFiles: checks,
      plugins: ["typescript", "oxc", "unicorn", "import"],
      rules: { ...deterministicRules, ...restrictedImports([...imports, nodeImports]) },
    });
  }
  return overrides;
}

/** All boundary overrides of the workspace. */
export const boundaries: OxlintOverride[] = [
  ...Object.entries(layers).flatMap(([name, layer]) => overridesFor(name, layer)),
  { files: ["apps/**/*.ts"], rules: restrictedImports(insidesOfOthers) },
];
