/**
 * What a client says about itself.
 */
import type { Finding, ReplicaReport } from "@stagbeetle/client";

/**
 * - `connecting`: the session is not registered yet; requests wait.
 * - `ready`: it is registered. Whether the cluster can be reached right now, `finding` says.
 * - `evicted`: the cluster has ended it.
 * - `closed`: `destroy()` was called.
 */
export type ClientStatus = "connecting" | "ready" | "evicted" | "closed";

/** A snapshot. */
export interface ClientState {
  readonly status: ClientStatus;
  /** What keeps the cluster from answering; null if nothing is known to. */
  readonly finding: Finding | null;
  /** What is known of each replica, in the order of the addresses. */
  readonly replicas: readonly ReplicaReport[];
  /** How many requests have no result yet. */
  readonly requests_open: number;
  /** The number of the session; null until it is registered. */
  readonly session: number | null;
}

/** The part of a state whose change is an event: requests come and go without one. */
export function eventKey({ status, finding, replicas }: ClientState): string {
  const connections = replicas.map(({ connected, answers }) => `${connected}${answers}`);
  return [status, finding?.code ?? "", ...connections].join(" ");
}
