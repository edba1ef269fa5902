/**
 * What a replica is given at its start.
 *
 * @module
 */
import { assert, type LinearMemory } from "@stagbeetle/kernels";
import type { Config } from "../config/config.ts";
import { REPLICAS_MAX } from "../config/derive.ts";
import { HEADER_SIZE_BYTES } from "../message/frame.ts";
import type { Checksums } from "../message/checksums.ts";
import type { MessagePool } from "../message/pool.ts";
import type { AppendOnlyFile } from "../ports/aof.ts";
import type { Journal } from "../ports/journal.ts";
import type { Logger } from "../ports/logger.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { StateMachine } from "../ports/state-machine.ts";
import type { Storage } from "../ports/storage.ts";
import type { Time } from "../ports/time.ts";
import type { Release } from "../release.ts";
import type { SuperBlock } from "../superblock/superblock.ts";
import type { CheckpointStore } from "./checkpoint-writer.ts";
import type { ReplicaMetrics } from "./metrics.ts";
import type { StallLimits } from "./stall.ts";

/** The limits and switches of one replica. */
export interface ReplicaOptions {
  readonly config: Config;
  /** The cluster that the data file must belong to; null takes any. */
  readonly cluster: bigint | null;
  /** How many addresses the operator gave: replicas and standbys. */
  readonly addressCount: number;
  /** The release that runs. */
  readonly release: Release;
  /**
   * The releases that this installation can run, ascending, the running one among them; may grow. Without it: only that
   * one.
   */
  readonly releasesBundled?: () => readonly Release[];
  /** The oldest release of clients that are served. */
  readonly releaseClientMin: Release;
  /** The largest request, header included, in bytes: what clients are told is this less the header. */
  readonly requestSizeLimit: number;
  /** How many requests may wait behind the prepares: 0 to `pipeline_request_queue_max`. */
  readonly pipelineRequestQueueLimit: number;
  /** A random u128, not 0, that no other start of this replica has. */
  readonly nonce: bigint;
  /** Other ticks for these timeouts. */
  readonly timeoutTicks?: { readonly prepare?: number; readonly gridRepair?: number };
  /** How much this replica, as a primary, slows down for backups that are behind. */
  readonly stall?: StallLimits;
  /** Whether clients replay an AOF and choose the timestamps themselves (spec 06 §2.12). */
  readonly aofRecovery: boolean;
}

/** All that a replica reaches the world through. */
export interface ReplicaPorts {
  /** Where the sessions live. */
  readonly memory: LinearMemory;
  readonly storage: Storage;
  /** Not open yet. */
  readonly superblock: SuperBlock;
  /** Not recovered yet. */
  readonly journal: Journal;
  /** Not open yet. */
  readonly stateMachine: StateMachine;
  /** Where checkpoints are kept. Null if and only if the state machine writes none. */
  readonly checkpointStore: CheckpointStore | null;
  readonly bus: MessageBus;
  readonly time: Time;
  readonly logger: Logger;
  /** Of at least `messagesMax(config, options)` messages. */
  readonly pool: MessagePool;
  readonly checksums: Checksums;
  /** Records every prepare before it is executed, or null. */
  readonly aof: AppendOnlyFile | null;
  /**
   * Takes the metrics every ten seconds, or null. Returns whether they were taken: if not, what was counted and measured is
   * kept for the next time.
   */
  readonly onMetrics: ((metrics: ReplicaMetrics) => boolean) | null;
  /**
   * Runs when another release has to go on with the data file: after its start, or after a checkpoint that ends an upgrade.
   * The replica does nothing more. Without it, that is fatal.
   */
  readonly onReleaseSwitch?: (release: Release) => void;
}

/** @throws AssertionError if the options contradict each other or the configuration. */
export function assertOptions(options: ReplicaOptions): void {
  const { config, requestSizeLimit, pipelineRequestQueueLimit, release, releaseClientMin, nonce, addressCount } =
    options;
  assert(
    requestSizeLimit > HEADER_SIZE_BYTES && requestSizeLimit <= config.cluster.messageSizeMax,
    () => `a request size limit of ${requestSizeLimit}`,
  );
  assert(
    pipelineRequestQueueLimit >= 0 && pipelineRequestQueueLimit <= config.derived.pipelineRequestQueueMax,
    () => `a request queue of ${pipelineRequestQueueLimit}`,
  );
  assert(
    releaseClientMin > 0 && releaseClientMin <= release,
    () => `clients from ${releaseClientMin}, release ${release}`,
  );
  assert(nonce > 0n && nonce >> 128n === 0n, "the nonce is a u128 and not 0");
  assert(addressCount > 0, "a replica has an address");
}

/**
 * How many messages a replica and its message bus can hold at once (spec 01 §7.4).
 *
 * @param nodeCount replicas and standbys: the number of addresses.
 */
export function messagesMax(config: Config, nodeCount: number, pipelineRequestQueueLimit: number): number {
  const { process, cluster } = config;
  const pipeline = cluster.pipelinePrepareQueueMax + pipelineRequestQueueLimit;
  const io =
    process.journalIopsReadMax +
    process.journalIopsWriteMax +
    process.clientRepliesIopsReadMax +
    process.clientRepliesIopsWriteMax +
    process.gridRepairReadsMax;
  const loopback = 1;
  const commit = 1;
  const syncView = 1;
  const joinViews = Math.min(nodeCount, REPLICAS_MAX);
  const burst = 1;
  const reply = 1;
  const connections = nodeCount + pipeline - 1;
  const bus = connections * (1 + config.derived.connectionSendQueueMaxReplica);
  return io + loopback + pipeline + commit + syncView + joinViews + burst + reply + bus;
}
