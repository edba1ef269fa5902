/**
 * What a client can say about one replica.
 *
 * @module
 */
import type { Finding } from "./finding.ts";

/** What is known of the replica at one position of the list of addresses. */
export interface ReplicaReport {
  /** As it was given: `HOST:PORT`. */
  readonly address: string;
  /** Whether there is a connection. */
  readonly connected: boolean;
  /** Whether a replica of the right cluster has answered on it. */
  readonly answers: boolean;
  /** Which replica says that it answers there; null while none has. */
  readonly replica: number | null;
  /** The release that it runs, as `0.17.9`; null while unknown. */
  readonly release: string | null;
  /** The newest view that it has shown; null while unknown. */
  readonly view: number | null;
  /** How long a ping and its answer took, in milliseconds; null while unknown. */
  readonly roundTripMs: number | null;
  /** What is wrong with it; null if nothing is known to be. */
  readonly finding: Finding | null;
}
