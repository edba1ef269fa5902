/**
 * `aof recover` of recorded append-only files into a fresh server.
 *
 * A recovery leaves out pulses (spec 06 §2.11), so what had expired is pending again, and what depended on that comes out
 * differently, in the reference as well. Compared are: every reply with what the state machine answers to the same requests without
 * pulses, which `accounting` holds against the recordings with them; how many are as recorded, which is all of them if there were
 * no pulses; and the append-only file and the data file of the new cluster with those of the reference's recovery.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { replayable } from "@stagbeetle/aof";
import { runAof, runProgramSuccessfully, ServerProcess } from "@stagbeetle/processes";
import { Command, Header, HEADER_SIZE_BYTES, Operation, PrepareHeader, ReplyHeader } from "@stagbeetle/vsr-protocol";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { messages } from "../containers/messages.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { describeDifference } from "../difference.ts";
import { Executor } from "../executor.ts";
import { RecordingProxy } from "../recording-proxy.ts";
import { describeZoneDifference, type ZoneHashes } from "../zone-hashes.ts";

interface Recovery {
  readonly aof: string;
  /** The replies of the recorded run; null if they were not recorded. */
  readonly replies: string | null;
  /** The file of the reference's cluster after its recovery; null if there is none. */
  readonly recovered: string | null;
  /** The data file of the reference's cluster after its recovery; null if it was not written down. */
  readonly zones: ZoneHashes | null;
}

/** What the recorder wrote down of the recoveries of one file. */
interface RecordedRecovery {
  readonly runs?: readonly { readonly zones?: ZoneHashes }[];
}

/** What a recovery leaves. */
interface Recovered {
  /** What the server said, but for the answer to the registration. */
  readonly replies: readonly Uint8Array[];
  readonly aof: Uint8Array;
  readonly dataFile: string;
}

async function recoverInto(directory: string, log: Uint8Array, cluster: bigint): Promise<Recovered> {
  const [dataFile, source, written] = ["data", "source.aof", "written.aof"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(source, log);
  await runProgramSuccessfully(["format", `--cluster=${cluster}`, "--replica=0", "--replica-count=1", dataFile]);
  const flags = ["--experimental", "--aof-recovery", `--aof-file=${written}`];
  const server = await ServerProcess.start(dataFile, { flags });
  try {
    const proxy = await RecordingProxy.start(server.port);
    const { status, stderr } = await runAof(directory, ["recover", `127.0.0.1:${proxy.port}`, "source.aof"]);
    proxy.close();
    if (status !== 0) throw new Error(`aof recover ends with ${status}: ${stderr.trim()}`);
    const replies = proxy.received().filter((bytes) => isReplyToRequest(bytes));
    await server.stop();
    return { replies, aof: await readFile(written), dataFile };
  } finally {
    await server.kill();
  }
}

function isReplyToRequest(bytes: Uint8Array): boolean {
  return new Header(bytes).command === Command.reply && new ReplyHeader(bytes).operation !== Operation.register;
}

/** The recorded replies of what a recovery sends, in the order of the log. */
function expectedReplies(log: readonly Uint8Array[], replies: Uint8Array): Uint8Array[] {
  const sent = new Set(
    log.map((bytes) => new PrepareHeader(bytes)).flatMap(({ op, operation }) => (replayable(operation) ? [op] : [])),
  );
  return [...messages(replies)].filter((bytes) => sent.has(new ReplyHeader(bytes).op));
}

/** What the replies are if nothing is executed but what a recovery sends: without pulses, nothing expires. */
function repliesWithoutPulses(log: readonly Uint8Array[]): Uint8Array[] {
  const executor = new Executor(true);
  const sent = log.filter((bytes) => replayable(new PrepareHeader(bytes).operation));
  return sent.map((bytes, index) => {
    const prepare = new Uint8Array(bytes);
    // Behind the registration. No checksum is looked at any more.
    new PrepareHeader(prepare).op = index + 2;
    return executor.execute(prepare).slice();
  });
}

/** Whether two replies say the same, whoever got them as whatever op. */
function sameAnswer(actual: Uint8Array, expected: Uint8Array): boolean {
  const [header, expectedHeader] = [new ReplyHeader(actual), new ReplyHeader(expected)];
  return (
    header.timestamp === expectedHeader.timestamp &&
    header.operation === expectedHeader.operation &&
    describeDifference(actual.subarray(HEADER_SIZE_BYTES), expected.subarray(HEADER_SIZE_BYTES)) === null
  );
}

/** The first difference, or null. */
function compareReplies(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): string | null {
  if (actual.length !== expected.length) return `${actual.length} replies instead of ${expected.length}`;
  const index = actual.findIndex((reply, at) => !sameAnswer(reply, expected[at] ?? new Uint8Array(HEADER_SIZE_BYTES)));
  if (index === -1) return null;
  const reply = expected[index] ?? new Uint8Array(HEADER_SIZE_BYTES);
  const difference = describeDifference(
    (actual[index] ?? reply).subarray(HEADER_SIZE_BYTES),
    reply.subarray(HEADER_SIZE_BYTES),
  );
  return `reply ${index}, to operation ${new ReplyHeader(reply).operation}: ${difference ?? "its header differs"}`;
}

async function check({ aof, replies, recovered, zones }: Recovery): Promise<Outcome> {
  const bytes = await readDecompressed(aof);
  const log = [...prepares(bytes)];
  const [first] = log;
  if (first === undefined) return beyond("its append-only file is empty");
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const result = await recoverInto(directory, bytes, new PrepareHeader(first).cluster);
    const inReplies = compareReplies(result.replies, repliesWithoutPulses(log));
    if (inReplies !== null) return different(inReplies);
    const parts = [`${log.length} entries recovered, ${result.replies.length} replies`];
    if (replies !== null) {
      const expected = expectedReplies(log, await readDecompressed(replies));
      const asRecorded = result.replies.filter((reply, index) => sameAnswer(reply, expected[index] ?? reply)).length;
      const pulses = log.filter((prepare) => new PrepareHeader(prepare).operation === Operation.pulse).length;
      // What a recovery leaves out are pulses. Without them everything has to be as it was.
      const inRecording = pulses > 0 ? null : compareReplies(result.replies, expected);
      if (inRecording !== null) return different(inRecording);
      parts.push(`${asRecorded} as recorded with ${pulses} pulses`);
    }
    if (recovered !== null) {
      const inFile = describeDifference(result.aof, await readDecompressed(recovered));
      if (inFile !== null) return different(`the append-only file of the new cluster: ${inFile}`);
      parts.push(`an append-only file of ${result.aof.length} bytes`);
    }
    if (zones !== null) {
      const inZones = await describeZoneDifference(result.dataFile, zones);
      if (inZones !== null) return different(`the data file of the new cluster: ${inZones}`);
      parts.push(`${Object.keys(zones).length} zones of the data file`);
    }
    return equal(parts.join(", "));
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function recordedRecoveries(
  root: string,
  files: readonly string[],
): Promise<Readonly<Record<string, RecordedRecovery>>> {
  const reports = files.filter((file) => basename(file) === "report.json").map((file) => join(root, file));
  const texts = await Promise.all(reports.map((path) => readFile(path, "utf8")));
  return Object.assign({}, ...texts.map((text) => JSON.parse(text) as object)) as Record<string, RecordedRecovery>;
}

/** A recovery is written down by the name of the file, with its folder in front if that is another one. */
function zonesOf(recorded: Readonly<Record<string, RecordedRecovery>>, name: string): ZoneHashes | null {
  const entry =
    recorded[`recover ${basename(name)}`] ?? recorded[`recover ${basename(dirname(name))}-${basename(name)}`];
  return entry?.runs?.[0]?.zones ?? null;
}

export const recover: Kind = {
  name: "recover",
  async discover(root, files) {
    const recorded = await recordedRecoveries(root, files);
    const at = (name: string): string | null => {
      const file = files.find((path) => withoutCompression(path) === name);
      return file === undefined ? null : join(root, file);
    };
    const artefacts: Artefact[] = [];
    for (const file of files.filter((path) => withoutCompression(path).endsWith(".aof"))) {
      const name = withoutCompression(file).slice(0, -".aof".length);
      const replies = at(`${name}.replies.bin`);
      const recovered = at(`${name}.recovered.aof`);
      if (replies === null && recovered === null) continue;
      const zones = zonesOf(recorded, name);
      const recovery = { aof: join(root, file), replies, recovered, zones };
      artefacts.push({ name, kind: "recover", check: () => check(recovery) });
    }
    return artefacts;
  },
};
