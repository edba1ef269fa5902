/**
 * A data file too large to be stored: a workload that a function yields, driven against a real server, leaves a file whose
 * zones have the recorded SHA-256.
 *
 * @module
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { runProgramSuccessfully, ServerProcess } from "@stagbeetle/processes";
import { HEADER_SIZE_BYTES, ReplyHeader } from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { ServerClient } from "../server-client.ts";
import { ServerConnection } from "../server-connection.ts";
import { describeZoneDifference, type ZoneHashes } from "../zone-hashes.ts";

/**
 * How the server is started: values wait in memory, or, in development mode, on the disk. The bytes must be the same. It takes a
 * workload of this size for tables to have so much that any of it goes to the disk.
 */
const MODES: readonly (readonly string[])[] = [[], ["--development", `--limit-request=${1024 * 1024}`]];

/** What the JSON beside the recording says of the run. */
interface BulkSummary {
  readonly size: number;
  /** Of each zone, and of the whole file. */
  readonly sha256: ZoneHashes;
  readonly seed: number;
  readonly total_ops: number;
  readonly transfers: number;
  readonly client: string;
  readonly cluster: string;
}

/** One request of the workload. */
interface BulkRequest {
  readonly operation: number;
  readonly timestamp: bigint;
  readonly body: Uint8Array;
}

/** What `workload.mjs` exports. */
interface BulkWorkload {
  bigWorkload(seed: number, totalOps: number): Iterable<BulkRequest>;
}

/** One line of the recorded replies. */
interface RecordedReply {
  readonly op: number;
  readonly reply_checksum: string;
}

/** Sends every request after the answer to the one before. Returns the first difference of a reply, or null. */
async function drive(
  port: number,
  summary: BulkSummary,
  workload: BulkWorkload,
  replies: readonly RecordedReply[],
): Promise<string | null> {
  const connection = await ServerConnection.open(port);
  try {
    const client = new ServerClient(connection, {
      cluster: BigInt(summary.cluster),
      client: BigInt(summary.client),
      aofRecovery: true,
    });
    await client.register();
    let count = 0;
    for (const { operation, timestamp, body } of workload.bigWorkload(summary.seed, summary.total_ops)) {
      const reply = await client.request(operation, body, timestamp);
      const recorded = replies[count];
      const checksum = Buffer.from(reply.subarray(0, 16)).toString("hex");
      const { op } = new ReplyHeader(reply);
      if (recorded?.op !== op || recorded.reply_checksum !== checksum) {
        return `the reply to op ${op} (${reply.length - HEADER_SIZE_BYTES} bytes) has checksum ${checksum}, recorded ${recorded?.reply_checksum}`;
      }
      count += 1;
    }
    return count === replies.length ? null : `${count} replies, recorded ${replies.length}`;
  } finally {
    connection.close();
  }
}

async function check(root: string, name: string, repliesFile: string): Promise<Outcome> {
  const summary = JSON.parse(await readFile(join(root, `${name}.json`), "utf8")) as BulkSummary;
  const module_ = pathToFileURL(join(root, dirname(name), "workload.mjs")).href;
  const workload = (await import(module_)) as BulkWorkload;
  const lines = Buffer.from(await readDecompressed(join(root, repliesFile)))
    .toString("utf8")
    .trim()
    .split("\n");
  const replies = lines.map((line) => JSON.parse(line) as RecordedReply);
  for (const mode of MODES) {
    const problem = await differenceOf(summary, workload, replies, mode);
    if (problem !== null) return different([...mode, problem].join(": "));
  }
  return equal(
    `${summary.total_ops} ops, ${MODES.length} times, ${summary.transfers} transfers, ${replies.length} replies, ${summary.size} bytes in all zones`,
  );
}

async function differenceOf(
  summary: BulkSummary,
  workload: BulkWorkload,
  replies: readonly RecordedReply[],
  mode: readonly string[],
): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const path = join(directory, "0_0.stagbeetle");
    await runProgramSuccessfully(["format", `--cluster=${summary.cluster}`, "--replica=0", "--replica-count=1", path]);
    const server = await ServerProcess.start(path, { flags: [...mode, "--experimental", "--aof-recovery"] });
    let problem: string | null;
    try {
      problem = await drive(server.port, summary, workload, replies);
      await server.stop();
    } finally {
      await server.kill();
    }
    const { file: _, ...zones } = summary.sha256;
    return problem ?? (await describeZoneDifference(path, zones, summary.size));
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const bulkFile: Kind = {
  name: "bulkfile",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const file of files.filter((path) => withoutCompression(path).endsWith(".replies.jsonl"))) {
      const name = withoutCompression(file).slice(0, -".replies.jsonl".length);
      if (!files.includes(`${name}.json`) || !files.includes(join(dirname(name), "workload.mjs"))) continue;
      artefacts.push({ name, kind: "bulkfile", check: () => check(root, name, file) });
    }
    return Promise.resolve(artefacts);
  },
};
