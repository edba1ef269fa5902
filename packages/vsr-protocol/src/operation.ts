/**
 * What a request asks for: the operations of the protocol itself (spec 01 §3.2). Those from 128 on are the state machine's.
 *
 * @module
 */

/** The operations of the protocol: a u8 in `request`, `prepare`, `prepare_ok` and `reply`. */
export const Operation = {
  /** Of prepare headers that stand for no prepare: unused journal slots and gaps. */
  reserved: 0,
  /** Of the prepare of op 0, with which every log begins. */
  root: 1,
  /** Opens a session. */
  register: 2,
  reconfigure: 3,
  /** The primary's own: the state machine has something to do without being asked. Executed by the state machine. */
  pulse: 4,
  /** The primary's own: the cluster moves on to another release. */
  upgrade: 5,
  noop: 6,
} as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** How many operations (0 to 127) are kept for the protocol: the first operation of the state machine. */
export const VSR_OPERATIONS_RESERVED = 128;

const NAMES: readonly string[] = ["reserved", "root", "register", "reconfigure", "pulse", "upgrade", "noop"];

/** Whether a u8 is an operation of the protocol: 0 to 6. */
export function operationValid(operation: number): operation is Operation {
  return operation < NAMES.length;
}

/** Whether an operation belongs to the state machine: 128 and above. Which of those exist is the state machine's to say. */
export function operationOfStateMachine(operation: number): boolean {
  return operation >= VSR_OPERATIONS_RESERVED;
}

/** Whether the state machine executes an operation: its own, and `pulse`. The replica executes all others. */
export function operationExecutedByStateMachine(operation: number): boolean {
  return operation === Operation.pulse || operationOfStateMachine(operation);
}

/** Whether an operation is the cluster's own, without a client: `pulse` and `upgrade`. */
export function operationOfCluster(operation: number): boolean {
  return operation === Operation.pulse || operation === Operation.upgrade;
}

/** The name of an operation of the protocol; the number of every other one. */
export function operationName(operation: number): string {
  return NAMES[operation] ?? String(operation);
}
