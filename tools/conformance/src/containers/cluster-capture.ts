/**
 * Captures of a whole cluster: which connections are between whom, and what was done to whom (fixtures `cluster3*`; the JSON
 * beside the capture is described in their README).
 *
 * @module
 */
import { join } from "node:path";

import { type WireEvent, wireEvents } from "./wirecap.ts";
import { readDecompressed, withoutCompression } from "./zstd.ts";

/** One connection's two ends: `replica 2` or `clients`. */
interface Link {
  readonly link: number;
  readonly from: string;
  readonly to: string;
}

interface Summary {
  readonly cluster?: string;
  readonly links?: readonly Link[];
}

/** A replica's index, or null for clients. */
type Party = number | null;

/** What happened, in the order of the recording. */
export type ClusterEvent =
  | {
      readonly kind: "frame";
      readonly from: Party;
      readonly to: Party;
      /** Counted from 0 over the whole recording. */
      readonly connection: number;
      readonly atMicroseconds: bigint;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "kill" | "restart"; readonly replica: number; readonly atMicroseconds: bigint };

/** A capture of a cluster of several replicas. */
export interface ClusterCapture {
  /** Path below the directory given to the runner, without the container's extensions. */
  readonly name: string;
  readonly cluster: bigint;
  readonly replicaCount: number;
  /** Reads the capture. */
  readonly read: () => Promise<readonly ClusterEvent[]>;
}

/** All captures of clusters among the files below `root`. */
export async function clusterCaptures(root: string, files: readonly string[]): Promise<readonly ClusterCapture[]> {
  const captures = files.filter((file) => withoutCompression(file).endsWith(".wirecap"));
  const found = await Promise.all(
    captures.map(async (file): Promise<readonly ClusterCapture[]> => {
      const name = withoutCompression(file).slice(0, -".wirecap".length);
      const summaryFile = files.find((other) => other === `${name}.json`);
      if (summaryFile === undefined) return [];
      const text = Buffer.from(await readDecompressed(join(root, summaryFile))).toString("utf8");
      const { links = [], cluster = "0" } = JSON.parse(text) as Summary;
      const replicas = links.flatMap(({ from, to }) => [partyOf(from), partyOf(to)]).filter((party) => party !== null);
      if (replicas.length === 0) return [];
      const read = async (): Promise<readonly ClusterEvent[]> =>
        eventsOf(await readDecompressed(join(root, file)), links);
      return [{ name, cluster: BigInt(cluster), replicaCount: Math.max(...replicas) + 1, read }];
    }),
  );
  return found.flat();
}

function eventsOf(capture: Uint8Array, links: readonly Link[]): readonly ClusterEvent[] {
  return [...wireEvents(capture)].map((event) => clusterEvent(event, links)).filter((event) => event !== null);
}

function clusterEvent(event: WireEvent, links: readonly Link[]): ClusterEvent | null {
  const { kind, connection, bytes, timeMicroseconds: atMicroseconds } = event;
  if (kind === "marker") return markedEvent(bytes, atMicroseconds);
  if (kind !== "initiator" && kind !== "acceptor") return null;
  const link = links.find((of) => of.link === event.link);
  const [initiator, acceptor] = [partyOf(link?.from ?? ""), partyOf(link?.to ?? "")];
  const [from, to] = kind === "initiator" ? [initiator, acceptor] : [acceptor, initiator];
  return { kind: "frame", from, to, connection, atMicroseconds, bytes };
}

/** Markers tell in words what was done; only what happens to a replica's process matters. */
function markedEvent(bytes: Uint8Array, atMicroseconds: bigint): ClusterEvent | null {
  const { event = "" } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { readonly event?: string };
  const [, kind, replica] = /^(kill|restart) replica (\d+)/u.exec(event) ?? [];
  if (kind !== "kill" && kind !== "restart") return null;
  return { kind, replica: Number(replica), atMicroseconds };
}

function partyOf(name: string): Party {
  const digits = /^replica (\d+)$/u.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}
