/**
 * The canonical history of a cluster: what was sent, what was executed, what was answered, and that the three agree
 * (spec 01 §15, spec 07 §12.1).
 *
 * What it asserts, whatever crashes come between:
 *
 * - what was executed once is executed again after every restart, at the same op, with the same result: nothing that could
 *   have been acknowledged is lost;
 * - every executed request was sent, and is executed once: nothing appears that nobody asked for;
 * - results are those of a model that executes the same requests in the same order: a session reads its own writes;
 * - timestamps strictly increase, the hash chain is whole, views never go back;
 * - a reply is sent only when its prepare and its redundant header are on the disk, and every copy of a reply, from
 *   whatever life of the replica, has the same bytes.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Committing,
  HEADER_SIZE_BYTES,
  type Message,
  Operation,
  operationName,
  PrepareHeader,
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
  /** The result; null until the state machine has given it, and for operations of the protocol. */
  result: Uint8Array | null;
  /** The first reply that a client got. */
  reply: Uint8Array | null;
}

/** What the disk holds when a reply leaves: the checkpoint, and the prepare and the redundant header in the op's slot. */
export interface LogOnDisk {
  readonly opCheckpoint: number;
  readonly prepare: PrepareHeader;
  readonly header: PrepareHeader;
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
  readonly #sent: Map<bigint, Sent> = new Map();
  /** Index 0 is op 1. */
  readonly #executed: Executed[] = [];
  /** The ops that the present life of the replica has executed: from the one after its checkpoint on. */
  #life: { readonly first: number; op: number } | null = null;
  #opCheckpoint = 0;

  constructor(model: Model) {
    this.#model = model;
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

  /** The replica starts: it will execute its log again, from its checkpoint on. */
  onStart(): void {
    this.#life = null;
  }

  /** The replica serves: all that was executed before must be there again. */
  onServing({ commitMin, opCheckpoint }: Pick<ReplicaState, "commitMin" | "opCheckpoint">): void {
    assert(commitMin >= this.opMax, () => `the replica serves from op ${commitMin}, but op ${this.opMax} was executed`);
    assert(opCheckpoint >= this.#opCheckpoint, () => `checkpoint ${opCheckpoint} after ${this.#opCheckpoint}`);
    // What is executed again may write a checkpoint of its own.
    const first = this.#life?.first ?? commitMin + 1;
    const between = first > this.#opCheckpoint && first <= opCheckpoint + 1;
    assert(
      between,
      () => `op ${first} was executed first, between checkpoints ${this.#opCheckpoint} and ${opCheckpoint}`,
    );
    if (opCheckpoint > this.#opCheckpoint) this.counts.checkpoints += 1;
    this.#opCheckpoint = opCheckpoint;
  }

  /** The replica is about to execute a prepare. */
  onPrepare(message: Message): void {
    const prepare = message.as(PrepareHeader);
    const { op, checksum } = prepare;
    if (this.#life === null)
      assert(op <= this.opMax + 1, () => `op ${op} is executed, but op ${this.opMax + 1} never was`);
    else assert(op === this.#life.op + 1, () => `op ${op} is executed after op ${this.#life?.op}`);
    this.#life ??= { first: op, op };
    this.#life.op = op;
    const before = this.#executed[op - 1];
    if (before === undefined) {
      this.#onFirst(prepare);
      return;
    }
    assert(before.checksum === checksum, () => `op ${op} is another one than before: ${describe(prepare)}`);
    this.counts.executedAgain += 1;
  }

  /** The state machine has executed the op of the last prepare. `result` is copied. */
  onResult({ op, operation, timestamp, body }: Committing, result: Uint8Array): void {
    const executed = this.executed(op);
    assert(op === this.#life?.op && executed.timestamp === timestamp, () => `op ${op} is executed out of turn`);
    const expected = executed.result ?? this.#model.execute({ operation, timestamp, body });
    assertBytes(`the result of op ${op} (${operationName(operation)})`, result, expected);
    executed.result = expected;
  }

  /** The replica sends a reply. */
  onReplySent(reply: ReplyHeader, log: LogOnDisk): void {
    const { op } = reply;
    const { checksum, client } = this.executed(op);
    assert(client === reply.client, () => `op ${op} of client ${client} is answered to ${reply.client}`);
    // What a checkpoint has the log may forget: an old reply is sent again while a newer op takes its place.
    if (op <= log.opCheckpoint) return;
    assert(log.prepare.checksum === checksum, () => `op ${op} is answered before its prepare is on the disk`);
    assert(log.header.checksum === checksum, () => `op ${op} is answered before its header is on the disk`);
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

  #onFirst(prepare: PrepareHeader): void {
    const { op, checksum, view, timestamp, operation, client, request, requestChecksum } = prepare;
    const parent = this.#executed[op - 2];
    if (parent !== undefined) {
      assert(prepare.parent === parent.checksum, () => `op ${op} does not follow from op ${op - 1}`);
      assert(timestamp > parent.timestamp, () => `op ${op} has ${timestamp}, op ${op - 1} ${parent.timestamp}`);
      assert(view >= parent.view, () => `op ${op} is of view ${view}, op ${op - 1} of view ${parent.view}`);
    }
    if (client === 0n) assert(operation === Operation.pulse, () => `nobody asked for ${describe(prepare)}`);
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
      result,
      reply,
    });
    this.counts.executed += 1;
  }

  #executeOnce(prepare: PrepareHeader): void {
    const { op, requestChecksum, operation, client } = prepare;
    const sent = this.#sent.get(requestChecksum);
    assert(sent !== undefined && sent.client === client, () => `nobody sent ${describe(prepare)}`);
    assert(sent.op === null, () => `${describe(prepare)} was executed before, as op ${sent.op}`);
    // The primary fills in the body of a register.
    const changed = operation === Operation.register;
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
