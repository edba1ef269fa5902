/**
 * The view changes of a recorded cluster, made again: every message that is a function of what its sender knew.
 *
 * From the messages that a replica got and sent follows its log. From that follow its `prepare_ok`, the headers and bits of its
 * `join_view`, and the headers of its `view`. From the votes of a quorum follows the log that the next view begins with. All of
 * them have to be the recorded ones, byte for byte.
 *
 * @module
 */
import { join } from "node:path";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { type WireEvent, wireEvents } from "../containers/wirecap.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { ViewChangeReplay } from "../view-change-replay.ts";

/** What the JSON beside a capture says of its connections. */
interface ClusterSummary {
  readonly cluster?: string;
  readonly links?: readonly { readonly link: number; readonly from: string; readonly to: string }[];
}

/** The index in `replica 2`, or null for clients. */
function replicaOf(name: string): number | null {
  const digits = /^replica (\d+)$/u.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Who sent a frame to whom, or null if a client is one of them. */
function directionOf(event: WireEvent, links: NonNullable<ClusterSummary["links"]>): readonly [number, number] | null {
  const link = links.find((of) => of.link === event.link);
  const initiator = replicaOf(link?.from ?? "");
  const acceptor = replicaOf(link?.to ?? "");
  if (initiator === null || acceptor === null) return null;
  return event.kind === "initiator" ? [initiator, acceptor] : [acceptor, initiator];
}

async function check(path: string, { links = [], cluster = "0" }: ClusterSummary): Promise<Outcome> {
  const indexes = links.flatMap(({ from, to }) => [replicaOf(from), replicaOf(to)]).filter((index) => index !== null);
  const replay = new ViewChangeReplay(Math.max(...indexes) + 1, BigInt(cluster));
  for (const event of wireEvents(await readDecompressed(path))) {
    if (event.kind === "marker") {
      const { event: text = "" } = JSON.parse(Buffer.from(event.bytes).toString("utf8")) as { readonly event?: string };
      replay.mark(text);
    }
    if (event.kind !== "initiator" && event.kind !== "acceptor") continue;
    const direction = directionOf(event, links);
    if (direction === null) continue;
    const problem = replay.check(...direction, event.connection, event.bytes);
    if (problem !== null) return different(`at ${event.timeMicroseconds} µs: ${problem}`);
  }
  const compared = replay.describe();
  return compared === "" ? beyond("no replica says anything that follows from what was recorded") : equal(compared);
}

export const viewChange: Kind = {
  name: "viewchange",
  async discover(root, files) {
    const captures = files.filter((file) => withoutCompression(file).endsWith(".wirecap"));
    const found = await Promise.all(
      captures.map(async (file): Promise<readonly Artefact[]> => {
        const name = withoutCompression(file).slice(0, -".wirecap".length);
        const summaryFile = files.find((other) => other === `${name}.json`);
        if (summaryFile === undefined) return [];
        const text = Buffer.from(await readDecompressed(join(root, summaryFile))).toString("utf8");
        const summary = JSON.parse(text) as ClusterSummary;
        const ofReplicas = (summary.links ?? []).some(
          ({ from, to }) => replicaOf(from) !== null && replicaOf(to) !== null,
        );
        return ofReplicas ? [{ name, kind: "viewchange", check: () => check(join(root, file), summary) }] : [];
      }),
    );
    return found.flat();
  },
};
