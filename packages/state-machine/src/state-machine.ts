/**
 * The interface for authors of replicated state machines.
 *
 * @module
 */
export type { Committing, StateMachine } from "@stagbeetle/vsr-protocol";
