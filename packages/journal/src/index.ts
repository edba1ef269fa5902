/**
 * The write-ahead log: two rings of headers and prepares, and the decision table that recovers them after a crash.
 *
 * @packageDocumentation
 */
export {};
