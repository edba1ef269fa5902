/**
 * The normal case as primary: giving requests their place in the log (spec 03 §13.2, §13.3).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { ReconfigurationRequest, validateReconfiguration } from "../body/reconfiguration.ts";
import { RegisterRequest } from "../body/register.ts";
import type { ClientSessions } from "../clients/sessions.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Checksums } from "../message/checksums.ts";
import type { Message } from "../message/message.ts";
import { initPrepare } from "../message/prepare.ts";
import { RequestHeader } from "../message/request.ts";
import { Operation, operationExecutedByStateMachine } from "../operation.ts";
import type { Journal } from "../ports/journal.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import { releaseOf } from "../release.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { CheckpointWindow } from "./checkpoint-window.ts";
import type { Identity } from "./identity.ts";
import type { LogPosition } from "./log-position.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Replication } from "./replication.ts";
import type { Timeouts } from "./timeouts.ts";
import type { ReplicaTimings } from "./timings.ts";
import type { DurableView } from "./view-durable.ts";

/** From this release on clients say in microseconds how long their last request took; those before, in nanoseconds. */
const RELEASE_LATENCY_MICROSECONDS = releaseOf(0, 17, 0);

/** What the primary works with. */
export interface NormalOptions {
  /** The largest request, header included, in bytes. */
  readonly requestSizeLimit: number;
  readonly aofRecovery: boolean;
  readonly identity: Identity;
  readonly view: DurableView;
  readonly log: LogPosition;
  readonly window: CheckpointWindow;
  readonly pipeline: Pipeline;
  readonly superblock: Pick<SuperBlock, "members">;
  readonly journal: Pick<Journal, "headerWithOp">;
  readonly stateMachine: Pick<StateMachine, "prepareTimestamp" | "commitTimestamp" | "prepare">;
  readonly checksums: Checksums;
  readonly sessions: Pick<ClientSessions, "get">;
  readonly timeouts: Timeouts;
  readonly timings: Pick<ReplicaTimings, "clientRoundTrip">;
  readonly replication: Pick<Replication, "onPrepare" | "writeNext">;
}

/** Makes prepares of requests. */
export class Normal {
  readonly #options: NormalOptions;

  constructor(options: NormalOptions) {
    this.#options = options;
  }

  /**
   * Gives a request its op, timestamp and place in the hash chain, and starts to replicate and write it. Takes over the
   * caller's reference of the message, which becomes the prepare.
   *
   * @param realtime the cluster's time when the request was admitted (ns).
   */
  prepare(message: Message, realtime: bigint): void {
    const { identity, view, log, window, pipeline, journal, replication, checksums } = this.#options;
    assert(view.durable && identity.primaryOf(view.view), () => `view ${view.view} is not ready for prepares`);
    assert(log.commitMin === log.commitMax, () => `commit_min ${log.commitMin}, commit_max ${log.commitMax}`);
    assert(!pipeline.prepareQueueFull, "the prepare queue is full");
    const op = log.op + 1;
    assert(op <= window.opPrepareMax, () => `op ${op} would overwrite what is still needed (${window.opPrepareMax})`);
    const parent = journal.headerWithOp(log.op);
    assert(parent !== null, () => `the head ${log.op} is not in the log`);
    this.#recordRoundTrip(message.as(RequestHeader));
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
    initPrepare(message, values, checksums);
    message.zeroSectorPadding();
    this.#startTimeouts();
    pipeline.pushPrepare(message);
    replication.onPrepare(message);
    assert(log.op === op, () => `op ${op} was prepared, and the head is ${log.op}`);
  }

  /**
   * To be called after an op was executed and left the queue: a request that waits moves up, and the next prepare is
   * written.
   */
  afterExecute(): void {
    const { pipeline, log, replication } = this.#options;
    const request = pipeline.popRequest();
    if (request !== null) this.prepare(request.message, request.realtime);
    replication.writeNext();
    const { prepareCount } = pipeline;
    assert(
      log.commitMax + prepareCount === log.op,
      () => `${prepareCount} prepares from ${log.commitMax} to ${log.op}`,
    );
  }

  /** A client tells with each request how long the one before took: that of the reply which its session has. */
  #recordRoundTrip({ client, release, previousRequestLatency }: RequestHeader): void {
    const { sessions, timings } = this.#options;
    const latest = client === 0n || previousRequestLatency === 0 ? null : sessions.get(client);
    if (latest === null) return;
    const unitNs = release >= RELEASE_LATENCY_MICROSECONDS ? 1000 : 1;
    timings.clientRoundTrip(latest.header.operation, previousRequestLatency * unitNs);
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
    if (operation === Operation.reconfigure) return this.#reconfigure(message.body());
    if (operation === Operation.noop || operation === Operation.upgrade) return;
    assert(operationExecutedByStateMachine(operation), () => `operation ${operation} is not prepared`);
    stateMachine.prepare(operation, message.body());
  }

  /** The result is decided here, and executing it changes nothing (spec 03 §25). A file has ids for more nodes than there are. */
  #reconfigure(body: Uint8Array): void {
    const { identity, superblock } = this.#options;
    const request = new ReconfigurationRequest(body);
    request.result = validateReconfiguration(request, {
      members: superblock.members.slice(0, identity.nodeCount),
      epoch: 0,
      replicaCount: identity.replicaCount,
      standbyCount: identity.standbyCount,
    });
  }

  #checkpointId(op: number): bigint {
    const checkpointId = this.#options.window.checkpointIdForOp(op);
    assert(checkpointId !== null, () => `op ${op} is prepared two checkpoints ahead`);
    return checkpointId;
  }

  /** Whoever waits for a quorum already has the timeouts running. */
  #startTimeouts(): void {
    const { pipeline, timeouts, aofRecovery } = this.#options;
    if (pipeline.firstWithoutQuorum === null) timeouts.start("prepare", "primaryAbdicate");
    // Pulses are in the AOF that is replayed.
    if (!aofRecovery) timeouts.get("pulse").reset();
  }
}

function maximum(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}
