/**
 * The accounting state machine on every prepare of a recorded run: each reply, header and body, byte for byte.
 *
 * A corpus is an append-only file with the requests and the replies of the same run beside it.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";

import { createKernels, LinearMemory } from "@stagbeetle/kernels";
import { accountingGrooves, AccountingStateMachine, CallQueue, Limits, MemoryForest } from "@stagbeetle/state-machine";
import {
  Checksums,
  HEADER_SIZE_BYTES,
  initReply,
  invalidHeader,
  type Message,
  MessagePool,
  Operation,
  operationOfCluster,
  PrepareHeader,
  PRODUCTION,
  RegisterRequest,
  REGISTER_RESULT_SIZE_BYTES,
  RegisterResult,
  ReplyHeader,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

import { type Artefact, different, equal, type Kind, type Outcome } from "../artefact.ts";
import { prepares } from "../containers/aof.ts";
import { messages } from "../containers/messages.ts";
import { readDecompressed, withoutCompression } from "../containers/zstd.ts";
import { describeMessageDifference } from "../difference.ts";

const MESSAGE_SIZE_MAX = PRODUCTION.cluster.messageSizeMax;
const MEMORY_SIZE_BYTES = 8 * MESSAGE_SIZE_MAX;

/** The `register` of a client in AOF recovery mode carries this timestamp (spec 01 §10.2). */
const RECOVERY_REGISTER_TIMESTAMP = 1n;

/** Executes prepares one after the other, as a replica's commit loop does. */
class Executor {
  readonly #checksums: Checksums;
  readonly #pool: MessagePool;
  readonly #calls = new CallQueue();
  readonly #machine: AccountingStateMachine;
  readonly #prepare: Message;
  readonly #reply: Message;

  constructor(aofRecovery: boolean) {
    const memory = new LinearMemory({ sizeBytes: MEMORY_SIZE_BYTES });
    this.#checksums = new Checksums(createKernels({ memory }));
    this.#pool = new MessagePool({ memory, messageSizeMax: MESSAGE_SIZE_MAX, messagesMax: 2 });
    this.#prepare = this.#pool.acquire();
    this.#reply = this.#pool.acquire();
    const nextTick = (callback: () => void): void => this.#calls.push(callback);
    const { messageBodySizeMax } = PRODUCTION.derived;
    const sizes = { messageBodySizeMax, batchSizeLimit: messageBodySizeMax };
    const grooves = accountingGrooves(new Limits(sizes));
    const forest = new MemoryForest({ grooves, nextTick, scansMax: PRODUCTION.cluster.lsmScansMax });
    this.#machine = new AccountingStateMachine({ ...sizes, forest, aofRecovery });
    this.#machine.open(() => undefined);
    this.#calls.run();
  }

  /** The reply to a prepare. A view that is good until the next call. */
  execute(bytes: Uint8Array): Uint8Array {
    this.#prepare.buffer.set(bytes);
    const prepare = this.#prepare.as(PrepareHeader);
    const size = this.#result(prepare);
    this.#machine.commitTimestamp = prepare.timestamp;
    initReply(this.#reply, prepare, size, this.#checksums);
    return this.#reply.bytes();
  }

  /** Why a request could not have been taken, or null. */
  refusal(request: Uint8Array): string | null {
    this.#prepare.buffer.set(request);
    const header = this.#prepare.as(RequestHeader);
    if (!this.#checksums.valid(header) || !this.#checksums.validBody(header, this.#prepare.body()))
      return "its checksums are wrong";
    const reason = invalidHeader(this.#prepare.header, PRODUCTION);
    if (reason !== null) return reason;
    if (header.operation < 128 && header.operation !== Operation.pulse) return null;
    if (!this.#machine.operationValid(header.operation)) return `operation ${header.operation} is unknown`;
    return this.#machine.inputValid(header.operation, this.#prepare.body()) ? null : "its body is invalid";
  }

  #result(prepare: PrepareHeader): number {
    const output = this.#reply.buffer.subarray(HEADER_SIZE_BYTES);
    switch (prepare.operation) {
      case Operation.register: {
        output.fill(0, 0, REGISTER_RESULT_SIZE_BYTES);
        new RegisterResult(output).batchSizeLimit = new RegisterRequest(this.#prepare.body()).batchSizeLimit;
        return REGISTER_RESULT_SIZE_BYTES;
      }
      case Operation.noop:
      case Operation.upgrade:
        return 0;
      default:
        return this.#commit(prepare, output);
    }
  }

  #commit(prepare: PrepareHeader, output: Uint8Array): number {
    const { client, op, timestamp, operation } = prepare;
    const committing = { client, op, timestamp, operation, body: this.#prepare.body() };
    let prefetched = false;
    this.#machine.prefetch(committing, op, () => (prefetched = true));
    this.#calls.run();
    if (!prefetched) throw new Error(`the prefetch of op ${op} does not end`);
    const size = this.#machine.commit(committing, output);
    this.#machine.compact(op, () => undefined);
    this.#calls.run();
    return size;
  }
}

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
  const aofRecovery = log.some((bytes) => {
    const { operation, timestamp } = new PrepareHeader(bytes);
    return operation === Operation.register && timestamp === RECOVERY_REGISTER_TIMESTAMP;
  });
  const executor = new Executor(aofRecovery);
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
