/**
 * The history of the ledger: `get_change_events` (spec 02 §17).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Logger } from "@stagbeetle/vsr-protocol";
import { type Forest, NOT_FOUND, ORPHANED, type Pointer } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { ACCOUNT_EVENT_SIZE_BYTES, accountEventFormer, AccountEventLane } from "./account-event.ts";
import { AccountLane } from "./account.ts";
import type { Context } from "./context.ts";
import { type ChangeEventsFilter, changeEventsFilterValid, filterRange } from "./filters.ts";
import type { Limits } from "./limits.ts";
import { CHANGE_EVENT_SIZE_BYTES, ChangeEventType } from "./results.ts";
import { TransferPendingStatus } from "./transfer-pending.ts";
import { TransferFlags, TransferLane } from "./transfer.ts";

const ACCOUNT_EVENT_LANES = ACCOUNT_EVENT_SIZE_BYTES / 4;
const CHANGE_EVENT_LANES = CHANGE_EVENT_SIZE_BYTES / 4;
const BALANCES_LANES = 16;

/** Where the fields of a change event are in lanes. The fields of the two accounts have the same order. */
const ChangeEventLane = {
  transferId: 0,
  transferAmount: 4,
  transferPendingId: 8,
  transferUserData: 12,
  transferTimeout: 19,
  transferCodeAndFlags: 20,
  ledger: 21,
  type: 22,
  debitAccount: 32,
  creditAccount: 60,
  timestamp: 88,
  transferTimestamp: 90,
  debitAccountTimestamp: 92,
  creditAccountTimestamp: 94,
} as const;

/** Within the fields of one account. */
const AccountPartLane = { id: 0, balances: 4, userData: 20, codeAndFlags: 27 } as const;
/** `user_data_128`, `user_data_64` and `user_data_32`, which all records have side by side. */
const USER_DATA_LANES = 7;

/** Which fields of an account event describe which account. */
interface Side {
  readonly id: number;
  readonly balances: number;
  readonly timestamp: number;
  /** How far the account's flags are shifted in their lane. */
  readonly flagsShift: number;
  readonly output: number;
  readonly outputTimestamp: number;
}

const DEBIT: Side = {
  id: AccountEventLane.drAccountId,
  balances: AccountEventLane.drBalances,
  timestamp: AccountEventLane.drAccountTimestamp,
  flagsShift: 0,
  output: ChangeEventLane.debitAccount,
  outputTimestamp: ChangeEventLane.debitAccountTimestamp,
};
const CREDIT: Side = {
  id: AccountEventLane.crAccountId,
  balances: AccountEventLane.crBalances,
  timestamp: AccountEventLane.crAccountTimestamp,
  flagsShift: 16,
  output: ChangeEventLane.creditAccount,
  outputTimestamp: ChangeEventLane.creditAccountTimestamp,
};

/** Finds account events, and turns each into a change event with its transfer and its accounts. */
export class ChangeEvents {
  readonly #context: Context;
  readonly #forest: Forest;
  readonly #limits: Limits;
  readonly #logger: Logger;
  readonly #events: Pointer;
  #count = 0;

  constructor(context: Context, forest: Forest, limits: Limits, logger: Logger) {
    this.#context = context;
    this.#forest = forest;
    this.#limits = limits;
    this.#logger = logger;
    const sizeBytes = Math.max(1, limits.changeEventsMax) * ACCOUNT_EVENT_SIZE_BYTES;
    this.#events = forest.memory.allocate(sizeBytes, 64, "change events");
  }

  /** Finds the events that the filter selects, and loads their transfers and accounts. An invalid filter finds none. */
  prefetch(filter: ChangeEventsFilter, callback: () => void): void {
    const { accountEvents, transfers } = this.#context;
    const { scans } = this.#forest;
    this.#count = 0;
    if (!changeEventsFilterValid(filter)) {
      if (this.#logger.enabled("debug")) this.#logger.log("debug", "get_change_events: the filter is invalid");
      transfers.prefetch(callback);
      return;
    }
    const into = {
      groove: accountEvents,
      destination: this.#events,
      countMax: Math.min(filter.limit, this.#limits.changeEventsMax),
      inspect: (lanes: Uint32Array, at: number) => (halfRecorded(lanes, at) ? "skip" : "take"),
    } as const;
    scans.read(scans.objects(accountEvents, filterRange(filter), "ascending"), into, (count) => {
      this.#count = count;
      scans.release();
      this.#prefetchObjects(callback);
    });
  }

  /** Writes the change events. Returns their size in bytes. */
  commit(output: Uint32Array): number {
    for (let index = 0; index < this.#count; index += 1) {
      const event = (this.#events >>> 2) + index * ACCOUNT_EVENT_LANES;
      const at = index * CHANGE_EVENT_LANES;
      output.fill(0, at, at + CHANGE_EVENT_LANES);
      this.#write(event, output, at);
    }
    return this.#count * CHANGE_EVENT_SIZE_BYTES;
  }

  #prefetchObjects(callback: () => void): void {
    const { accounts, transfers } = this.#context;
    const u32 = this.#forest.memory.u32;
    for (let index = 0; index < this.#count; index += 1) {
      const event = (this.#events >>> 2) + index * ACCOUNT_EVENT_LANES;
      const former = accountEventFormer(u32, event);
      for (const side of [DEBIT, CREDIT]) {
        if (former) accounts.enqueue(u32, event + side.id);
        else accounts.enqueueTimestamp(u32, event + side.timestamp);
      }
      if (expired(u32, event)) transfers.enqueue(u32, event + AccountEventLane.transferPendingId);
      else transfers.enqueueTimestamp(u32, event + AccountEventLane.timestamp);
    }
    accounts.prefetch(() => transfers.prefetch(callback));
  }

  #write(event: number, output: Uint32Array, at: number): void {
    const { transfers, u32 } = this.#context;
    const former = accountEventFormer(u32, event);
    const transfer = expired(u32, event)
      ? transfers.get(u32, event + AccountEventLane.transferPendingId)
      : transfers.getByTimestamp(u32, event + AccountEventLane.timestamp);
    assert(transfer !== NOT_FOUND && transfer !== ORPHANED, "the transfer of an account event does not exist");
    const t = transfer >>> 2;
    const type = former ? formerType(u32, t) : statusOf(u32, event);
    this.#assertConsistent(event, t, type, former);

    u128.copy(output, at + ChangeEventLane.transferId, u32, t + TransferLane.id);
    const amount = former ? t + TransferLane.amount : event + AccountEventLane.amount;
    u128.copy(output, at + ChangeEventLane.transferAmount, u32, amount);
    u128.copy(output, at + ChangeEventLane.transferPendingId, u32, t + TransferLane.pendingId);
    copyLanes(output, at + ChangeEventLane.transferUserData, u32, t + TransferLane.userData128, USER_DATA_LANES);
    output[at + ChangeEventLane.transferTimeout] = u32[t + TransferLane.timeout] as number;
    output[at + ChangeEventLane.transferCodeAndFlags] = u32[t + TransferLane.codeAndFlags] as number;
    const ledger = former ? t + TransferLane.ledger : event + AccountEventLane.ledger;
    output[at + ChangeEventLane.ledger] = u32[ledger] as number;
    output[at + ChangeEventLane.type] = type;
    this.#writeAccount(event, DEBIT, former, output, at);
    this.#writeAccount(event, CREDIT, former, output, at);
    u64.copy(output, at + ChangeEventLane.timestamp, u32, event + AccountEventLane.timestamp);
    u64.copy(output, at + ChangeEventLane.transferTimestamp, u32, t + TransferLane.timestamp);
  }

  /** Balances are those of the event, and so are the flags unless the event is too old to have them. */
  #writeAccount(event: number, side: Side, former: boolean, output: Uint32Array, at: number): void {
    const { accounts, u32 } = this.#context;
    const account = former ? accounts.get(u32, event + side.id) : accounts.getByTimestamp(u32, event + side.timestamp);
    assert(account !== NOT_FOUND, "the account of an account event does not exist");
    const a = account >>> 2;
    assert(u128.equal(u32, a + AccountLane.id, u32, event + side.id), "an account event names another account");
    const part = at + side.output;
    u128.copy(output, part + AccountPartLane.id, u32, a + AccountLane.id);
    copyLanes(output, part + AccountPartLane.balances, u32, event + side.balances, BALANCES_LANES);
    copyLanes(output, part + AccountPartLane.userData, u32, a + AccountLane.userData128, USER_DATA_LANES);
    const codeAndFlags = u32[a + AccountLane.codeAndFlags] as number;
    const flags = former
      ? codeAndFlags >>> 16
      : ((u32[event + AccountEventLane.accountFlags] as number) >>> side.flagsShift) & 0xffff;
    output[part + AccountPartLane.codeAndFlags] = (codeAndFlags & 0xffff) | (flags << 16);
    u64.copy(output, at + side.outputTimestamp, u32, a + AccountLane.timestamp);
  }

  #assertConsistent(event: number, t: number, type: ChangeEventType, former: boolean): void {
    const { u32 } = this.#context;
    assert(u128.equal(u32, event + DEBIT.id, u32, t + TransferLane.debitAccountId), "debit account of an event");
    assert(u128.equal(u32, event + CREDIT.id, u32, t + TransferLane.creditAccountId), "credit account of an event");
    assert(former || u32[event + AccountEventLane.ledger] === u32[t + TransferLane.ledger], "ledger of an event");
    const flags = (u32[t + TransferLane.codeAndFlags] as number) >>> 16;
    assert((flags & TWO_PHASE_FLAGS) === FLAGS_OF_TYPE[type], () => `flags ${flags} of a transfer of type ${type}`);
    const timestamp = event + AccountEventLane.timestamp;
    if (type === ChangeEventType.two_phase_expired) {
      assert(u64.lessThan(u32, t + TransferLane.timestamp, u32, timestamp), "an expiry before its transfer");
      assert(u32[t + TransferLane.timeout] !== 0, "an expiry without a timeout");
    } else {
      assert(u64.equal(u32, t + TransferLane.timestamp, u32, timestamp), "the timestamp of an event");
    }
  }
}

const TWO_PHASE_FLAGS =
  TransferFlags.pending | TransferFlags.post_pending_transfer | TransferFlags.void_pending_transfer;

/** Which of the two-phase flags the transfer of an event of each type has. */
const FLAGS_OF_TYPE: Readonly<Record<ChangeEventType, number>> = {
  [ChangeEventType.single_phase]: 0,
  [ChangeEventType.two_phase_pending]: TransferFlags.pending,
  [ChangeEventType.two_phase_posted]: TransferFlags.post_pending_transfer,
  [ChangeEventType.two_phase_voided]: TransferFlags.void_pending_transfer,
  [ChangeEventType.two_phase_expired]: TransferFlags.pending,
};

/** Change event types have the numbers of the states of a two-phase transfer. */
function statusOf(u32: Uint32Array, event: number): ChangeEventType {
  return ((u32[event + AccountEventLane.transferPendingStatus] as number) & 0xff) as ChangeEventType;
}

function expired(u32: Uint32Array, event: number): boolean {
  return statusOf(u32, event) === TransferPendingStatus.expired;
}

/** Events of the former schema do not say what they are; there were no records of expiries. */
function formerType(u32: Uint32Array, t: number): ChangeEventType {
  const flags = (u32[t + TransferLane.codeAndFlags] as number) >>> 16;
  if ((flags & TransferFlags.pending) !== 0) return ChangeEventType.two_phase_pending;
  if ((flags & TransferFlags.post_pending_transfer) !== 0) return ChangeEventType.two_phase_posted;
  if ((flags & TransferFlags.void_pending_transfer) !== 0) return ChangeEventType.two_phase_voided;
  return ChangeEventType.single_phase;
}

/** Whether an event of the former schema knows one of its accounts only: it cannot be told. */
function halfRecorded(lanes: Uint32Array, at: number): boolean {
  if (!accountEventFormer(lanes, at)) return false;
  return u128.isZero(lanes, at + AccountEventLane.drAccountId) || u128.isZero(lanes, at + AccountEventLane.crAccountId);
}

function copyLanes(out: Uint32Array, outAt: number, from: Uint32Array, at: number, count: number): void {
  for (let lane = 0; lane < count; lane += 1) out[outAt + lane] = from[at + lane] as number;
}
