/**
 * What queries ask for, and when they ask for it in a valid way (spec 02 §2.6 to §2.8, §16.2, §17).
 *
 * @module
 */
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";
import type { Direction, TimestampRange } from "../forest.ts";
import { U128_MAX } from "../lanes/u128.ts";
import { TIMESTAMP_MAX, TIMESTAMP_MIN, timestampValid } from "../timestamp.ts";

/** Transfers of one account. Zero in `userData…` and `code` means any. Both timestamps are inclusive, 0 means open. */
export const ACCOUNT_FILTER_LAYOUT = {
  accountId: { type: "u128", offset: 0 },
  userData128: { type: "u128", offset: 16 },
  userData64: { type: "u64", offset: 32 },
  userData32: { type: "u32", offset: 40 },
  code: { type: "u16", offset: 44 },
  reserved: { type: "bytes", offset: 46, size: 58 },
  timestampMin: { type: "u64", offset: 104 },
  timestampMax: { type: "u64", offset: 112 },
  limit: { type: "u32", offset: 120 },
  flags: { type: "u32", offset: 124 },
} as const;

/** The size of such a filter in bytes. */
export const ACCOUNT_FILTER_SIZE_BYTES = 128;

/** A view of the filter of `get_account_transfers` and `get_account_balances`, 128 bytes. */
export type AccountFilter = RecordOf<typeof ACCOUNT_FILTER_LAYOUT>;
export const AccountFilter: RecordClass<typeof ACCOUNT_FILTER_LAYOUT> = recordClass(
  ACCOUNT_FILTER_SIZE_BYTES,
  ACCOUNT_FILTER_LAYOUT,
);

/** The bits of an account filter's flags. */
export const AccountFilterFlags = { debits: 1, credits: 2, reversed: 4 } as const;
const ACCOUNT_FILTER_FLAGS_PADDING = 0xffff_fff8;

/** Accounts or transfers by their fields. Zero means any. Both timestamps are inclusive, 0 means open. */
export const QUERY_FILTER_LAYOUT = {
  userData128: { type: "u128", offset: 0 },
  userData64: { type: "u64", offset: 16 },
  userData32: { type: "u32", offset: 24 },
  ledger: { type: "u32", offset: 28 },
  code: { type: "u16", offset: 32 },
  reserved: { type: "bytes", offset: 34, size: 6 },
  timestampMin: { type: "u64", offset: 40 },
  timestampMax: { type: "u64", offset: 48 },
  limit: { type: "u32", offset: 56 },
  flags: { type: "u32", offset: 60 },
} as const;

/** The size of such a filter in bytes. */
export const QUERY_FILTER_SIZE_BYTES = 64;

/** A view of the filter of `query_accounts` and `query_transfers`, 64 bytes. */
export type QueryFilter = RecordOf<typeof QUERY_FILTER_LAYOUT>;
export const QueryFilter: RecordClass<typeof QUERY_FILTER_LAYOUT> = recordClass(
  QUERY_FILTER_SIZE_BYTES,
  QUERY_FILTER_LAYOUT,
);

/** The bits of a query filter's flags. */
export const QueryFilterFlags = { reversed: 1 } as const;
const QUERY_FILTER_FLAGS_PADDING = 0xffff_fffe;

/** A range of the history. Both timestamps are inclusive, 0 means open. */
export const CHANGE_EVENTS_FILTER_LAYOUT = {
  timestampMin: { type: "u64", offset: 0 },
  timestampMax: { type: "u64", offset: 8 },
  limit: { type: "u32", offset: 16 },
  reserved: { type: "bytes", offset: 20, size: 44 },
} as const;

/** The size of such a filter in bytes. */
export const CHANGE_EVENTS_FILTER_SIZE_BYTES = 64;

/** A view of the filter of `get_change_events`, 64 bytes. */
export type ChangeEventsFilter = RecordOf<typeof CHANGE_EVENTS_FILTER_LAYOUT>;
export const ChangeEventsFilter: RecordClass<typeof CHANGE_EVENTS_FILTER_LAYOUT> = recordClass(
  CHANGE_EVENTS_FILTER_SIZE_BYTES,
  CHANGE_EVENTS_FILTER_LAYOUT,
);

/** The fields that all three filters have. */
type CommonFilter = Pick<ChangeEventsFilter, "timestampMin" | "timestampMax" | "limit" | "reserved">;

function commonValid(filter: CommonFilter): boolean {
  const { timestampMin, timestampMax } = filter;
  return (
    (timestampMin === 0n || timestampValid(timestampMin)) &&
    (timestampMax === 0n || timestampValid(timestampMax)) &&
    (timestampMax === 0n || timestampMin <= timestampMax) &&
    filter.limit !== 0 &&
    filter.reserved.every((byte) => byte === 0)
  );
}

/** Whether the filter can be evaluated. One that cannot is answered with no results. */
export function accountFilterValid(filter: AccountFilter): boolean {
  return (
    filter.accountId !== 0n &&
    filter.accountId !== U128_MAX &&
    commonValid(filter) &&
    (filter.flags & (AccountFilterFlags.debits | AccountFilterFlags.credits)) !== 0 &&
    (filter.flags & ACCOUNT_FILTER_FLAGS_PADDING) === 0
  );
}

/** As above. */
export function queryFilterValid(filter: QueryFilter): boolean {
  return commonValid(filter) && (filter.flags & QUERY_FILTER_FLAGS_PADDING) === 0;
}

/** As above. */
export function changeEventsFilterValid(filter: ChangeEventsFilter): boolean {
  return commonValid(filter);
}

/** The range of a valid filter, with open ends closed. */
export function filterRange(filter: CommonFilter): TimestampRange {
  return {
    min: filter.timestampMin === 0n ? TIMESTAMP_MIN : filter.timestampMin,
    max: filter.timestampMax === 0n ? TIMESTAMP_MAX : filter.timestampMax,
  };
}

/** The order of an account filter's results by timestamp. */
export function accountFilterDirection(filter: AccountFilter): Direction {
  return (filter.flags & AccountFilterFlags.reversed) === 0 ? "ascending" : "descending";
}

/** The order of a query filter's results by timestamp. */
export function queryFilterDirection(filter: QueryFilter): Direction {
  return (filter.flags & QueryFilterFlags.reversed) === 0 ? "ascending" : "descending";
}
