/**
 * `stagbeetle recover`: a new data file for a replica that was lost for good (spec 06 §4.2, spec 03 §28, spec 04 §26).
 *
 * A data file that was merely formatted would deny having seen prepares that its predecessor acknowledged, and the cluster
 * could forget them. So the whole pipeline of the cluster is turned over first, and the new replica begins in a view in
 * which its predecessor cannot have voted.
 */
import { createLogger } from "@stagbeetle/command-line";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { untilDone } from "../until-done.ts";
import { createDataFile } from "./new-data-file.ts";
import { Overturn } from "./overturn.ts";
import type { RecoverCommand } from "./recover-flags.ts";

/** One view above the newest for what the predecessor did there, and one for the vote it may have sent for the next. */
const VIEWS_AHEAD = 2;

/**
 * Waits for the cluster, then creates the data file. If that fails, or the process is told to stop, nothing is left.
 *
 * @throws DataFileError, FatalError for everything that an operator can do something about.
 */
export async function recover(command: RecoverCommand): Promise<void> {
  const { cluster, replica, replicaCount } = command;
  let view = 0;
  await createDataFile(command, async () => {
    view = (await newestView(command)) + VIEWS_AHEAD;
    return { cluster, replica, replicaCount, view };
  });
  createLogger("main").log(
    "info",
    `${replica}: recovered: cluster=${cluster} replica_count=${replicaCount} view=${view}`,
  );
}

/** The newest view that the cluster shows once it has committed a whole pipeline of requests. */
async function newestView({ cluster, addresses, replicaCount }: RecoverCommand): Promise<number> {
  const overturn = new Overturn({ config: PRODUCTION, cluster, addresses, replicaCount });
  try {
    await untilDone((done) => overturn.start(done));
    return overturn.view;
  } finally {
    await overturn.close();
  }
}
