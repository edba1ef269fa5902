/**
 * What tests of clients, and of servers that clients reach, share. Not published.
 *
 * @packageDocumentation
 */
export { echo, FakeReplica, type Reaction } from "./fake-replica.ts";
export { freePorts } from "./free-ports.ts";
