/**
 * The accounting state machine on every prepare of a recorded run: each reply, header and body, byte for byte.
 *
 * A corpus is an append-only file with the requests and the replies of the same run beside it.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";

import { operationOfCluster, PrepareHeader, ReplyHeader, RequestHeader } from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { messages } from "../containers/messages.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { describeMessageDifference } from "../difference.ts";
import { Executor } from "../executor.ts";
import { clientsChooseTimestamps } from "../registration.ts";

interface Corpus {
  readonly aof: string;
  readonly requests: string;
  readonly replies: string;
}

function byChecksum(bytes: Uint8Array): Map<bigint, Uint8Array> {
  return new Map([...messages(bytes)].map((message) => [new RequestHeader(message).checksum, message]));
}

function hasReply(prepare: PrepareHeader): boolean {
  return prepare.client !== 0n && !operationOfCluster(prepare.operation);
}

async function check(corpus: Corpus): Promise<Outcome> {
  const log = [...prepares(await readDecompressed(corpus.aof))];
  const requests = byChecksum(await readDecompressed(corpus.requests));
  const replies = messages(await readDecompressed(corpus.replies));
  const executor = new Executor(clientsChooseTimestamps(log));
  let compared = 0;
  let requested = 0;
  for (const bytes of log) {
    const prepare = new PrepareHeader(bytes);
    const request = requests.get(prepare.requestChecksum);
    const refusal = request === undefined ? null : executor.refusal(request);
    if (refusal !== null) return different(`op ${prepare.op}: the request is refused: ${refusal}`);
    if (request !== undefined) requested += 1;
    const reply = executor.execute(bytes);
    if (!hasReply(prepare)) continue;
    const { value: recorded } = replies.next();
    if (recorded === undefined) return different(`op ${prepare.op}: the recording has no more replies`);
    const difference = describeMessageDifference(ReplyHeader, reply, recorded);
    if (difference !== null)
      return different(`reply to op ${prepare.op}, operation ${prepare.operation}: ${difference}`);
    compared += 1;
  }
  return equal(`${log.length} prepares executed, ${requested} requests accepted, ${compared} replies`);
}

/** The file with this name, compressed or not. */
function stored(files: readonly string[], name: string): string | undefined {
  return files.find((file) => withoutCompression(file) === name);
}

export const accounting: Kind = {
  name: "accounting",
  discover(root, files) {
    const artefacts: Artefact[] = [];
    for (const requests of files.filter((file) => withoutCompression(file).endsWith(".requests.bin"))) {
      const name = join(dirname(requests), basename(withoutCompression(requests), ".requests.bin"));
      const aof = stored(files, `${name}.aof`);
      const replies = stored(files, `${name}.replies.bin`);
      if (aof === undefined || replies === undefined) continue;
      const corpus = { aof: join(root, aof), requests: join(root, requests), replies: join(root, replies) };
      artefacts.push({ name, kind: "accounting", check: () => check(corpus) });
    }
    return Promise.resolve(artefacts);
  },
};
