/**
 * How many events and results fit into a message (spec 02 §4).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { multiBatchTrailerSizeBytes } from "@stagbeetle/vsr-protocol";
import { Operation, OPERATIONS, type OperationKind, type OperationTraits, operationTraits } from "./operations.ts";

/** The size of the largest event in bytes. */
const EVENT_SIZE_BYTES_MAX = 128;

/** The two sizes that everything else follows from. */
export interface LimitsOptions {
  /** The same in the whole cluster for ever: what fits into a message after its header. Bounds replies. */
  readonly messageBodySizeMax: number;
  /** What a replica was started with: bounds requests. All replicas of a cluster must have the same. */
  readonly batchSizeLimit: number;
}

/** Limits of one state machine. Counts are of events or results of one batch. */
export class Limits {
  readonly messageBodySizeMax: number;
  readonly batchSizeLimit: number;
  /** What one `create_accounts` operation may hold at most, in any encoding and with any replica's options. */
  readonly createAccountsMax: number;
  /** The same for `create_transfers`. It is also what a pulse adds to the clock. */
  readonly createTransfersMax: number;
  /** How many transfers one pulse expires at most. */
  readonly expireMax: number;
  /** How many change events one reply has at most. */
  readonly changeEventsMax: number;

  constructor(options: LimitsOptions) {
    const { messageBodySizeMax, batchSizeLimit } = options;
    assert(
      batchSizeLimit >= EVENT_SIZE_BYTES_MAX && batchSizeLimit <= messageBodySizeMax,
      () => `a batch size limit of ${batchSizeLimit} bytes, with bodies of at most ${messageBodySizeMax}`,
    );
    this.messageBodySizeMax = messageBodySizeMax;
    this.batchSizeLimit = batchSizeLimit;
    this.createAccountsMax = this.#eventMaxOf("create_accounts", messageBodySizeMax);
    this.createTransfersMax = this.#eventMaxOf("create_transfers", messageBodySizeMax);
    this.expireMax = this.#eventMaxOf("create_transfers", batchSizeLimit);
    // Every event needs its transfer and its two accounts, which are looked up.
    const transfersMax = this.#eventMaxOf("lookup_transfers", batchSizeLimit);
    const accountsMax = this.#eventMaxOf("lookup_accounts", batchSizeLimit);
    const resultMax = this.resultMax(operationTraits(Operation.get_change_events));
    this.changeEventsMax = Math.min(resultMax, transfersMax, Math.floor(accountsMax / 2));
  }

  /** How many events a batch has at most if its request has at most `batchSizeLimit` bytes. */
  eventMax(traits: OperationTraits, batchSizeLimit: number = this.batchSizeLimit): number {
    const { eventSizeBytes, resultSizeBytes } = traits;
    if (eventSizeBytes === 0) return 0;
    const requests = Math.floor((batchSizeLimit - trailerSizeBytes(traits, eventSizeBytes)) / eventSizeBytes);
    const replies = Math.floor((this.messageBodySizeMax - trailerSizeBytes(traits, resultSizeBytes)) / resultSizeBytes);
    return Math.max(0, Math.min(requests, replies));
  }

  /** How many results a batch has at most. Only bodies of any replica count, not what this one takes. */
  resultMax(traits: OperationTraits): number {
    if (traits.batchable) return this.eventMax(traits, this.messageBodySizeMax);
    const { resultSizeBytes } = traits;
    if (resultSizeBytes === 0) return 0;
    return Math.floor((this.messageBodySizeMax - trailerSizeBytes(traits, resultSizeBytes)) / resultSizeBytes);
  }

  #eventMaxOf(kind: OperationKind, batchSizeLimit: number): number {
    const variants = OPERATIONS.filter((traits) => traits.kind === kind);
    return Math.max(...variants.map((traits) => this.eventMax(traits, batchSizeLimit)));
  }
}

function trailerSizeBytes(traits: OperationTraits, elementSizeBytes: number): number {
  return traits.multiBatch ? multiBatchTrailerSizeBytes(elementSizeBytes, 1) : 0;
}
