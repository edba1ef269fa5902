/**
 * The one operation of the echo machine, and what clients need to know of it (spec 02 §26).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";

/** The operations by number. */
export const Operation = { echo: 128 } as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

/** The operation that a header's operation (u8) stands for; null for those of the protocol, `pulse` among them. */
export function operationFromVsr(operation: number): Operation | null {
  return operation === Operation.echo ? Operation.echo : null;
}

/** Whether a client may send the events of several callers as one batch and take the results apart again. */
export const batchLogicalAllowed: Readonly<Record<keyof typeof Operation, boolean>> = { echo: false };

/** The size of an event in bytes. */
export const EVENT_SIZE_BYTES = 1;
/** The size of a result in bytes. */
export const RESULT_SIZE_BYTES = 1;

/** Takes a reply apart. Since batches are not merged, one caller gets all of it. */
export class Demuxer {
  readonly #results: Uint8Array;

  constructor(results: Uint8Array) {
    this.#results = results;
  }

  /** The results of `eventCount` events from `eventOffset` on. */
  decode(eventOffset: number, eventCount: number): Uint8Array {
    assert(
      eventOffset === 0 && eventCount * RESULT_SIZE_BYTES === this.#results.length,
      () => `events ${eventOffset} + ${eventCount} of a reply of ${this.#results.length} bytes`,
    );
    return this.#results;
  }
}
