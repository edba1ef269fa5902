/**
 * What `stagbeetle` understands. A command lives in a file of its own and is listed here.
 */
import { buildApplication, buildRouteMap } from "@stricli/core";
import type { Application, CommandContext } from "@stricli/core";

import { version } from "./version.ts";

/** The command line, apart from the process that runs it. */
export const commandLine: Application<CommandContext> = buildApplication(
  buildRouteMap({
    routes: { version },
    docs: { brief: "Stagbeetle: a replicated financial ledger" },
  }),
  { name: "stagbeetle" },
);
