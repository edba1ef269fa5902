/**
 * The view changes of a recorded cluster, made again: every message that is a function of what its sender knew.
 *
 * From the messages that a replica got and sent follows its log. From that follow its `prepare_ok`, the headers and bits of its
 * `join_view`, and the headers of its `view`. From the votes of a quorum follows the log that the next view begins with. All of
 * them have to be the recorded ones, byte for byte.
 *
 * @module
 */
import { beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { type ClusterCapture, clusterCaptures } from "../containers/cluster-capture.ts";
import { ViewChangeReplay } from "../view-change-replay.ts";

async function check({ replicaCount, cluster, read }: ClusterCapture): Promise<Outcome> {
  const replay = new ViewChangeReplay(replicaCount, cluster);
  for (const event of await read()) {
    if (event.kind !== "frame") {
      replay.mark(event.kind, event.replica);
    } else if (event.from !== null && event.to !== null) {
      const problem = replay.check(event.from, event.to, event.connection, event.bytes);
      if (problem !== null) return different(`at ${event.atMicroseconds} µs: ${problem}`);
    }
  }
  const compared = replay.describe();
  return compared === "" ? beyond("no replica says anything that follows from what was recorded") : equal(compared);
}

export const viewChange: Kind = {
  name: "viewchange",
  async discover(root, files) {
    const captures = await clusterCaptures(root, files);
    return captures.map((capture) => ({ name: capture.name, kind: "viewchange", check: () => check(capture) }));
  },
};
