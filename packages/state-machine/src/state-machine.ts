/**
 * The interface for authors of replicated state machines.
 *
 * A replica orders operations, makes them durable and executes them on every replica of the cluster; what they mean is
 * up to a {@link StateMachine}. For each committed operation the replica calls, strictly one operation after the other:
 *
 * | Call | Where and when | What it may depend on |
 * |---|---|---|
 * | `operationValid`, `inputValid` | on requests, and on prepares of peers | the bytes of the request and the machine's options |
 * | `prepare` | the primary, when it gives the request its place in the log | the same; it advances `prepareTimestamp` |
 * | `prefetch` | every replica | everything before this operation; asynchronous, reads only |
 * | `commit` | every replica | what was prefetched; synchronous, writes and replies |
 * | `compact` | every replica | asynchronous housekeeping of the store |
 * | `checkpoint`, then `checkpointReferences` | every replica, now and then | makes the store durable, if `checkpoints`, and says where it is |
 * | `pulseNeeded` | the primary, from time to time | a hint in memory: whether the machine wants a `pulse` operation |
 *
 * Replicas that execute the same operations must reply and store the same bytes. So a state machine
 *
 * - has no clock but the timestamps of its operations, no randomness, and no order of a hash table in its results;
 * - does not depend on the version of the client: what changes its meaning gets a new operation number;
 * - never throws on account of what a client sent: `inputValid` refuses malformed bodies (the client is told so), and
 *   `commit` answers everything else;
 * - has the same limits on all replicas of a cluster.
 *
 * Operation numbers 0 to 127 belong to the protocol, of which only `pulse` (4) reaches a state machine; its own are 128 to
 * 255. A machine keeps its data in a `Forest` (`forest.ts`), declared as grooves; `MemoryForest` serves tests.
 * `echo/echo.ts` is a complete machine in a hundred lines.
 *
 * @module
 */
export type { Committing, ManifestReferences, StateMachine } from "@stagbeetle/vsr-protocol";
