/**
 * The official client's test-suite with our client in place of its own: its source, in which one import leads elsewhere.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { type Plugin, rolldown } from "rolldown";

const SUITE_SOURCE = fileURLToPath(new URL("../src/test.ts", import.meta.resolve("tigerbeetle-node")));
const CLIENT_SOURCE = fileURLToPath(import.meta.resolve("@stagbeetle/ledger-client"));
const CLIENT_FILE = "client.mjs";

/** Where the suite, which lies in the official package, imports that package from. */
const OFFICIAL_CLIENT = ".";

/** How the suite and our client are put together. */
export interface SuiteFiles {
  /** The suite as a file of its own, which imports the client from the file beside it. */
  readonly separate: string;
  /** Suite and client in one file that needs nothing beside it. */
  readonly single: string;
}

/** Writes both into `directory`, from the sources. */
export async function writeSuiteFiles(directory: string): Promise<SuiteFiles> {
  const separate = join(directory, "suite.mjs");
  const single = join(directory, "single.mjs");
  await bundle(CLIENT_SOURCE, join(directory, CLIENT_FILE));
  await bundle(SUITE_SOURCE, separate, { id: `./${CLIENT_FILE}`, external: true });
  await bundle(SUITE_SOURCE, single, { id: CLIENT_SOURCE, external: false });
  return { separate, single };
}

interface Replacement {
  readonly id: string;
  readonly external: boolean;
}

async function bundle(input: string, file: string, client?: Replacement): Promise<void> {
  const plugins = client === undefined ? [] : [replaceClient(client)];
  const build = await rolldown({
    input,
    platform: "node",
    external: /^node:/u,
    plugins,
    resolve: { conditionNames: ["@stagbeetle/source", "node", "import", "default"] },
    transform: { target: "node20" },
  });
  await build.write({ file, format: "esm" });
  await build.close();
}

function replaceClient(client: Replacement): Plugin {
  return {
    name: "replace-client",
    resolveId: (source) => {
      if (source === OFFICIAL_CLIENT) return client;
      // As every runtime knows it.
      return source === "assert" ? { id: "node:assert", external: true } : null;
    },
  };
}
