/**
 * The interface for authors of replicated state machines, the accounting state machine, and the port through which it reaches its forest.
 *
 * @packageDocumentation
 */
export {};
