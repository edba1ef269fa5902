/**
 * Whole data files: a real server, driven with the requests and timestamps of an append-only file, leaves the same bytes.
 *
 * Only runs in which the clients chose the timestamps (AOF recovery) are reproducible to the byte.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { runProgramSuccessfully, ServerProcess } from "@stagbeetle/processes";
import { Command, HEADER_SIZE_BYTES, Header, Operation, PrepareHeader, ReplyHeader } from "@stagbeetle/vsr-protocol";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { readDecompressed, streamDecompressed, withoutCompression } from "../containers/zstd.ts";
import { compareDataFile } from "../data-file.ts";
import { batchSizeLimitOf, clientsChooseTimestamps } from "../registration.ts";
import { type ClientMemory, requestOfPrepare } from "../request-of-prepare.ts";
import { ServerConnection } from "../server-connection.ts";

/** How long the server gets for an op that nobody is answered for, in milliseconds. */
const UNANSWERED_OP_MS = 250;

interface DataFileRun {
  /** Paths of the recordings. */
  readonly aof: string;
  readonly dataFile: string;
}

/** Why this build cannot repeat the run, or null. */
function reasonBeyond(log: readonly Uint8Array[]): string | null {
  if (log.some((bytes) => new PrepareHeader(bytes).replica !== 0)) return "needs a cluster of several replicas";
  return clientsChooseTimestamps(log) ? null : "the server's clock chose the timestamps";
}

/** Sends the request of every prepare, each after the answer to the one before. Returns a problem or null. */
async function drive(connection: ServerConnection, log: readonly Uint8Array[]): Promise<string | null> {
  const memories = new Map<bigint, ClientMemory>();
  for (const bytes of log) {
    const prepare = new PrepareHeader(bytes);
    const memory = memories.get(prepare.client) ?? { parent: 0n, session: 0, view: viewOf(memories) };
    const request = requestOfPrepare(bytes, memory);
    if (request === null) return `the request of op ${prepare.op} cannot be made from its prepare`;
    connection.send(request);
    if (prepare.client === 0n) {
      await wait(UNANSWERED_OP_MS);
      continue;
    }
    const answer = await connection.receive();
    const reply = new ReplyHeader(answer);
    if (new Header(answer).command !== Command.reply) return `op ${prepare.op}: an answer of command ${reply.command}`;
    if (reply.op !== prepare.op) return `op ${prepare.op} became op ${reply.op}`;
    const session = prepare.operation === Operation.register ? reply.commit : memory.session;
    memories.set(prepare.client, { parent: reply.context, session, view: Math.max(memory.view, reply.view) });
  }
  return null;
}

/** The cluster's own requests carry the view of the primary, which its clients have seen. */
function viewOf(memories: ReadonlyMap<bigint, ClientMemory>): number {
  return Math.max(0, ...[...memories.values()].map(({ view }) => view));
}

async function repeat(log: readonly Uint8Array[], cluster: bigint, path: string): Promise<string | null> {
  await runProgramSuccessfully(["format", `--cluster=${cluster}`, "--replica=0", "--replica-count=1", path]);
  const flags = ["--experimental", "--aof-recovery", `--limit-request=${HEADER_SIZE_BYTES + batchSizeLimitOf(log)}`];
  const server = await ServerProcess.start(path, { flags });
  try {
    const connection = await ServerConnection.open(server.port);
    const problem = await drive(connection, log);
    connection.close();
    await server.stop();
    return problem;
  } finally {
    await server.kill();
  }
}

async function check({ aof, dataFile }: DataFileRun): Promise<Outcome> {
  const log = [...prepares(await readDecompressed(aof))];
  const [first] = log;
  if (first === undefined) return beyond("its append-only file is empty");
  const reason = reasonBeyond(log);
  if (reason !== null) return beyond(reason);
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const path = join(directory, "0_0.stagbeetle");
    const problem = await repeat(log, new PrepareHeader(first).cluster, path);
    if (problem !== null) return different(problem);
    const { sizeBytes, difference } = await compareDataFile(path, streamDecompressed(dataFile));
    return difference === null
      ? equal(`${log.length} ops driven, ${sizeBytes} bytes in all zones`)
      : different(difference);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const dataFile: Kind = {
  name: "datafile",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const file of files.filter((name) => withoutCompression(name).endsWith(".tigerbeetle"))) {
      const name = withoutCompression(file).slice(0, -".tigerbeetle".length);
      const aof = files.find((other) => withoutCompression(other) === `${name}.aof`);
      if (aof === undefined) continue;
      const run = { aof: join(root, aof), dataFile: join(root, file) };
      artefacts.push({ name, kind: "datafile", check: () => check(run) });
    }
    return Promise.resolve(artefacts);
  },
};
