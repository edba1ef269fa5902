/**
 * Results from bytes (spec 02 §2).
 *
 * @module
 */
import {
  ACCOUNT_LAYOUT,
  AccountBalance as AccountBalanceRecord,
  CreateResult,
  TRANSFER_LAYOUT,
} from "@stagbeetle/state-machine";

import type { CreateAccountStatus, CreateTransferStatus } from "./enumerations.ts";
import { getU128 } from "./integers.ts";
import type { Account, AccountBalance, CreateAccountResult, CreateTransferResult, Transfer } from "./records.ts";

/** Reads one result at `offset` of `view`. */
export type ResultReader<Result> = (view: DataView, offset: number) => Result;

/** 128 bytes. */
export const readAccount: ResultReader<Account> = (view, offset) => {
  const at = ACCOUNT_LAYOUT;
  return {
    id: getU128(view, offset + at.id.offset),
    debits_pending: getU128(view, offset + at.debitsPending.offset),
    debits_posted: getU128(view, offset + at.debitsPosted.offset),
    credits_pending: getU128(view, offset + at.creditsPending.offset),
    credits_posted: getU128(view, offset + at.creditsPosted.offset),
    user_data_128: getU128(view, offset + at.userData128.offset),
    user_data_64: view.getBigUint64(offset + at.userData64.offset, true),
    user_data_32: view.getUint32(offset + at.userData32.offset, true),
    reserved: view.getUint32(offset + at.reserved.offset, true),
    ledger: view.getUint32(offset + at.ledger.offset, true),
    code: view.getUint16(offset + at.code.offset, true),
    flags: view.getUint16(offset + at.flags.offset, true),
    timestamp: view.getBigUint64(offset + at.timestamp.offset, true),
  };
};

/** 128 bytes. */
export const readTransfer: ResultReader<Transfer> = (view, offset) => {
  const at = TRANSFER_LAYOUT;
  return {
    id: getU128(view, offset + at.id.offset),
    debit_account_id: getU128(view, offset + at.debitAccountId.offset),
    credit_account_id: getU128(view, offset + at.creditAccountId.offset),
    amount: getU128(view, offset + at.amount.offset),
    pending_id: getU128(view, offset + at.pendingId.offset),
    user_data_128: getU128(view, offset + at.userData128.offset),
    user_data_64: view.getBigUint64(offset + at.userData64.offset, true),
    user_data_32: view.getUint32(offset + at.userData32.offset, true),
    timeout: view.getUint32(offset + at.timeout.offset, true),
    ledger: view.getUint32(offset + at.ledger.offset, true),
    code: view.getUint16(offset + at.code.offset, true),
    flags: view.getUint16(offset + at.flags.offset, true),
    timestamp: view.getBigUint64(offset + at.timestamp.offset, true),
  };
};

/** 128 bytes. */
export const readAccountBalance: ResultReader<AccountBalance> = (view, offset) => {
  const at = AccountBalanceRecord.layout;
  return {
    debits_pending: getU128(view, offset + at.debitsPending.offset),
    debits_posted: getU128(view, offset + at.debitsPosted.offset),
    credits_pending: getU128(view, offset + at.creditsPending.offset),
    credits_posted: getU128(view, offset + at.creditsPosted.offset),
    timestamp: view.getBigUint64(offset + at.timestamp.offset, true),
  };
};

/** 16 bytes. A newer cluster may know more statuses: their numbers are passed on. */
function readCreateResult<Status extends number>(
  view: DataView,
  offset: number,
): { timestamp: bigint; status: Status } {
  const at = CreateResult.layout;
  return {
    timestamp: view.getBigUint64(offset + at.timestamp.offset, true),
    status: view.getUint32(offset + at.status.offset, true) as Status,
  };
}

/** 16 bytes. */
export const readCreateAccountResult: ResultReader<CreateAccountResult> = readCreateResult<CreateAccountStatus>;

/** 16 bytes. */
export const readCreateTransferResult: ResultReader<CreateTransferResult> = readCreateResult<CreateTransferStatus>;
