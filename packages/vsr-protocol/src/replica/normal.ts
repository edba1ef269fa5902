/**
 * The normal case as primary: giving requests their place in the log and making them durable (spec 03 §13.2, §14, §27).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { RegisterRequest } from "../body/register.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Checksums } from "../message/checksums.ts";
import type { Message } from "../message/message.ts";
import { initPrepare, type PrepareHeader } from "../message/prepare.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation, operationOfStateMachine } from "../operation.ts";
import type { Journal } from "../ports/journal.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Pipeline, QueuedPrepare } from "./pipeline.ts";
import type { DurableView } from "./view-durable.ts";

/** What the primary works with. */
export interface NormalOptions {
  /** The largest request, header included, in bytes. */
  readonly requestSizeLimit: number;
  readonly aofRecovery: boolean;
  /** How many replicas must have a prepare on disk. */
  readonly quorumReplication: () => number;
  readonly identity: Identity;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly pipeline: Pipeline;
  readonly superblock: Pick<SuperBlock, "checkpointIds">;
  readonly journal: Journal;
  readonly stateMachine: Pick<StateMachine, "prepareTimestamp" | "commitTimestamp" | "prepare">;
  readonly checksums: Checksums;
  /** Runs after each prepare that was made. */
  readonly onPrepared: () => void;
  /** Runs when the oldest prepare, or one behind it, has its quorum: it can be executed. */
  readonly onQuorum: () => void;
  /** Runs whenever the journal can take a write again. */
  readonly onJournalWritten: () => void;
}

/** Makes prepares of requests and counts who has them. */
export class Normal {
  readonly #options: NormalOptions;

  constructor(options: NormalOptions) {
    this.#options = options;
  }

  /**
   * Gives a request its op, timestamp and place in the hash chain, and starts to write it. Takes over the caller's
   * reference of the message, which becomes the prepare.
   *
   * @param realtime the cluster's time when the request was admitted (ns).
   */
  prepare(message: Message, realtime: bigint): void {
    const { identity, view, log, window, pipeline, journal, checksums } = this.#options;
    assert(view.durable && identity.primaryOf(view.view), () => `view ${view.view} is not ready for prepares`);
    assert(log.commitMin === log.commitMax, () => `commit_min ${log.commitMin}, commit_max ${log.commitMax}`);
    assert(!pipeline.prepareQueueFull, "the prepare queue is full");
    const op = log.op + 1;
    assert(op <= window.opPrepareMax, () => `op ${op} would overwrite what is still needed (${window.opPrepareMax})`);
    const parent = journal.headerWithOp(log.op);
    assert(parent !== null, () => `the head ${log.op} is not in the log`);
    const timestamp = this.#timestamp(message, realtime);
    const values = {
      view: view.view,
      replica: identity.replica,
      parent: parent.checksum,
      checkpointId: this.#checkpointId(op),
      op,
      commit: log.commitMax,
      timestamp,
    };
    const header = initPrepare(message, values, checksums);
    this.#options.onPrepared();
    pipeline.pushPrepare(message);
    this.#append(header);
  }

  /**
   * To be called after an op was executed and left the queue: a request that waits moves up, and the next prepare is
   * written.
   */
  afterExecute(): void {
    const { pipeline, log } = this.#options;
    const request = pipeline.popRequest();
    if (request !== null) this.prepare(request.message, request.realtime);
    this.#writeNext();
    const { prepareCount } = pipeline;
    assert(
      log.commitMax + prepareCount === log.op,
      () => `${prepareCount} prepares from ${log.commitMax} to ${log.op}`,
    );
  }

  /** The timestamp of the prepare: that of its last event. Events come after everything prepared or executed before. */
  #timestamp(message: Message, realtime: bigint): bigint {
    const { stateMachine, aofRecovery } = this.#options;
    const request = message.as(RequestHeader);
    const newest = maximum(stateMachine.prepareTimestamp, stateMachine.commitTimestamp);
    stateMachine.prepareTimestamp = maximum(newest + 1n, realtime);
    this.#prepareBody(message);
    if (!aofRecovery) return stateMachine.prepareTimestamp;
    assert(request.timestamp !== 0n, "a request of an AOF recovery has a timestamp");
    return request.timestamp;
  }

  /** What is particular to the operation. A `register` is told how large the bodies of its requests may be, in bytes. */
  #prepareBody(message: Message): void {
    const { stateMachine, requestSizeLimit } = this.#options;
    const { operation } = message.as(RequestHeader);
    if (operation === Operation.register) {
      const body = new RegisterRequest(message.body());
      assert(body.batchSizeLimit === 0, () => `a client asks for a limit of ${body.batchSizeLimit}`);
      body.batchSizeLimit = requestSizeLimit - HEADER_SIZE_BYTES;
      return;
    }
    if (operation === Operation.noop) return;
    const ofStateMachine = operation === Operation.pulse || operationOfStateMachine(operation);
    assert(ofStateMachine, () => `operation ${operation} is not prepared`);
    stateMachine.prepare(operation, message.body());
  }

  /** The id of the checkpoint two steps before the one that will contain the op. */
  #checkpointId(op: number): bigint {
    const { superblock, window } = this.#options;
    const { id, parentId } = superblock.checkpointIds;
    return op <= window.opCheckpointNext ? parentId : id;
  }

  /** The new head enters the log. */
  #append(header: PrepareHeader): void {
    const { log, journal } = this.#options;
    log.advanceHead(header.op);
    journal.setHeaderAsDirty(header);
    this.#writeNext();
  }

  /**
   * A replica that is alone writes its prepares strictly one after the other, so that a crash leaves at most one torn
   * prepare and no gap in the log.
   */
  #writeNext(): void {
    const { pipeline, journal } = this.#options;
    const next = pipeline.head;
    if (next === null || next.okQuorumReceived || journal.writesPending > 0) return;
    assert(journal.writeAvailable(), "a replica that writes one prepare at a time can write");
    journal.writePrepare(next.message, (written) => this.#onWritten(next, written));
  }

  #onWritten(prepare: QueuedPrepare, written: Message | null): void {
    assert(written === prepare.message, () => `op ${prepare.op} was replaced while it was written`);
    this.#options.onJournalWritten();
    this.#acknowledge(this.#options.identity.replica, prepare.op, prepare.checksum);
  }

  /** A replica has a prepare on disk. */
  #acknowledge(replica: number, op: number, checksum: bigint): void {
    const { pipeline, quorumReplication } = this.#options;
    const prepare = pipeline.findQueued(op, checksum);
    if (prepare === null || prepare.okFrom(replica)) return;
    prepare.acknowledge(replica);
    if (prepare.okCount !== quorumReplication()) return;
    prepare.okQuorumReceived = true;
    this.#options.onQuorum();
  }
}

function maximum(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
