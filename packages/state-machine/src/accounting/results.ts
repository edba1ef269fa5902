/**
 * What replies consist of besides accounts and transfers (spec 02 §2.3 to §2.5, §2.9).
 *
 * @module
 */
import { recordClass, type RecordClass, type RecordOf } from "@stagbeetle/vsr-protocol";

/** One result per event, in the order of the events (operations 146 and 147). */
export const CREATE_RESULT_LAYOUT = {
  timestamp: { type: "u64", offset: 0 },
  status: { type: "u32", offset: 8 },
  reserved: { type: "u32", offset: 12 },
} as const;

/** The size of such a result in bytes. */
export const CREATE_RESULT_SIZE_BYTES = 16;

/** A view of the result of one created event, 16 bytes. */
export type CreateResult = RecordOf<typeof CREATE_RESULT_LAYOUT>;
export const CreateResult: RecordClass<typeof CREATE_RESULT_LAYOUT> = recordClass(
  CREATE_RESULT_SIZE_BYTES,
  CREATE_RESULT_LAYOUT,
);

/** One result per failed event, by ascending index (the deprecated create operations). */
export const CREATE_RESULT_SPARSE_LAYOUT = {
  index: { type: "u32", offset: 0 },
  status: { type: "u32", offset: 4 },
} as const;

/** The size of such a result in bytes. */
export const CREATE_RESULT_SPARSE_SIZE_BYTES = 8;

/** A view of a result as older operations give it, for failures only, 8 bytes. */
export type CreateResultSparse = RecordOf<typeof CREATE_RESULT_SPARSE_LAYOUT>;
export const CreateResultSparse: RecordClass<typeof CREATE_RESULT_SPARSE_LAYOUT> = recordClass(
  CREATE_RESULT_SPARSE_SIZE_BYTES,
  CREATE_RESULT_SPARSE_LAYOUT,
);

/** The balances of an account after one transfer (`get_account_balances`). */
export const ACCOUNT_BALANCE_LAYOUT = {
  debitsPending: { type: "u128", offset: 0 },
  debitsPosted: { type: "u128", offset: 16 },
  creditsPending: { type: "u128", offset: 32 },
  creditsPosted: { type: "u128", offset: 48 },
  timestamp: { type: "u64", offset: 64 },
  reserved: { type: "bytes", offset: 72, size: 56 },
} as const;

/** The size of a balance in bytes. */
export const ACCOUNT_BALANCE_SIZE_BYTES = 128;

/** A view of a historical balance, 128 bytes. */
export type AccountBalance = RecordOf<typeof ACCOUNT_BALANCE_LAYOUT>;
export const AccountBalance: RecordClass<typeof ACCOUNT_BALANCE_LAYOUT> = recordClass(
  ACCOUNT_BALANCE_SIZE_BYTES,
  ACCOUNT_BALANCE_LAYOUT,
);

/** What a change event is about. */
export const ChangeEventType = {
  single_phase: 0,
  two_phase_pending: 1,
  two_phase_posted: 2,
  two_phase_voided: 3,
  two_phase_expired: 4,
} as const;
export type ChangeEventType = (typeof ChangeEventType)[keyof typeof ChangeEventType];

/** One transfer or expiry with both accounts (`get_change_events`). */
export const CHANGE_EVENT_LAYOUT = {
  transferId: { type: "u128", offset: 0 },
  transferAmount: { type: "u128", offset: 16 },
  transferPendingId: { type: "u128", offset: 32 },
  transferUserData128: { type: "u128", offset: 48 },
  transferUserData64: { type: "u64", offset: 64 },
  transferUserData32: { type: "u32", offset: 72 },
  transferTimeout: { type: "u32", offset: 76 },
  transferCode: { type: "u16", offset: 80 },
  transferFlags: { type: "u16", offset: 82 },
  ledger: { type: "u32", offset: 84 },
  type: { type: "u8", offset: 88 },
  reserved: { type: "bytes", offset: 89, size: 39 },
  debitAccountId: { type: "u128", offset: 128 },
  debitAccountDebitsPending: { type: "u128", offset: 144 },
  debitAccountDebitsPosted: { type: "u128", offset: 160 },
  debitAccountCreditsPending: { type: "u128", offset: 176 },
  debitAccountCreditsPosted: { type: "u128", offset: 192 },
  debitAccountUserData128: { type: "u128", offset: 208 },
  debitAccountUserData64: { type: "u64", offset: 224 },
  debitAccountUserData32: { type: "u32", offset: 232 },
  debitAccountCode: { type: "u16", offset: 236 },
  debitAccountFlags: { type: "u16", offset: 238 },
  creditAccountId: { type: "u128", offset: 240 },
  creditAccountDebitsPending: { type: "u128", offset: 256 },
  creditAccountDebitsPosted: { type: "u128", offset: 272 },
  creditAccountCreditsPending: { type: "u128", offset: 288 },
  creditAccountCreditsPosted: { type: "u128", offset: 304 },
  creditAccountUserData128: { type: "u128", offset: 320 },
  creditAccountUserData64: { type: "u64", offset: 336 },
  creditAccountUserData32: { type: "u32", offset: 344 },
  creditAccountCode: { type: "u16", offset: 348 },
  creditAccountFlags: { type: "u16", offset: 350 },
  timestamp: { type: "u64", offset: 352 },
  transferTimestamp: { type: "u64", offset: 360 },
  debitAccountTimestamp: { type: "u64", offset: 368 },
  creditAccountTimestamp: { type: "u64", offset: 376 },
} as const;

/** The size of a change event in bytes. */
export const CHANGE_EVENT_SIZE_BYTES = 384;

/** A view of a change event, 384 bytes. */
export type ChangeEvent = RecordOf<typeof CHANGE_EVENT_LAYOUT>;
export const ChangeEvent: RecordClass<typeof CHANGE_EVENT_LAYOUT> = recordClass(
  CHANGE_EVENT_SIZE_BYTES,
  CHANGE_EVENT_LAYOUT,
);
