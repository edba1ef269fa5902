/**
 * A client of the replicated state machine: its session with the cluster, one request at a time, retried until it is answered.
 *
 * @packageDocumentation
 */
export { RoundTrips } from "./round-trips.ts";
export { Session } from "./session.ts";
export type { Eviction, Reply, ReplyCallback, SessionOptions, SessionState } from "./session.ts";
