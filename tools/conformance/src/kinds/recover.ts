/**
 * `aof recover` of recorded append-only files into a fresh server: the same replies as were recorded, and the same append-only file
 * as a cluster of the reference has after its own recovery.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { replayable } from "@stagbeetle/aof";
import { Command, Header, HEADER_SIZE_BYTES, Operation, PrepareHeader, ReplyHeader } from "@stagbeetle/vsr-protocol";

import { type Artefact, beyond, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { messages } from "../containers/messages.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { describeDifference } from "../difference.ts";
import { RecordingProxy } from "../recording-proxy.ts";
import { runAof, runProgramSuccessfully, ServerProcess } from "../server-process.ts";

interface Recovery {
  readonly aof: string;
  /** The replies of the recorded run; null if they were not recorded. */
  readonly replies: string | null;
  /** The file of the reference's cluster after its recovery; null if there is none. */
  readonly recovered: string | null;
}

/** What a recovery leaves. */
interface Recovered {
  /** What the server said, but for the answer to the registration. */
  readonly replies: readonly Uint8Array[];
  readonly aof: Uint8Array;
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
  const server = await ServerProcess.start(dataFile, flags);
  try {
    const proxy = await RecordingProxy.start(server.port);
    const { status, stderr } = await runAof(directory, ["recover", `127.0.0.1:${proxy.port}`, "source.aof"]);
    proxy.close();
    if (status !== 0) throw new Error(`aof recover ends with ${status}: ${stderr.trim()}`);
    const replies = proxy.received().filter((bytes) => isReplyToRequest(bytes));
    await server.terminate();
    return { replies, aof: await readFile(written) };
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

function compareReplies(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): string | null {
  for (const [index, recorded] of expected.entries()) {
    const reply = actual[index];
    const { op, timestamp, operation } = new ReplyHeader(recorded);
    if (reply === undefined) return `${actual.length} replies, recorded ${expected.length}`;
    const header = new ReplyHeader(reply);
    if (header.timestamp !== timestamp || header.operation !== operation) {
      return `the reply to op ${op} has operation ${header.operation} and timestamp ${header.timestamp}, recorded ${operation} and ${timestamp}`;
    }
    const difference = describeDifference(reply.subarray(HEADER_SIZE_BYTES), recorded.subarray(HEADER_SIZE_BYTES));
    if (difference !== null) return `the reply to op ${op}: ${difference}`;
  }
  return actual.length === expected.length ? null : `${actual.length} replies, recorded ${expected.length}`;
}

async function check({ aof, replies, recovered }: Recovery): Promise<Outcome> {
  const bytes = await readDecompressed(aof);
  const log = [...prepares(bytes)];
  const [first] = log;
  if (first === undefined) return beyond("its append-only file is empty");
  const pulses = log.filter((prepare) => new PrepareHeader(prepare).operation === Operation.pulse).length;
  if (recovered === null && pulses > 0)
    return beyond(`its replies depend on ${pulses} pulses, which a recovery leaves out`);
  const directory = await mkdtemp(join(tmpdir(), "stagbeetle-conformance-"));
  try {
    const result = await recoverInto(directory, bytes, new PrepareHeader(first).cluster);
    const expected = replies === null ? null : expectedReplies(log, await readDecompressed(replies));
    const inReplies = expected === null ? null : compareReplies(result.replies, expected);
    if (inReplies !== null) return different(inReplies);
    const inFile = recovered === null ? null : describeDifference(result.aof, await readDecompressed(recovered));
    if (inFile !== null) return different(`the append-only file of the new cluster: ${inFile}`);
    const compared = [
      expected === null ? [] : [`${expected.length} replies`],
      recovered === null ? [] : [`an append-only file of ${result.aof.length} bytes`],
    ];
    return equal(`${log.length} entries recovered: ${compared.flat().join(", ")}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const recover: Kind = {
  name: "recover",
  discover(root, files) {
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
      const recovery = { aof: join(root, file), replies, recovered };
      artefacts.push({
        name: join(name.slice(0, -basename(name).length), basename(name)),
        kind: "recover",
        check: () => check(recovery),
      });
    }
    return Promise.resolve(artefacts);
  },
};
