/**
 * The library as one file: it loads in a few milliseconds, needs no other package, and runs wherever `node:net` does.
 */
import { defineConfig } from "rolldown";

export default defineConfig({
  input: "src/index.ts",
  platform: "node",
  external: /^node:/u,
  resolve: { conditionNames: ["@stagbeetle/source", "node", "import", "default"] },
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "index.js",
    comments: { legal: true, annotation: true, jsdoc: true },
  },
  transform: { target: "node20" },
});
