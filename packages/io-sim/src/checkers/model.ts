/**
 * What a state machine must answer, by a second implementation of its rules.
 *
 * @module
 */

/** One committed operation. */
export interface ModelOperation {
  readonly operation: number;
  /** The prepare's timestamp in nanoseconds. */
  readonly timestamp: bigint;
  readonly body: Uint8Array;
}

/** Executes operations in the order of their ops, each once. */
export interface Model {
  /** The bytes that the state machine must answer with. */
  execute(operation: ModelOperation): Uint8Array;
}

/** A state machine that answers with what it was sent (spec 02 §26). */
export class EchoModel implements Model {
  execute({ body }: ModelOperation): Uint8Array {
    return body.slice();
  }
}
