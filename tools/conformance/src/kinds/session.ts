/**
 * A recorded session with a single replica, fed to ours frame by frame: the same answers, byte for byte, the same silence
 * and the same closed connections.
 *
 * The recording says what the clock showed: a prepare's timestamp is in the append-only file beside it, or in the reply.
 *
 * @module
 */
import { join } from "node:path";

import {
  Command,
  HEADER_SIZE_BYTES,
  Operation,
  parseRelease,
  PrepareHeader,
  PRODUCTION,
  RegisterResult,
  ReplyHeader,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, different, elsewhere, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { clusterCaptures } from "../containers/cluster-capture.ts";
import { wireEvents } from "../containers/wirecap.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { describeDifference } from "../difference.ts";
import { type Connection, type Prepared, type Recording, Replay, type Sent } from "../replay.ts";
import { HostedReplica } from "../hosted-replica.ts";
import { RECORDED_RELEASE, RECORDED_RELEASE_CLIENT_MIN } from "../recorded-release.ts";

/** One exchange of a capture of error scenarios. */
interface Scenario {
  readonly connection_opened_as?: number;
  /** `running`, or how the server ended. */
  readonly server?: string;
  /** The header of the frame that the scenario is about. */
  readonly request_hex?: string;
}

/** What the JSON beside a capture may say. */
interface SessionSummary {
  readonly cluster?: string;
  readonly release?: string;
  readonly release_min?: string;
  readonly scenarios?: readonly Scenario[];
}

/** What a replica of a cluster does depends on the others, and not only on what its clients send. */
const OF_A_CLUSTER = elsewhere("the capture of a cluster, which viewchange and standin compare");

function readRecording(capture: Uint8Array, aof: Uint8Array | null, summary: SessionSummary): Recording {
  const frames: Sent[] = [];
  const connections = new Map<number, Connection>();
  const prepared = new Map<bigint, Prepared>();
  for (const { kind, connection, bytes } of wireEvents(capture)) {
    const known = connections.get(connection) ?? { answers: [], closedByServer: false };
    connections.set(connection, known);
    if (kind === "initiator") frames.push({ connection, bytes });
    if (kind === "closedByAcceptor") known.closedByServer = true;
    if (kind !== "acceptor") continue;
    known.answers.push(bytes);
    const { command, requestChecksum, op, timestamp } = new ReplyHeader(bytes);
    if (command === Command.reply) prepared.set(requestChecksum, { op, timestamp });
  }
  const log = new Map<number, Uint8Array>();
  for (const bytes of aof === null ? [] : prepares(aof)) {
    const { op, timestamp, requestChecksum } = new PrepareHeader(bytes);
    log.set(op, bytes);
    prepared.set(requestChecksum, { op, timestamp });
  }
  return { frames, connections, prepared, log, deadly: deadlyConnections(summary.scenarios ?? []) };
}

function deadlyConnections(scenarios: readonly Scenario[]): ReadonlyMap<number, string> {
  const deadly = scenarios.filter(({ server }) => server !== undefined && server !== "running");
  return new Map(deadly.map(({ connection_opened_as: connection = -1, request_hex: hex = "" }) => [connection, hex]));
}

/** What the server told the first client that registered. */
function batchSizeLimitOf({ connections }: Recording): number {
  for (const { answers } of connections.values()) {
    const registered = answers.find((bytes) => {
      const { command, operation } = new ReplyHeader(bytes);
      return command === Command.reply && operation === Operation.register;
    });
    if (registered !== undefined) return new RegisterResult(registered.subarray(HEADER_SIZE_BYTES)).batchSizeLimit;
  }
  return PRODUCTION.derived.messageBodySizeMax;
}

function describeReplay(frameCount: number, replay: Replay): string {
  const parts = [`${frameCount} frames in, ${replay.answers} answers`];
  if (replay.logHeaders > 0) parts.push(`${replay.logHeaders} prepares`);
  if (replay.restarts > 0) parts.push(`${replay.restarts} frames survived that stop the reference`);
  if (replay.turnedAway > 0) parts.push(`${replay.turnedAway} connections beyond the limit left out`);
  return parts.join(", ");
}

function check(capture: Uint8Array, aof: Uint8Array | null, summary: SessionSummary): Outcome {
  const recording = readRecording(capture, aof, summary);
  const replica = new HostedReplica({
    cluster: BigInt(summary.cluster ?? "0"),
    release: parseRelease(summary.release ?? "") ?? RECORDED_RELEASE,
    releaseClientMin: parseRelease(summary.release_min ?? "") ?? RECORDED_RELEASE_CLIENT_MIN,
    batchSizeLimit: batchSizeLimitOf(recording),
    aofRecovery: false,
  });
  const replay = new Replay(recording, replica);
  const difference = replay.run();
  if (difference !== null) return different(difference);
  const described = describeReplay(recording.frames.length, replay);
  if (aof === null) return equal(described);
  const written = describeDifference(replica.aof, aof);
  return written === null
    ? equal(`${described}, an append-only file of ${aof.length} bytes`)
    : different(`append-only file: ${written}`);
}

export const session: Kind = {
  name: "session",
  async discover(root, files) {
    const clusters = new Set((await clusterCaptures(root, files)).map(({ name }) => name));
    const captures = files.filter((file) => withoutCompression(file).endsWith(".wirecap"));
    return captures.map((file): Artefact => {
      const name = withoutCompression(file).slice(0, -".wirecap".length);
      if (clusters.has(name)) return { name, kind: "session", check: () => Promise.resolve(OF_A_CLUSTER) };
      const read = async (extension: string): Promise<Uint8Array | null> => {
        const path = files.find((other) => withoutCompression(other) === `${name}${extension}`);
        return path === undefined ? null : readDecompressed(join(root, path));
      };
      return {
        name,
        kind: "session",
        check: async () => {
          const summary = JSON.parse(
            Buffer.from((await read(".json")) ?? Buffer.from("{}")).toString("utf8"),
          ) as SessionSummary;
          return check(await readDecompressed(join(root, file)), await read(".aof"), summary);
        },
      };
    });
  },
};
