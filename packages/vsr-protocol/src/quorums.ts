/**
 * How many replicas must agree (spec 01 §3.10, spec 03 §2.2). Standbys never count.
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The quorums of a cluster: numbers of replicas. */
export interface Quorums {
  /** Replicas that must have a prepare before it is committed. */
  readonly replication: number;
  /** Replicas that must join a view before it starts. */
  readonly viewChange: number;
  /** Replicas that must say that they never had a prepare before it is discarded. */
  readonly nackPrepare: number;
  /** More than half. */
  readonly majority: number;
  /** Replicas that must have a release before the cluster moves to it: all. */
  readonly upgrade: number;
}

/**
 * The quorums of `replicaCount` replicas. A prepare needs no majority, at most `quorumReplicationMax`: a smaller
 * replication quorum makes commits faster, and view changes wait for as many more (flexible quorums).
 */
export function quorums(replicaCount: number, quorumReplicationMax: number): Quorums {
  assert(Number.isInteger(replicaCount) && replicaCount >= 1, () => `a cluster of ${replicaCount} replicas`);
  assert(quorumReplicationMax >= 2, () => `quorum_replication_max of ${quorumReplicationMax}`);
  const pair = replicaCount === 2;
  const replication = pair ? 2 : Math.min(quorumReplicationMax, Math.ceil(replicaCount / 2));
  const viewChange = pair ? 2 : replicaCount - replication + 1;
  const nackPrepare = replicaCount - replication + 1;
  const majority = Math.floor(replicaCount / 2) + 1;

  assert(replication + viewChange > replicaCount, "a view change could miss a committed prepare");
  assert(nackPrepare + replication > replicaCount, "a committed prepare could be discarded");
  assert(viewChange >= majority, "two views could start at once");
  assert(replicaCount < 3 || (replication < replicaCount && viewChange < replicaCount), "no replica may fail");
  return { replication, viewChange, nackPrepare, majority, upgrade: replicaCount };
}
