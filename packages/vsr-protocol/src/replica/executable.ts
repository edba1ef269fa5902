/**
 * What can be executed here: the operations that there are, and the bodies that they take (spec 01 §3.2, spec 02 §6).
 *
 * Asked of requests, which clients may get wrong, and of prepares, which no correct replica does: what is in the log is
 * executed.
 *
 * @module
 */
import { operationExecutedByStateMachine, operationValid } from "../operation.ts";
import type { StateMachine } from "../ports/state-machine.ts";

/** Who knows the operations that are not the protocol's. */
export type StateMachineOperations = Pick<StateMachine, "operationValid" | "inputValid">;

/** Whether there is such an operation (u8): of the protocol, or of this state machine, whose the `pulse` is, too. */
export function operationKnown(operation: number, stateMachine: StateMachineOperations): boolean {
  return operationExecutedByStateMachine(operation)
    ? stateMachine.operationValid(operation)
    : operationValid(operation);
}

/** Whether the state machine takes the body, if it is the one to execute the operation. */
export function inputValid(operation: number, body: Uint8Array, stateMachine: StateMachineOperations): boolean {
  return !operationExecutedByStateMachine(operation) || stateMachine.inputValid(operation, body);
}
