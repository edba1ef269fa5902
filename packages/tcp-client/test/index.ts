/**
 * What tests of clients share.
 *
 * @packageDocumentation
 */
export { echo, FakeReplica, type Reaction } from "./fake-replica.ts";
