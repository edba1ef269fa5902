/**
 * Data files of servers whose own clock chose the timestamps: the recorded requests, fed to a replica in this process while its
 * clock shows what the append-only file says, leave the same file, checkpoints and tables included.
 *
 * @module
 */
import { basename, join } from "node:path";

import { operationOfCluster, PrepareHeader, ReplyHeader, RequestHeader } from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { messages } from "../containers/messages.ts";
import { readDecompressed, streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { compareDisk } from "../data-file.ts";
import { describeDifference } from "../difference.ts";
import { batchSizeLimitOf } from "../registration.ts";
import { type Connection, type Prepared, type Recording, Replay, type Sent } from "../replay.ts";
import { HostedReplica } from "../hosted-replica.ts";
import { RECORDED_RELEASE, RECORDED_RELEASE_CLIENT_MIN } from "../recorded-release.ts";

interface CorpusFile {
  readonly aof: string;
  readonly requests: string;
  readonly replies: string;
  readonly dataFile: string;
}

/** One connection for each client, numbered in the order in which they appear. */
class Connections {
  readonly byNumber = new Map<number, Connection & { answers: Uint8Array[] }>();
  readonly #numberOf = new Map<bigint, number>();

  of(client: bigint): number {
    const known = this.#numberOf.get(client);
    if (known !== undefined) return known;
    const number = this.#numberOf.size;
    this.#numberOf.set(client, number);
    this.byNumber.set(number, { answers: [], closedByServer: false });
    return number;
  }
}

async function readRecording({ aof, requests, replies }: CorpusFile): Promise<Recording> {
  const connections = new Connections();
  const frames: Sent[] = [];
  for (const bytes of messages(await readDecompressed(requests))) {
    frames.push({ connection: connections.of(new RequestHeader(bytes).client), bytes });
  }
  for (const bytes of messages(await readDecompressed(replies))) {
    connections.byNumber.get(connections.of(new ReplyHeader(bytes).client))?.answers.push(bytes);
  }
  const log = new Map<number, Uint8Array>();
  const prepared = new Map<bigint, Prepared>();
  for (const bytes of prepares(await readDecompressed(aof))) {
    const { op, timestamp, requestChecksum } = new PrepareHeader(bytes);
    log.set(op, bytes);
    prepared.set(requestChecksum, { op, timestamp });
  }
  return { frames, connections: connections.byNumber, prepared, log, deadly: new Map() };
}

async function check(corpus: CorpusFile): Promise<Outcome> {
  const recording = await readRecording(corpus);
  const [first] = recording.frames;
  if (first === undefined) return different("there are no requests");
  const replica = new HostedReplica({
    cluster: new RequestHeader(first.bytes).cluster,
    release: RECORDED_RELEASE,
    releaseClientMin: RECORDED_RELEASE_CLIENT_MIN,
    batchSizeLimit: batchSizeLimitOf(recording.log.values()),
    // In AOF recovery the requests carry their timestamps.
    aofRecovery: recording.frames.some(({ bytes }) => new RequestHeader(bytes).timestamp !== 0n),
  });
  const replay = new Replay(recording, replica);
  const problem = replay.run();
  if (problem !== null) return different(problem);
  const { sizeBytes, difference } = await compareDisk(replica.disk, streamDecompressed(corpus.dataFile));
  if (difference !== null) return different(difference);
  const written = describeDifference(replica.aof, await readDecompressed(corpus.aof));
  if (written !== null) return different(`append-only file: ${written}`);
  const pulses = [...recording.log.values()].filter((bytes) => operationOfCluster(new PrepareHeader(bytes).operation));
  return equal(
    `${recording.log.size} ops (${pulses.length} pulses), ${replay.answers} answers, ${replay.logHeaders} prepares, ` +
      `${sizeBytes} bytes in all zones, an append-only file of ${replica.aof.length} bytes`,
  );
}

export const corpusFile: Kind = {
  name: "corpusfile",
  discover(root, files) {
    const named = (name: string): string | undefined =>
      files.find((file) => basename(withoutCompression(file)) === name);
    const artefacts: Artefact[] = [];
    for (const file of files.filter((path) => withoutCompression(path).endsWith(".tigerbeetle"))) {
      const stem = withoutCompression(file).slice(0, -".tigerbeetle".length);
      const [aof, requests, replies] = ["aof", "requests.bin", "replies.bin"].map((extension) =>
        named(`${basename(stem)}.${extension}`),
      );
      if (aof === undefined || requests === undefined || replies === undefined) continue;
      const at = (path: string): string => join(root, path);
      const corpus = { aof: at(aof), requests: at(requests), replies: at(replies), dataFile: at(file) };
      artefacts.push({ name: stem, kind: "corpusfile", check: () => check(corpus) });
    }
    return Promise.resolve(artefacts);
  },
};
