/**
 * Events as bytes (spec 02 §2). Their fields are checked in the order in which they lie there.
 *
 * @module
 */
import {
  ACCOUNT_LAYOUT,
  AccountFilter as AccountFilterRecord,
  QueryFilter as QueryFilterRecord,
  TRANSFER_LAYOUT,
} from "@stagbeetle/state-machine";

import { setU128, setU16, setU32, setU64 } from "./integers.ts";
import type { Account, AccountFilter, QueryFilter, Transfer } from "./records.ts";

/** Writes one event at `offset` of `view`. @throws Error that names the field which is wrong. */
export type EventWriter<Event> = (view: DataView, offset: number, event: Event) => void;

/** 128 bytes. */
export const writeAccount: EventWriter<Account> = (view, offset, account) => {
  const at = ACCOUNT_LAYOUT;
  setU128(view, offset + at.id.offset, account.id, "id");
  setU128(view, offset + at.debitsPending.offset, account.debits_pending, "debits_pending");
  setU128(view, offset + at.debitsPosted.offset, account.debits_posted, "debits_posted");
  setU128(view, offset + at.creditsPending.offset, account.credits_pending, "credits_pending");
  setU128(view, offset + at.creditsPosted.offset, account.credits_posted, "credits_posted");
  setU128(view, offset + at.userData128.offset, account.user_data_128, "user_data_128");
  setU64(view, offset + at.userData64.offset, account.user_data_64, "user_data_64");
  setU32(view, offset + at.userData32.offset, account.user_data_32, "user_data_32");
  setU32(view, offset + at.reserved.offset, account.reserved, "reserved");
  setU32(view, offset + at.ledger.offset, account.ledger, "ledger");
  setU16(view, offset + at.code.offset, account.code, "code");
  setU16(view, offset + at.flags.offset, account.flags, "flags");
  setU64(view, offset + at.timestamp.offset, account.timestamp, "timestamp");
};

/** 128 bytes. */
export const writeTransfer: EventWriter<Transfer> = (view, offset, transfer) => {
  const at = TRANSFER_LAYOUT;
  setU128(view, offset + at.id.offset, transfer.id, "id");
  setU128(view, offset + at.debitAccountId.offset, transfer.debit_account_id, "debit_account_id");
  setU128(view, offset + at.creditAccountId.offset, transfer.credit_account_id, "credit_account_id");
  setU128(view, offset + at.amount.offset, transfer.amount, "amount");
  setU128(view, offset + at.pendingId.offset, transfer.pending_id, "pending_id");
  setU128(view, offset + at.userData128.offset, transfer.user_data_128, "user_data_128");
  setU64(view, offset + at.userData64.offset, transfer.user_data_64, "user_data_64");
  setU32(view, offset + at.userData32.offset, transfer.user_data_32, "user_data_32");
  setU32(view, offset + at.timeout.offset, transfer.timeout, "timeout");
  setU32(view, offset + at.ledger.offset, transfer.ledger, "ledger");
  setU16(view, offset + at.code.offset, transfer.code, "code");
  setU16(view, offset + at.flags.offset, transfer.flags, "flags");
  setU64(view, offset + at.timestamp.offset, transfer.timestamp, "timestamp");
};

/** 16 bytes: the id of an account or a transfer. */
export const writeId: EventWriter<bigint> = (view, offset, id) => setU128(view, offset, id, "lookup");

/** 128 bytes. */
export const writeAccountFilter: EventWriter<AccountFilter> = (view, offset, filter) => {
  const at = AccountFilterRecord.layout;
  setU128(view, offset + at.accountId.offset, filter.account_id, "account_id");
  setU128(view, offset + at.userData128.offset, filter.user_data_128, "user_data_128");
  setU64(view, offset + at.userData64.offset, filter.user_data_64, "user_data_64");
  setU32(view, offset + at.userData32.offset, filter.user_data_32, "user_data_32");
  setU16(view, offset + at.code.offset, filter.code, "code");
  setU64(view, offset + at.timestampMin.offset, filter.timestamp_min, "timestamp_min");
  setU64(view, offset + at.timestampMax.offset, filter.timestamp_max, "timestamp_max");
  setU32(view, offset + at.limit.offset, filter.limit, "limit");
  setU32(view, offset + at.flags.offset, filter.flags, "flags");
};

/** 64 bytes. */
export const writeQueryFilter: EventWriter<QueryFilter> = (view, offset, filter) => {
  const at = QueryFilterRecord.layout;
  setU128(view, offset + at.userData128.offset, filter.user_data_128, "user_data_128");
  setU64(view, offset + at.userData64.offset, filter.user_data_64, "user_data_64");
  setU32(view, offset + at.userData32.offset, filter.user_data_32, "user_data_32");
  setU32(view, offset + at.ledger.offset, filter.ledger, "ledger");
  setU16(view, offset + at.code.offset, filter.code, "code");
  setU64(view, offset + at.timestampMin.offset, filter.timestamp_min, "timestamp_min");
  setU64(view, offset + at.timestampMax.offset, filter.timestamp_max, "timestamp_max");
  setU32(view, offset + at.limit.offset, filter.limit, "limit");
  setU32(view, offset + at.flags.offset, filter.flags, "flags");
};
