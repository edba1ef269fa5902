/**
 * The canonical history of a cluster: what was sent, what was executed, what was answered, and that the three agree
 * (spec 01 §15, spec 07 §12.1).
 *
 * What it asserts, whatever crashes come between:
 *
 * - what one replica executed, every replica executes, and again after every restart, at the same op, with the same result:
 *   nothing that could have been acknowledged is lost, and nobody goes another way;
 * - an op is executed first when as many disks have its prepare as the replication quorum asks for;
 * - every executed request was sent, and is executed once: nothing appears that nobody asked for;
 * - results are those of a model that executes the same requests in the same order: a session reads its own writes;
 * - timestamps strictly increase, the hash chain is whole, views never go back;
 * - an op is executed by the same release everywhere;
 * - every copy of a reply, from whatever replica and whatever life of it, has the same bytes.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Committing,
  HEADER_SIZE_BYTES,
  isCheckpointOp,
  type Config,
  type Message,
  Operation,
  operationName,
  PrepareHeader,
  type Release,
  type ReplicaState,
  ReplyHeader,
  RequestHeader,
} from "@stagbeetle/vsr-protocol";

import type { Model } from "./model.ts";

/** A request as its client sent it. */
interface Sent {
  readonly client: bigint;
  readonly bytes: Uint8Array;
  readonly checksumBody: bigint;
  /** The op that it was executed as. */
  op: number | null;
}

/** An op as it was first executed. */
export interface Executed {
  readonly op: number;
  readonly checksum: bigint;
  readonly view: number;
  readonly timestamp: bigint;
  readonly operation: number;
  readonly client: bigint;
  readonly request: number;
  readonly requestChecksum: bigint;
  /** What executed it; null for an upgrade, which the old release executes and the new one again. */
  readonly release: Release | null;
  /** The result; null until the state machine has given it, and for operations of the protocol. */
  result: Uint8Array | null;
  /** The first reply that a client got. */
  reply: Uint8Array | null;
}

/** What the history must know of the cluster. */
export interface HistoryOptions {
  readonly config: Config;
  /** Whether there is one replica, beside standbys: then its start brings back everything at once. */
  readonly solo: boolean;
  /** Asserts that enough disks hold a prepare that is executed for the first time. */
  readonly assertDurable: (prepare: PrepareHeader) => void;
}

/** What one life of a replica has executed. */
interface Life {
  readonly first: number;
  op: number;
}

/** How much was checked, to show that something was. */
export interface HistoryCounts {
  /** Checkpoints that a start began with. */
  checkpoints: number;
  /** Ops executed for the first time. */
  executed: number;
  /** Ops executed again after a restart. */
  executedAgain: number;
  /** Replies that reached their clients for the first time. */
  acknowledged: number;
  /** Replies that reached their clients again, in equal bytes. */
  repeated: number;
}

/** Is told of everything that matters, and throws an AssertionError at the first thing that is wrong. */
export class History {
  readonly counts: HistoryCounts = { checkpoints: 0, executed: 0, executedAgain: 0, acknowledged: 0, repeated: 0 };
  readonly #model: Model;
  readonly #options: HistoryOptions;
  readonly #sent: Map<bigint, Sent> = new Map();
  /** Index 0 is op 1. */
  readonly #executed: Executed[] = [];
  /** The ops that the present life of each replica has executed: from the one after its checkpoint on. */
  readonly #lives: Map<number, Life> = new Map();
  /** Clients whose register was executed. If there are more than sessions, some were evicted and may come back late. */
  readonly #registered: Set<bigint> = new Set();
  #opCheckpoint = 0;

  constructor(model: Model, options: HistoryOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** The highest op that was ever executed. */
  get opMax(): number {
    return this.#executed.length;
  }

  /** An op that was executed. */
  executed(op: number): Executed {
    const executed = this.#executed[op - 1];
    assert(executed !== undefined, () => `op ${op} was never executed`);
    return executed;
  }

  /** A client sends a request, for the first time or again. `bytes` are copied. */
  onRequestSent(bytes: Uint8Array): void {
    const header = new RequestHeader(bytes);
    const known = this.#sent.get(header.checksum);
    if (known === undefined) {
      const copy = bytes.slice();
      this.#sent.set(header.checksum, {
        client: header.client,
        bytes: copy,
        checksumBody: header.checksumBody,
        op: null,
      });
      return;
    }
    assertBytes(`request ${header.request} of client ${header.client}, sent again`, bytes, known.bytes);
  }

  /** A replica starts: it will execute its log again, from its checkpoint on. */
  onStart(replica: number): void {
    this.#lives.delete(replica);
  }

  /** A replica serves. If it is alone, all that was executed before must be there again. */
  onServing(replica: number, { commitMin, opCheckpoint }: Pick<ReplicaState, "commitMin" | "opCheckpoint">): void {
    if (!this.#alone(replica)) return;
    assert(commitMin >= this.opMax, () => `the replica serves from op ${commitMin}, but op ${this.opMax} was executed`);
    assert(opCheckpoint >= this.#opCheckpoint, () => `checkpoint ${opCheckpoint} after ${this.#opCheckpoint}`);
    // What is executed again may write a checkpoint of its own.
    const first = this.#lives.get(replica)?.first ?? commitMin + 1;
    const between = first > this.#opCheckpoint && first <= opCheckpoint + 1;
    assert(
      between,
      () => `op ${first} was executed first, between checkpoints ${this.#opCheckpoint} and ${opCheckpoint}`,
    );
    if (opCheckpoint > this.#opCheckpoint) this.counts.checkpoints += 1;
    this.#opCheckpoint = opCheckpoint;
  }

  /** A release on a replica is about to execute a prepare. */
  onPrepare(replica: number, message: Message, release: Release): void {
    const prepare = message.as(PrepareHeader);
    const { op, checksum } = prepare;
    assert(op <= this.opMax + 1, () => `replica ${replica} executes op ${op}, but op ${this.opMax + 1} never was`);
    this.#advance(replica, op);
    const before = this.#executed[op - 1];
    if (before === undefined) {
      this.#options.assertDurable(prepare);
      this.#onFirst(prepare, release);
      return;
    }
    assert(
      before.checksum === checksum,
      () => `replica ${replica}: op ${op} is another one than before: ${describe(prepare)}`,
    );
    const sameRelease = before.release === null || before.release === release;
    assert(sameRelease, () => `replica ${replica}: op ${op} was executed by release ${before.release}, not ${release}`);
    this.counts.executedAgain += 1;
  }

  /** The state machine of a replica has executed the op of its last prepare. `result` is copied. */
  onResult(replica: number, { op, operation, timestamp, body }: Committing, result: Uint8Array): void {
    const executed = this.executed(op);
    const inTurn = op === this.#lives.get(replica)?.op && executed.timestamp === timestamp;
    assert(inTurn, () => `replica ${replica} executes op ${op} out of turn`);
    const expected = executed.result ?? this.#model.execute({ operation, timestamp, body });
    assertBytes(`replica ${replica}: the result of op ${op} (${operationName(operation)})`, result, expected);
    executed.result = expected;
  }

  /** A replica sends a reply. */
  onReplySent(replica: number, reply: ReplyHeader): void {
    const { op } = reply;
    const { client } = this.executed(op);
    assert(client === reply.client, () => `replica ${replica} answers op ${op} of client ${client} to ${reply.client}`);
  }

  /** A reply reaches its client. `bytes` are copied. */
  onReplyDelivered(bytes: Uint8Array): void {
    const reply = new ReplyHeader(bytes);
    const executed = this.executed(reply.op);
    if (executed.reply !== null) {
      assertBytes(`the reply of op ${reply.op}, sent again`, comparable(bytes), comparable(executed.reply));
      this.counts.repeated += 1;
      return;
    }
    assert(reply.commit === reply.op, () => `op ${reply.op} is answered as op ${reply.commit}`);
    assert(reply.client === executed.client, () => `op ${reply.op} is answered to client ${reply.client}`);
    assert(reply.request === executed.request, () => `op ${reply.op} answers request ${reply.request}`);
    assert(reply.requestChecksum === executed.requestChecksum, () => `op ${reply.op} answers another request`);
    assert(reply.operation === executed.operation, () => `op ${reply.op} answers operation ${reply.operation}`);
    assert(reply.timestamp === executed.timestamp, () => `op ${reply.op} is answered for ${reply.timestamp}`);
    if (executed.result !== null) {
      assertBytes(`the answer to op ${reply.op}`, bytes.subarray(HEADER_SIZE_BYTES), executed.result);
    }
    executed.reply = bytes.slice();
    this.counts.acknowledged += 1;
  }

  /** Whether a replica has nobody to learn from. */
  #alone(replica: number): boolean {
    return this.#options.solo && replica === 0;
  }

  /** A replica executes one op after the other; a state sync takes it to a checkpoint, by at most a bar back. */
  #advance(replica: number, op: number): void {
    const life = this.#lives.get(replica);
    if (life === undefined) {
      this.#lives.set(replica, { first: op, op });
      return;
    }
    const { config } = this.#options;
    const checkpoint = op - 1;
    const opsBack = life.op - checkpoint;
    const reachable = isCheckpointOp(config, checkpoint) && opsBack <= config.cluster.lsmCompactionOps;
    const synced = reachable && !this.#alone(replica);
    assert(op === life.op + 1 || synced, () => `replica ${replica} executes op ${op} after op ${life.op}`);
    life.op = op;
  }

  #onFirst(prepare: PrepareHeader, release: Release): void {
    const { op, checksum, view, timestamp, operation, client, request, requestChecksum } = prepare;
    const parent = this.#executed[op - 2];
    if (parent !== undefined) {
      assert(prepare.parent === parent.checksum, () => `op ${op} does not follow from op ${op - 1}`);
      assert(timestamp > parent.timestamp, () => `op ${op} has ${timestamp}, op ${op - 1} ${parent.timestamp}`);
      assert(view >= parent.view, () => `op ${op} is of view ${view}, op ${op - 1} of view ${parent.view}`);
    }
    const ofCluster = operation === Operation.pulse || operation === Operation.upgrade;
    if (client === 0n) assert(ofCluster, () => `nobody asked for ${describe(prepare)}`);
    else this.#executeOnce(prepare);
    const result = null;
    const reply = null;
    this.#executed.push({
      op,
      checksum,
      view,
      timestamp,
      operation,
      client,
      request,
      requestChecksum,
      release: operation === Operation.upgrade ? null : release,
      result,
      reply,
    });
    this.counts.executed += 1;
  }

  #executeOnce(prepare: PrepareHeader): void {
    const { op, requestChecksum, operation, client } = prepare;
    const sent = this.#sent.get(requestChecksum);
    assert(sent !== undefined && sent.client === client, () => `nobody sent ${describe(prepare)}`);
    // The primary fills in the body of a register.
    const changed = operation === Operation.register;
    if (changed) this.#registered.add(client);
    // A register that comes late, when its client was evicted, opens a session that nobody uses.
    const late = changed && this.#registered.size > this.#options.config.cluster.clientsMax;
    assert(sent.op === null || late, () => `${describe(prepare)} was executed before, as op ${sent.op}`);
    assert(changed || prepare.checksumBody === sent.checksumBody, () => `the body of ${describe(prepare)} was changed`);
    sent.op = op;
  }
}

/** The bytes of a reply that never change: a newer view, and with it the header's checksum, may be written into copies. */
function comparable(reply: Uint8Array): Uint8Array {
  const copy = reply.slice();
  const header = new ReplyHeader(copy);
  header.view = 0;
  header.checksum = 0n;
  return copy;
}

function describe({ op, operation, client, request }: PrepareHeader): string {
  return `op ${op}: ${operationName(operation)}, request ${request} of client ${client}`;
}

/** Asserts that two sequences of bytes are the same, and says where they first differ. */
export function assertBytes(what: string, actual: Uint8Array, expected: Uint8Array): void {
  assert(
    actual.length === expected.length,
    () => `${what} has ${actual.length} bytes, where ${expected.length} are expected`,
  );
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assert(at === -1, () => `${what} differs in byte ${at}: ${actual[at]}, where ${expected[at]} is expected`);
}
