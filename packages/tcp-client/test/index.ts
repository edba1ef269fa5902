/**
 * What tests of clients share.
 *
 * @packageDocumentation
 */
export { buildMessage, echo, FakeReplica, type Reaction } from "./fake-replica.ts";
