/**
 * A recorded cluster in which one replica after the other is replaced by ours: fed with what the recorded one got, ours has to
 * acknowledge, vote, announce and answer as that did.
 *
 * @module
 */
import { Command, Header } from "@stagbeetle/vsr-protocol";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { type ClusterCapture, clusterCaptures, type ClusterEvent } from "../containers/cluster-capture.ts";
import { batchSizeLimitOf } from "../registration.ts";
import { StandIn } from "../stand-in.ts";

/** Whether a replica orders requests itself from here on: with timestamps that only its own clock knows. */
function leads(index: number, frame: Uint8Array): boolean {
  const { command, replica } = new Header(frame);
  return command === Command.prepare && replica === index;
}

function play(standIn: StandIn, index: number, events: readonly ClusterEvent[]): void {
  for (const event of events) {
    standIn.passTo(event.atMicroseconds);
    if (event.kind !== "frame") {
      if (event.replica !== index) continue;
      if (event.kind === "kill") standIn.kill();
      else standIn.restart();
    } else if (event.to === index) {
      standIn.receive(event.bytes);
    } else if (event.from === index) {
      if (leads(index, event.bytes)) return;
      standIn.expect(event.bytes);
    }
  }
}

async function check({ cluster, replicaCount, read }: ClusterCapture, replica: number): Promise<Outcome> {
  const events = await read();
  const frames = events.flatMap((event) => (event.kind === "frame" ? event.bytes : []));
  const standIn = new StandIn({ cluster, replica, replicaCount, batchSizeLimit: batchSizeLimitOf(frames) });
  play(standIn, replica, events);
  const difference = standIn.difference();
  if (difference !== null) return different(difference);
  const compared = [...standIn.counts()].map(([command, count]) => `${count} ${command}`).join(", ");
  return compared === "" ? beyond("the replica says nothing before it leads") : equal(compared);
}

export const standIn: Kind = {
  name: "standin",
  async discover(root, files) {
    const captures = await clusterCaptures(root, files);
    return captures.flatMap((capture) =>
      Array.from({ length: capture.replicaCount }, (_, replica): Artefact => ({
        name: `${capture.name} as replica ${replica}`,
        kind: "standin",
        check: () => check(capture, replica),
      })),
    );
  },
};
