/**
 * What creating accounts and transfers may ask for, loaded beforehand (spec 02 §20).
 *
 * @module
 */
import type { MultiBatchDecoder } from "@stagbeetle/vsr-protocol";
import { type Groove, NOT_FOUND, ORPHANED } from "../forest.ts";
import { AccountFlags, AccountLane } from "./account.ts";
import type { Context } from "./context.ts";
import type { OperationTraits } from "./operations.ts";
import { TransferFlags, TransferLane } from "./transfer.ts";

const EVENT_LANES = 32;
const POST_OR_VOID = TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;

/** One after the other: accounts, transfers, states of pending transfers and expiries, since each may say which of the next are needed. */
export class CreatePrefetch {
  readonly #context: Context;
  readonly #decoder: MultiBatchDecoder;

  /** @param decoder is used to read bodies. */
  constructor(context: Context, decoder: MultiBatchDecoder) {
    this.#context = context;
    this.#decoder = decoder;
  }

  accounts(traits: OperationTraits, body: Uint8Array, input: Uint32Array, callback: () => void): void {
    const { accounts, transfers } = this.#context;
    const end = this.#eventCount(traits, body) * EVENT_LANES;
    for (let event = 0; event < end; event += EVENT_LANES) accounts.enqueue(input, event + AccountLane.id);
    this.#timestamps(traits, body, input, AccountFlags.imported, transfers);
    accounts.prefetch(() => transfers.prefetch(callback));
  }

  transfers(traits: OperationTraits, body: Uint8Array, input: Uint32Array, callback: () => void): void {
    const { accounts, transfers, transfersPending, expiryTimestamps } = this.#context;
    const count = this.#eventCount(traits, body);
    for (let event = 0; event < count * EVENT_LANES; event += EVENT_LANES) {
      transfers.enqueue(input, event + TransferLane.id);
      if (resolves(input, event)) transfers.enqueue(input, event + TransferLane.pendingId);
    }
    transfers.prefetch(() => {
      this.#accountsOf(input, count);
      this.#timestamps(traits, body, input, TransferFlags.imported, accounts);
      this.#expiryTimestampsOf(input, count);
      accounts.prefetch(() => transfersPending.prefetch(() => expiryTimestamps.find(callback)));
    });
  }

  #accountsOf(input: Uint32Array, count: number): void {
    const { accounts, transfers, transfersPending, u32 } = this.#context;
    for (let event = 0; event < count * EVENT_LANES; event += EVENT_LANES) {
      if (!resolves(input, event)) {
        accounts.enqueue(input, event + TransferLane.debitAccountId);
        accounts.enqueue(input, event + TransferLane.creditAccountId);
        continue;
      }
      const pending = transfers.get(input, event + TransferLane.pendingId);
      if (pending === NOT_FOUND || pending === ORPHANED) {
        // It may be created by this operation; then its accounts are asked for by its own event.
        continue;
      }
      accounts.enqueue(u32, (pending >>> 2) + TransferLane.debitAccountId);
      accounts.enqueue(u32, (pending >>> 2) + TransferLane.creditAccountId);
      transfersPending.enqueue(u32, (pending >>> 2) + TransferLane.timestamp);
    }
  }

  #expiryTimestampsOf(input: Uint32Array, count: number): void {
    const { expiryTimestamps } = this.#context;
    expiryTimestamps.begin();
    for (let event = 0; event < count * EVENT_LANES; event += EVENT_LANES) {
      if (!imported(input, event, TransferFlags.imported)) continue;
      expiryTimestamps.enqueue(input, event + TransferLane.timestamp);
    }
  }

  /**
   * Asks for objects of the other groove that have the timestamps of imported events.
   *
   * All timestamps of a body whose first event is imported. The reference asks for none otherwise, and stops when a later
   * batch of the body is imported (spec 02 §23, hazard 1); here such batches are asked for as well.
   */
  #timestamps(
    traits: OperationTraits,
    body: Uint8Array,
    input: Uint32Array,
    importedFlag: number,
    groove: Groove,
  ): void {
    const count = this.#eventCount(traits, body);
    if (count === 0) return;
    const whole = imported(input, 0, importedFlag);
    if (whole || !traits.multiBatch) {
      if (whole) enqueueTimestamps(groove, input, 0, count);
      return;
    }
    this.#decoder.rewind();
    while (this.#decoder.next()) {
      const first = this.#decoder.batchOffset / 4;
      const batchCount = this.#decoder.elementCount;
      if (batchCount > 0 && imported(input, first, importedFlag)) {
        enqueueTimestamps(groove, input, first, batchCount);
      }
    }
  }

  #eventCount(traits: OperationTraits, body: Uint8Array): number {
    if (!traits.multiBatch) return body.length / traits.eventSizeBytes;
    return this.#decoder.payloadSizeBytes / traits.eventSizeBytes;
  }
}

function imported(input: Uint32Array, event: number, importedFlag: number): boolean {
  return ((input[event + TransferLane.codeAndFlags] as number) & (importedFlag << 16)) !== 0;
}

function resolves(input: Uint32Array, event: number): boolean {
  return ((input[event + TransferLane.codeAndFlags] as number) & (POST_OR_VOID << 16)) !== 0;
}

function enqueueTimestamps(groove: Groove, input: Uint32Array, first: number, count: number): void {
  for (let index = 0; index < count; index += 1) {
    groove.enqueueTimestamp(input, first + index * EVENT_LANES + TransferLane.timestamp);
  }
}
