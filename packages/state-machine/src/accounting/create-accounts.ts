/**
 * Creating accounts (spec 02 §11).
 *
 * @module
 */
import { NOT_FOUND, type Pointer, type ScopeOutcome } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { ACCOUNT_FLAGS_PADDING, ACCOUNT_LANES, AccountFlags, AccountLane } from "./account.ts";
import type { EventCreator } from "./chains.ts";
import type { Context } from "./context.ts";
import { CreateAccountStatus } from "./create-account-status.ts";

const LIMIT_FLAGS = AccountFlags.debits_must_not_exceed_credits | AccountFlags.credits_must_not_exceed_debits;

/** Creates accounts, one at a time. */
export class AccountCreator implements EventCreator {
  readonly statuses: typeof CreateAccountStatus = CreateAccountStatus;
  readonly importedFlag: number = AccountFlags.imported;
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  create(event: number): CreateAccountStatus {
    const { accounts, transfers, clock, input } = this.#context;
    const flags = (input[event + AccountLane.codeAndFlags] as number) >>> 16;
    if (input[event + AccountLane.reserved] !== 0) return CreateAccountStatus.reserved_field;
    if ((flags & ACCOUNT_FLAGS_PADDING) !== 0) return CreateAccountStatus.reserved_flag;
    if (u128.isZero(input, event + AccountLane.id)) return CreateAccountStatus.id_must_not_be_zero;
    if (u128.isMax(input, event + AccountLane.id)) return CreateAccountStatus.id_must_not_be_int_max;

    const existing = accounts.get(input, event + AccountLane.id);
    if (existing !== NOT_FOUND) return this.#exists(event, existing);

    const invalid = this.#invalidFields(event, flags);
    if (invalid !== CreateAccountStatus.created) return invalid;

    const imported = (flags & AccountFlags.imported) !== 0;
    const timestamp = event + AccountLane.timestamp;
    if (imported) {
      const unique =
        accounts.newerThanAll(input, timestamp) && transfers.getByTimestamp(input, timestamp) === NOT_FOUND;
      if (!unique) return CreateAccountStatus.imported_event_timestamp_must_not_regress;
      u64.copy(clock.result, 0, input, timestamp);
    }
    this.#insert(event);
    return CreateAccountStatus.created;
  }

  failed(): void {
    // No failure to create an account depends on what may change.
  }

  createRun(): number {
    return 0;
  }

  scopeOpen(): void {
    this.#context.accounts.scopeOpen();
  }

  scopeClose(outcome: ScopeOutcome): void {
    this.#context.accounts.scopeClose(outcome);
  }

  /** Balances and timestamp are not compared: they are not the client's to say. */
  #exists(event: number, existing: Pointer): CreateAccountStatus {
    const { clock, input, u32 } = this.#context;
    const e = existing >>> 2;
    const codeAndFlags =
      (input[event + AccountLane.codeAndFlags] as number) ^ (u32[e + AccountLane.codeAndFlags] as number);
    if (codeAndFlags >>> 16 !== 0) return CreateAccountStatus.exists_with_different_flags;
    if (!u128.equal(input, event + AccountLane.userData128, u32, e + AccountLane.userData128)) {
      return CreateAccountStatus.exists_with_different_user_data_128;
    }
    if (!u64.equal(input, event + AccountLane.userData64, u32, e + AccountLane.userData64)) {
      return CreateAccountStatus.exists_with_different_user_data_64;
    }
    if (input[event + AccountLane.userData32] !== u32[e + AccountLane.userData32]) {
      return CreateAccountStatus.exists_with_different_user_data_32;
    }
    if (input[event + AccountLane.ledger] !== u32[e + AccountLane.ledger]) {
      return CreateAccountStatus.exists_with_different_ledger;
    }
    if (codeAndFlags !== 0) return CreateAccountStatus.exists_with_different_code;
    u64.copy(clock.result, 0, u32, e + AccountLane.timestamp);
    return CreateAccountStatus.exists;
  }

  #invalidFields(event: number, flags: number): CreateAccountStatus {
    const { input } = this.#context;
    if ((flags & LIMIT_FLAGS) === LIMIT_FLAGS) return CreateAccountStatus.flags_are_mutually_exclusive;
    if (!u128.isZero(input, event + AccountLane.debitsPending)) return CreateAccountStatus.debits_pending_must_be_zero;
    if (!u128.isZero(input, event + AccountLane.debitsPosted)) return CreateAccountStatus.debits_posted_must_be_zero;
    if (!u128.isZero(input, event + AccountLane.creditsPending))
      return CreateAccountStatus.credits_pending_must_be_zero;
    if (!u128.isZero(input, event + AccountLane.creditsPosted)) return CreateAccountStatus.credits_posted_must_be_zero;
    if (input[event + AccountLane.ledger] === 0) return CreateAccountStatus.ledger_must_not_be_zero;
    if (((input[event + AccountLane.codeAndFlags] as number) & 0xffff) === 0) {
      return CreateAccountStatus.code_must_not_be_zero;
    }
    return CreateAccountStatus.created;
  }

  /** The balances and `reserved` are zero in the event, so only the timestamp is not as given. */
  #insert(event: number): void {
    const { accounts, clock, input, u32 } = this.#context;
    const slot = accounts.slot() >>> 2;
    for (let lane = 0; lane < ACCOUNT_LANES; lane += 1) u32[slot + lane] = input[event + lane] as number;
    u64.copy(u32, slot + AccountLane.timestamp, clock.result, 0);
    accounts.insert();
  }
}
