import { ACCOUNT_LAYOUT, AccountBalance as AccountBalanceRecord, TRANSFER_LAYOUT } from "@stagbeetle/state-machine";
import type { Layout } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type OperationCodec, TooMuchDataError } from "../codec.ts";
import { AccountFlags, CreateAccountStatus, CreateTransferStatus, TransferFlags } from "./enumerations.ts";
import {
  createAccounts,
  createTransfers,
  getAccountBalances,
  getAccountTransfers,
  lookupAccounts,
  lookupTransfers,
  queryAccounts,
  queryTransfers,
} from "./operations.ts";
import type { Account, AccountFilter, QueryFilter, Transfer } from "./records.ts";

const EVENTS_MAX = 8189;

const ACCOUNT: Account = {
  id: 1n,
  debits_pending: 2n,
  debits_posted: 3n,
  credits_pending: 4n,
  credits_posted: 5n,
  user_data_128: 6n,
  user_data_64: 7n,
  user_data_32: 8,
  reserved: 9,
  ledger: 10,
  code: 11,
  flags: 12,
  timestamp: 13n,
};

const TRANSFER: Transfer = {
  id: 1n,
  debit_account_id: 2n,
  credit_account_id: 3n,
  amount: 4n,
  pending_id: 5n,
  user_data_128: 6n,
  user_data_64: 7n,
  user_data_32: 8,
  timeout: 9,
  ledger: 10,
  code: 11,
  flags: 12,
  timestamp: 13n,
};

const ACCOUNT_FILTER: AccountFilter = {
  account_id: 1n,
  user_data_128: 2n,
  user_data_64: 3n,
  user_data_32: 4,
  code: 5,
  timestamp_min: 6n,
  timestamp_max: 7n,
  limit: 8,
  flags: 9,
};

const QUERY_FILTER: QueryFilter = {
  user_data_128: 1n,
  user_data_64: 2n,
  user_data_32: 3,
  ledger: 4,
  code: 5,
  timestamp_min: 6n,
  timestamp_max: 7n,
  limit: 8,
  flags: 9,
};

const u128 = fc.bigInt(0n, (1n << 128n) - 1n);
const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
const u32 = fc.nat(0xffff_ffff);
const u16 = fc.nat(0xffff);

/** Records with all values that the fields of a layout can have, by the names of the official client. */
function records<Result>(layout: Layout): fc.Arbitrary<Result> {
  const names = Object.entries(layout).filter(([, { type }]) => type !== "bytes");
  const types = { u128, u64, u32, u16 } as const;
  const fields = names.map(([name, { type }]) => [snakeCase(name), types[type as keyof typeof types]] as const);
  return fc.record(Object.fromEntries(fields)) as fc.Arbitrary<unknown> as fc.Arbitrary<Result>;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]|(?<=[a-z])[0-9]+/gu, (part) => `_${part.toLowerCase()}`);
}

describe("records", () => {
  it("of accounts come back as they went, in the order of the official client's properties", () => {
    fc.assert(
      fc.property(fc.array(records<Account>(ACCOUNT_LAYOUT), { maxLength: 5 }), (accounts) => {
        const decoded = lookupAccounts.decode(createAccounts.encode(accounts), 0n);
        expect(decoded).toEqual(accounts);
        for (const account of decoded) expect(Object.keys(account)).toEqual(Object.keys(ACCOUNT));
      }),
    );
  });

  it("of transfers, too", () => {
    fc.assert(
      fc.property(fc.array(records<Transfer>(TRANSFER_LAYOUT), { maxLength: 5 }), (transfers) => {
        const decoded = lookupTransfers.decode(createTransfers.encode(transfers), 0n);
        expect(decoded).toEqual(transfers);
        for (const transfer of decoded) expect(Object.keys(transfer)).toEqual(Object.keys(TRANSFER));
      }),
    );
  });

  it("of balances are read at the offsets of the layout", () => {
    const bytes = new Uint8Array(256);
    const record = new AccountBalanceRecord(bytes, 128);
    Object.assign(record, {
      debitsPending: 1n,
      debitsPosted: 2n,
      creditsPending: 3n,
      creditsPosted: 4n,
      timestamp: 5n,
    });
    const [, balance] = getAccountBalances.decode(bytes, 0n);
    expect(balance).toEqual({
      debits_pending: 1n,
      debits_posted: 2n,
      credits_pending: 3n,
      credits_posted: 4n,
      timestamp: 5n,
    });
  });

  it("of results have a name for their status", () => {
    const body = new Uint8Array(32);
    const view = new DataView(body.buffer);
    view.setBigUint64(0, 77n, true);
    view.setUint32(8, 0xffff_ffff, true);
    view.setUint32(24, CreateTransferStatus.exceeds_credits, true);
    expect(createAccounts.decode(body.subarray(0, 16), 0n)).toEqual([
      { timestamp: 77n, status: CreateAccountStatus.created },
    ]);
    const [, result] = createTransfers.decode(body, 0n);
    expect(result && CreateTransferStatus[result.status]).toBe("exceeds_credits");
  });

  it("whose status nobody knows keep its number", () => {
    const body = new Uint8Array(16);
    new DataView(body.buffer).setUint32(8, 1000, true);
    expect(createAccounts.decode(body, 0n)).toEqual([{ timestamp: 0n, status: 1000 }]);
  });

  it.each<[string, OperationCodec<never, unknown[]>, number]>([
    ["create_accounts", createAccounts, 16],
    ["create_transfers", createTransfers, 16],
    ["lookup_accounts", lookupAccounts, 128],
    ["lookup_transfers", lookupTransfers, 128],
    ["get_account_transfers", getAccountTransfers, 128],
    ["get_account_balances", getAccountBalances, 128],
    ["query_accounts", queryAccounts, 128],
    ["query_transfers", queryTransfers, 128],
  ])("are read from any bytes that come in reply to %s", (_, codec, sizeBytes) => {
    const bodies = fc
      .nat(3)
      .chain((count) => fc.uint8Array({ minLength: count * sizeBytes, maxLength: count * sizeBytes }));
    fc.assert(
      fc.property(bodies, (body) => {
        expect(codec.decode(body, 0n)).toHaveLength(body.length / sizeBytes);
      }),
    );
  });
});

describe("filters", () => {
  it("of accounts are 128 bytes", () => {
    const view = new DataView(getAccountTransfers.encode(ACCOUNT_FILTER).buffer);
    expect(view.byteLength).toBe(128);
    const at = [
      view.getUint8(0),
      view.getUint8(16),
      view.getUint8(32),
      view.getUint32(40, true),
      view.getUint16(44, true),
    ];
    expect(at).toEqual([1, 2, 3, 4, 5]);
    expect([view.getUint8(104), view.getUint8(112), view.getUint32(120, true), view.getUint32(124, true)]).toEqual([
      6, 7, 8, 9,
    ]);
  });

  it("of queries are 64 bytes", () => {
    const view = new DataView(queryAccounts.encode(QUERY_FILTER).buffer);
    expect(view.byteLength).toBe(64);
    const at = [view.getUint8(0), view.getUint8(16), view.getUint32(24, true), view.getUint32(28, true)];
    expect([...at, view.getUint16(32, true)]).toEqual([1, 2, 3, 4, 5]);
    expect([view.getUint8(40), view.getUint8(48), view.getUint32(56, true), view.getUint32(60, true)]).toEqual([
      6, 7, 8, 9,
    ]);
  });
});

/** What callers without types may do, and what the official client says about it (spec 01 §12.4). */
describe("a wrong", () => {
  const account =
    (change: object): (() => void) =>
    () =>
      createAccounts.encode([{ ...ACCOUNT, ...change }]);
  const transfer =
    (change: object): (() => void) =>
    () =>
      createTransfers.encode([{ ...TRANSFER, ...change }]);
  const filter =
    (change: object): (() => void) =>
    () =>
      getAccountBalances.encode({ ...ACCOUNT_FILTER, ...change });
  const query =
    (change: object): (() => void) =>
    () =>
      queryTransfers.encode({ ...QUERY_FILTER, ...change });
  const untyped =
    (input: unknown): (() => void) =>
    () =>
      lookupAccounts.encode(input as bigint[]);

  it.each<[string, () => void, string]>([
    ["id that is a number", account({ id: 1 }), "id must be a BigInt"],
    ["id that is missing", account({ id: undefined }), "id must be a BigInt"],
    ["amount below 0", transfer({ amount: -1n }), "amount must be positive"],
    ["amount above 128 bits", transfer({ amount: 1n << 128n }), "amount must fit in 128 bits"],
    ["64-bit field that is a number", account({ user_data_64: 1 }), "user_data_64 must be an unsigned 64-bit BigInt"],
    ["64-bit field below 0", transfer({ timestamp: -1n }), "timestamp conversion was lossy"],
    ["64-bit field above 64 bits", filter({ timestamp_max: 1n << 64n }), "timestamp_max conversion was lossy"],
    ["32-bit field that is a bigint", query({ ledger: 1n }), "ledger must be a number"],
    ["limit that is text", filter({ limit: "10" }), "limit must be a number"],
    ["16-bit field above 16 bits", account({ code: 65_536 }), "code must be a u16."],
    ["16-bit field below 0", account({ flags: -1 }), "flags must be a u16."],
    ["lookup that is a number", untyped([1]), "lookup must be a BigInt"],
    ["lookup above 128 bits", untyped([1n << 128n]), "lookup must fit in 128 bits"],
    ["batch that is no array", untyped({ length: 0 }), "Array argument must be an [object Array]."],
    ["element that is null", untyped([null]), "Cannot convert undefined or null to object"],
    ["element that is a hole", untyped(Array.from({ length: 1 })), "Cannot convert undefined or null to object"],
  ])("%s is refused", (_, act, message) => {
    expect(act).toThrow(message);
  });

  it("field is found in the order in which they lie in the record", () => {
    expect(account({ id: -1n, code: 65_536 })).toThrow("id must be positive");
    expect(account({ code: 65_536, timestamp: -1n })).toThrow("code must be a u16.");
  });

  it.each([
    [-1, 4_294_967_295],
    [1.9, 1],
    [2 ** 32 + 7, 7],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 0],
  ])("number %d becomes the u32 %i, as in the official client", (given, written) => {
    const body = createAccounts.encode([{ ...ACCOUNT, ledger: given }]);
    expect(new DataView(body.buffer).getUint32(112, true)).toBe(written);
  });

  it("number of events is refused before any of them is looked at", () => {
    const tooMany: unknown[] = Array.from({ length: EVENTS_MAX + 1 });
    expect(untyped(tooMany)).toThrow(TooMuchDataError);
    const sparse: unknown[] = [];
    sparse.length = 2 ** 32 - 1;
    expect(untyped(sparse)).toThrow(TooMuchDataError);
    expect(lookupAccounts.encode(Array.from({ length: EVENTS_MAX }, () => 1n))).toHaveLength(EVENTS_MAX * 16);
  });
});

describe("names and numbers", () => {
  it("lead to each other", () => {
    expect([AccountFlags.linked, AccountFlags[1]]).toEqual([1, "linked"]);
    expect(TransferFlags[TransferFlags.closing_credit]).toBe("closing_credit");
    expect(CreateAccountStatus[4_294_967_295]).toBe("created");
  });

  it("do not have what is deprecated", () => {
    expect([CreateAccountStatus[0], CreateTransferStatus[18]]).toEqual([undefined, undefined]);
  });
});
