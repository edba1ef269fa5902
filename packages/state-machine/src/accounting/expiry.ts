/**
 * Expiry of pending transfers: what a pulse does (spec 02 §18).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import { type Forest, NOT_FOUND, type Pointer } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import { type AccountEventSource, insertAccountEvent } from "./account-events.ts";
import type { Context } from "./context.ts";
import type { Limits } from "./limits.ts";
import { releaseReservation, type Release } from "./reservation.ts";
import { TransferPendingStatus } from "./transfer-pending.ts";
import { TRANSFER_SIZE_BYTES, TransferLane } from "./transfer.ts";

/** Finds the transfers whose time is over, and takes them back. */
export class Expiry {
  readonly #context: Context;
  readonly #forest: Forest;
  readonly #limits: Limits;
  /** The transfers that the pulse under way has found, in the order in which they expire. */
  readonly #transfers: Pointer;
  #count = 0;
  readonly #now = new Uint32Array(2);
  /** The last expiry that the scan came to; 0 if it came to none. */
  readonly #seen = new Uint32Array(2);
  readonly #timestamp = new Uint32Array(2);
  readonly #source: AccountEventSource;
  readonly #release: Release = { pending: NOT_FOUND, debit: NOT_FOUND, credit: NOT_FOUND, posted: null };

  constructor(context: Context, forest: Forest, limits: Limits) {
    this.#context = context;
    this.#forest = forest;
    this.#limits = limits;
    this.#transfers = forest.memory.allocate(limits.expireMax * TRANSFER_SIZE_BYTES, 64, "expiring transfers");
    this.#source = {
      timestamps: this.#timestamp,
      timestampAt: 0,
      transferFlags: 0,
      pending: NOT_FOUND,
      status: TransferPendingStatus.expired,
      amountsRequested: null,
      amountRequestedAt: 0,
      amounts: context.u32,
      amountAt: 0,
    };
  }

  /** Finds the transfers that expire up to `timestamp` and loads what their expiry changes. */
  prefetch(timestamp: bigint, callback: () => void): void {
    const { transfers, expiresAtIndex } = this.#context;
    const { scans } = this.#forest;
    u64.fromBigInt(this.#now, 0, timestamp);
    u64.fromBigInt(this.#seen, 0, 0n);
    const scan = scans.entries(transfers, expiresAtIndex);
    const into = {
      groove: transfers,
      destination: this.#transfers,
      countMax: this.#limits.expireMax,
      inspect: (lanes: Uint32Array, at: number) => this.#inspect(lanes, at),
    };
    scans.read(scan, into, (count, end) => {
      this.#count = count;
      this.#schedule(end === "finished");
      scans.release();
      this.#prefetchObjects(callback);
    });
  }

  /** Expires what `prefetch` has found. The last transfer gets the timestamp of the pulse, the others the ones before. */
  commit(timestamp: bigint): void {
    u64.fromBigInt(this.#timestamp, 0, timestamp - BigInt(this.#count));
    for (let index = 0; index < this.#count; index += 1) {
      u64.increment(this.#timestamp, 0);
      this.#expire(this.#transfers + index * TRANSFER_SIZE_BYTES);
    }
    this.#count = 0;
  }

  #inspect(lanes: Uint32Array, at: number): "take" | "stop" {
    u64.copy(this.#seen, 0, lanes, at);
    return u64.lessThan(this.#now, 0, lanes, at) ? "stop" : "take";
  }

  /** When the next pulse is needed: when the scan says, or at once if it found more than one pulse can take. */
  #schedule(finished: boolean): void {
    const { pulse } = this.#context;
    const seen = u64.toBigInt(this.#seen, 0);
    if (finished && seen <= u64.toBigInt(this.#now, 0)) pulse.setNever();
    else pulse.set(seen);
  }

  #prefetchObjects(callback: () => void): void {
    const { accounts, transfersPending } = this.#context;
    const u32 = this.#forest.memory.u32;
    for (let index = 0; index < this.#count; index += 1) {
      const transfer = (this.#transfers + index * TRANSFER_SIZE_BYTES) >>> 2;
      accounts.enqueue(u32, transfer + TransferLane.debitAccountId);
      accounts.enqueue(u32, transfer + TransferLane.creditAccountId);
      transfersPending.enqueue(u32, transfer + TransferLane.timestamp);
    }
    accounts.prefetch(() => transfersPending.prefetch(callback));
  }

  #expire(transfer: Pointer): void {
    const { accounts, u32 } = this.#context;
    const debit = accounts.get(u32, (transfer >>> 2) + TransferLane.debitAccountId);
    const credit = accounts.get(u32, (transfer >>> 2) + TransferLane.creditAccountId);
    assert(debit !== NOT_FOUND && credit !== NOT_FOUND, "the accounts of an expiring transfer do not exist");
    this.#release.pending = transfer;
    this.#release.debit = debit;
    this.#release.credit = credit;
    releaseReservation(this.#context, this.#release, TransferPendingStatus.expired);
    this.#source.pending = transfer;
    this.#source.amounts = u32;
    this.#source.amountAt = (transfer >>> 2) + TransferLane.amount;
    insertAccountEvent(this.#context, debit, credit, this.#source);
  }
}
