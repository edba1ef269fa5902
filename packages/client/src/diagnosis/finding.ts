/**
 * What can be wrong between a client and a cluster.
 *
 * @module
 */

/**
 * Why there is no answer.
 *
 * - `connecting`: nothing is known yet, or a connection was lost and is being made again.
 * - `nothing_listens`: the address refuses connections.
 * - `host_not_found`: the name has no address.
 * - `unreachable`: the network has no way there, or nobody reacts.
 * - `closed_without_answer`: the connection is closed as soon as it is used: a wrong cluster id, or no room for another client.
 * - `no_answer`: the connection is made, and then there is silence.
 * - `not_a_replica`: what comes back is something else than the protocol.
 * - `wrong_cluster`: a replica of another cluster answers.
 * - `wrong_addresses`: the list is not in the order of the replicas, or has fewer than the cluster.
 * - `no_majority`: too few replicas can be reached for the cluster to work.
 * - `no_primary`: replicas answer, but nobody executes requests.
 * - `release_too_old`, `release_too_new`: the cluster does not serve clients of this release.
 * - `evicted`: the cluster ended the session.
 */
export type FindingCode =
  | "connecting"
  | "nothing_listens"
  | "host_not_found"
  | "unreachable"
  | "closed_without_answer"
  | "no_answer"
  | "not_a_replica"
  | "wrong_cluster"
  | "wrong_addresses"
  | "no_majority"
  | "no_primary"
  | "release_too_old"
  | "release_too_new"
  | "evicted";

/** One thing that is wrong. */
export interface Finding {
  readonly code: FindingCode;
  /** One line for people: what is wrong, and what to do about it. */
  readonly message: string;
}
