/**
 * Creating transfers that ask for nothing special, in one call for as many as follow each other (spec 02 §12).
 * `assembly/transfers.ts` has the loop.
 */

import { assert } from "./assert.ts";
import type { Kernels } from "./kernels.ts";
import type { Pointer } from "./linear-memory.ts";

/** Transfers to create. Windows are what grooves show of themselves: their tables and slots have room for all of them. */
export interface TransferBatch {
  /** Events of 128 bytes that follow each other. */
  readonly events: Pointer;
  readonly count: number;
  /** The timestamp of the first event, in two lanes. Each next one has the next. */
  readonly timestamp: Uint32Array;
  /** Flags of accounts that the simple rules do not hold for. */
  readonly accountFlagsExcluded: number;
  readonly accounts: Pointer;
  readonly transfers: Pointer;
  readonly accountEvents: Pointer;
}

const batchSizeBytes = 32;
const eventSizeBytes = 128;

/** Creates transfers. */
export class TransfersKernel {
  readonly #kernels: Kernels;
  readonly #pointer: Pointer;

  /** Takes 32 bytes of memory under `label`. */
  constructor(kernels: Kernels, label: string) {
    this.#kernels = kernels;
    this.#pointer = kernels.memory.allocate(batchSizeBytes, 8, label);
  }

  /**
   * Creates the first transfers of a batch, up to one that is not simple: in the cache, in the tables of all three grooves, and
   * in the balances of its accounts.
   *
   * @returns how many were created. The windows must be told.
   */
  create(batch: TransferBatch): number {
    const { memory, exports } = this.#kernels;
    const { u32 } = memory;
    const { events, count, timestamp } = batch;
    memory.assertRange(events, count * eventSizeBytes);
    const at = this.#pointer / 4;
    u32[at] = events;
    u32[at + 1] = count;
    u32[at + 2] = timestamp[0] as number;
    u32[at + 3] = timestamp[1] as number;
    u32[at + 4] = batch.accountFlagsExcluded;
    u32[at + 5] = batch.accounts;
    u32[at + 6] = batch.transfers;
    u32[at + 7] = batch.accountEvents;
    const created = exports.createSimpleTransfers(this.#pointer) >>> 0;
    assert(created <= count, () => `${created} transfers created of ${count}`);
    return created;
  }
}
