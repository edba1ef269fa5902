/**
 * What the parts of the accounting state machine share while one operation is executed.
 *
 * @module
 */
import { type Forest, type ForestMemory, type Groove, NOT_FOUND, type Pointer } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import { TIMESTAMP_MAX, TIMESTAMP_MIN } from "../timestamp.ts";
import { ACCOUNT_SIZE_BYTES } from "./account.ts";
import { ExpiryTimestamps } from "./expiry-timestamps.ts";
import type { Limits } from "./limits.ts";
import { TRANSFER_PENDING_SIZE_BYTES } from "./transfer-pending.ts";

/** Timestamps of the batch that is executed, each in two lanes. */
export class BatchClock {
  /** The batch's own timestamp: that of its last event. */
  readonly batch: Uint32Array = new Uint32Array(2);
  /** The timestamp that the current event has by its position. */
  readonly event: Uint32Array = new Uint32Array(2);
  /** What the current event's result says. */
  readonly result: Uint32Array = new Uint32Array(2);

  /** Begins a batch of `eventCount` events, before the first. */
  begin(timestamp: bigint, eventCount: number): void {
    u64.fromBigInt(this.batch, 0, timestamp);
    u64.fromBigInt(this.event, 0, timestamp - BigInt(eventCount));
  }

  /** Goes on to the next event. Unless something else is said, its result carries its own timestamp. */
  next(): void {
    u64.increment(this.event, 0);
    u64.copy(this.result, 0, this.event, 0);
  }
}

/**
 * When the next pending transfer expires, as far as this process knows (spec 02 §18). A hint: a wrong one costs a pulse
 * that finds nothing. The smallest timestamp means unknown, the largest that nothing will expire.
 */
export class PulseSchedule {
  readonly #next = new Uint32Array(2);

  constructor() {
    this.set(TIMESTAMP_MIN);
  }

  get next(): bigint {
    return u64.toBigInt(this.#next, 0);
  }

  set(timestamp: bigint): void {
    u64.fromBigInt(this.#next, 0, timestamp);
  }

  /** Nothing will expire. */
  setNever(): void {
    this.set(TIMESTAMP_MAX);
  }

  /** A transfer will expire at this time. */
  lower(expiresAt: Uint32Array, at: number): void {
    if (u64.lessThan(expiresAt, at, this.#next, 0)) u64.copy(this.#next, 0, expiresAt, at);
  }

  /** A transfer that would have expired at this time will not. If it was the next one, the next one is unknown. */
  resolved(expiresAt: Uint32Array, at: number): void {
    if (u64.equal(expiresAt, at, this.#next, 0)) this.set(TIMESTAMP_MIN);
  }
}

/** The grooves, the clock, and the memory in which the next versions of objects are composed. */
export class Context {
  readonly accounts: Groove;
  readonly transfers: Groove;
  readonly transfersPending: Groove;
  readonly accountEvents: Groove;
  readonly expiresAtIndex: number;
  readonly accountTimestampIndex: number;
  readonly clock: BatchClock = new BatchClock();
  readonly pulse: PulseSchedule = new PulseSchedule();
  readonly expiryTimestamps: ExpiryTimestamps;
  /** The debit and the credit account as they will be. */
  readonly drNext: Pointer;
  readonly crNext: Pointer;
  /** The record of a pending transfer's state as it will be. */
  readonly pendingNext: Pointer;
  /** The events of the operation. */
  input: Uint32Array = new Uint32Array(0);
  /** The forest's memory. It changes between operations only. */
  u32: Uint32Array;
  readonly #memory: ForestMemory;

  constructor(forest: Forest, limits: Limits) {
    this.#memory = forest.memory;
    this.accounts = forest.groove("accounts");
    this.transfers = forest.groove("transfers");
    this.transfersPending = forest.groove("transfers_pending");
    this.accountEvents = forest.groove("account_events");
    this.expiresAtIndex = this.transfers.indexOf("expires_at");
    this.accountTimestampIndex = this.accountEvents.indexOf("account_timestamp");
    this.expiryTimestamps = new ExpiryTimestamps(forest, limits.createTransfersMax);
    this.drNext = forest.memory.allocate(ACCOUNT_SIZE_BYTES, 16, "next debit account");
    this.crNext = forest.memory.allocate(ACCOUNT_SIZE_BYTES, 16, "next credit account");
    this.pendingNext = forest.memory.allocate(TRANSFER_PENDING_SIZE_BYTES, 16, "next state of a pending transfer");
    this.u32 = forest.memory.u32;
  }

  /** Begins the commit of an operation. */
  begin(input: Uint32Array): void {
    this.input = input;
    this.u32 = this.#memory.u32;
  }

  /**
   * Whether an imported transfer with this timestamp would come after a newer one, or at the very time of something else: of an
   * account, or of an expiry (spec 02 §12.13, §13.1.12; the expiry is ours, §23 hazard 7).
   */
  importedTransferRegresses(timestamps: Uint32Array, at: number): boolean {
    return (
      !this.transfers.newerThanAll(timestamps, at) ||
      this.accounts.getByTimestamp(timestamps, at) !== NOT_FOUND ||
      this.expiryTimestamps.has(timestamps, at)
    );
  }

  /** Opens a scope over all grooves. */
  scopeOpen(): void {
    this.accounts.scopeOpen();
    this.transfers.scopeOpen();
    this.transfersPending.scopeOpen();
    this.accountEvents.scopeOpen();
  }

  /** Closes the scope over all grooves. */
  scopeClose(outcome: "persist" | "discard"): void {
    this.accounts.scopeClose(outcome);
    this.transfers.scopeClose(outcome);
    this.transfersPending.scopeClose(outcome);
    this.accountEvents.scopeClose(outcome);
  }
}
