/**
 * Whom to ask: the other replicas. Standbys are never asked; one asks any of the replicas.
 *
 * @module
 */
import type { Random } from "../../random.ts";
import type { Identity } from "../identity.ts";

/** How many other replicas there are; none for a replica that is alone. */
export function otherReplicaCount({ replicaCount, standby }: Pick<Identity, "replicaCount" | "standby">): number {
  return standby ? replicaCount : replicaCount - 1;
}

/** The other replicas in the order of their indexes. */
export function otherReplicas(identity: Pick<Identity, "replica" | "replicaCount">): number[] {
  const replicas = Array.from({ length: identity.replicaCount }, (_, replica) => replica);
  return replicas.filter((replica) => replica !== identity.replica);
}

/** A random one of the other replicas, or null if there is none. */
export function otherReplica(
  identity: Pick<Identity, "replica" | "replicaCount" | "standby">,
  random: Random,
): number | null {
  const count = otherReplicaCount(identity);
  if (count === 0) return null;
  const chosen = random.index(count);
  return chosen < identity.replica ? chosen : chosen + 1;
}
