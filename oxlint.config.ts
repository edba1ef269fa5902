/**
 * Lint rules of the whole workspace. What may import what is not here but in `tools/boundaries/src/layers.ts`.
 */
import { defineConfig } from "oxlint";

import { boundaries } from "./tools/boundaries/src/index.ts";

export default defineConfig({
  plugins: ["typescript", "oxc", "unicorn", "import"],
  categories: { correctness: "error" },
  options: { typeAware: true, reportUnusedDisableDirectives: "error" },
  ignorePatterns: ["**/dist/**", "**/src/generated/**", "**/assembly/**"],
  rules: {
    "eslint/eqeqeq": "error",
    "eslint/no-var": "error",
    "eslint/prefer-const": "error",
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "typescript/ban-ts-comment": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/switch-exhaustiveness-check": "error",
    "typescript/use-unknown-in-catch-callback-variable": "error",
  },
  overrides: [
    // Tools take their configuration as a default export.
    { files: ["**/*.config.ts", "vitest.shared.ts", "**/*.bench.ts"], rules: { "import/no-default-export": "off" } },
    ...boundaries,
  ],
});
