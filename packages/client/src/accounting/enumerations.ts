/**
 * Names for numbers, as the official client has them: `AccountFlags.linked` is 1 and `AccountFlags[1]` is "linked".
 *
 * @module
 */
import {
  AccountFilterFlags as ACCOUNT_FILTER_FLAGS,
  AccountFlags as ACCOUNT_FLAGS,
  AccountingOperation,
  CreateAccountStatus as CREATE_ACCOUNT_STATUS,
  CreateTransferStatus as CREATE_TRANSFER_STATUS,
  QueryFilterFlags as QUERY_FILTER_FLAGS,
  TransferFlags as TRANSFER_FLAGS,
} from "@stagbeetle/state-machine";

/** Numbers by name and names by number. */
export type Enumeration<Values> = Values & { readonly [value: number]: string };

/** What is on the wire and has no name in the official client. */
type Deprecated = `deprecated_${string}`;
type Named<Values> = { readonly [Name in Exclude<keyof Values, Deprecated>]: Values[Name] };
type ValueOf<Values> = Values[keyof Values];

/** Makes the names by number, and leaves out what is deprecated. */
function enumeration<Values extends Readonly<Record<string, number>>>(values: Values): Enumeration<Named<Values>> {
  const named = Object.entries(values).filter(([name]) => !name.startsWith("deprecated_"));
  const names = named.map(([name, value]) => [value, name] as const);
  return Object.freeze(Object.fromEntries<string | number>([...named, ...names])) as Enumeration<Named<Values>>;
}

/** The bits of an account's `flags`. */
export const AccountFlags: Enumeration<{ readonly none: 0 } & typeof ACCOUNT_FLAGS> = enumeration({
  none: 0 as const,
  ...ACCOUNT_FLAGS,
});
export type AccountFlags = number;

/** The bits of a transfer's `flags`. */
export const TransferFlags: Enumeration<{ readonly none: 0 } & typeof TRANSFER_FLAGS> = enumeration({
  none: 0 as const,
  ...TRANSFER_FLAGS,
});
export type TransferFlags = number;

/** The bits of an account filter's `flags`. */
export const AccountFilterFlags: Enumeration<{ readonly none: 0 } & typeof ACCOUNT_FILTER_FLAGS> = enumeration({
  none: 0 as const,
  ...ACCOUNT_FILTER_FLAGS,
});
export type AccountFilterFlags = number;

/** The bits of a query filter's `flags`. */
export const QueryFilterFlags: Enumeration<{ readonly none: 0 } & typeof QUERY_FILTER_FLAGS> = enumeration({
  none: 0 as const,
  ...QUERY_FILTER_FLAGS,
});
export type QueryFilterFlags = number;

/** What became of an event of `createAccounts`. Of several reasons to fail, an event reports the first of this list. */
export const CreateAccountStatus: Enumeration<Named<typeof CREATE_ACCOUNT_STATUS>> = enumeration(CREATE_ACCOUNT_STATUS);
export type CreateAccountStatus = ValueOf<Named<typeof CREATE_ACCOUNT_STATUS>>;

/** What became of an event of `createTransfers`. Of several reasons to fail, an event reports the first of this list. */
export const CreateTransferStatus: Enumeration<Named<typeof CREATE_TRANSFER_STATUS>> =
  enumeration(CREATE_TRANSFER_STATUS);
export type CreateTransferStatus = ValueOf<Named<typeof CREATE_TRANSFER_STATUS>>;

/** The numbers of the ledger's operations. */
export const Operation: Enumeration<Named<typeof AccountingOperation>> = enumeration(AccountingOperation);
export type Operation = ValueOf<Named<typeof AccountingOperation>>;
