import * as official from "tigerbeetle-node";
import { afterEach, describe, expect, expectTypeOf, test } from "vitest";

import * as ours from "./index.ts";

/** Arguments that make no sense. */
type Args = Readonly<Record<string, unknown>>;

let clients: { destroy: () => void }[] = [];

afterEach(() => {
  for (const client of clients) client.destroy();
  clients = [];
});

function create({ createClient }: typeof official | typeof ours, args: Args): string {
  try {
    clients.push(createClient(args as never));
    return "no error";
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

describe("as in the official client are", () => {
  test("all names", () => {
    expect(Object.keys(ours)).toEqual(expect.arrayContaining(Object.keys(official)));
  });

  test.each([
    ["AccountFlags", ours.AccountFlags, official.AccountFlags],
    ["TransferFlags", ours.TransferFlags, official.TransferFlags],
    ["AccountFilterFlags", ours.AccountFilterFlags, official.AccountFilterFlags],
    ["QueryFilterFlags", ours.QueryFilterFlags, official.QueryFilterFlags],
    ["CreateAccountStatus", ours.CreateAccountStatus, official.CreateAccountStatus],
    ["CreateTransferStatus", ours.CreateTransferStatus, official.CreateTransferStatus],
    ["Operation", ours.Operation, official.Operation],
  ])("the names and numbers of %s", (_, names, theirs) => {
    expect(names).toEqual(theirs);
  });

  test("the largest amount", () => {
    expect(ours.amount_max).toBe(official.amount_max);
  });

  test("the codes and words of errors", () => {
    expect(ours.ErrorCodes).toMatchObject(official.ErrorCodes);
    for (const code of Object.values(official.ErrorCodes)) {
      const [error, theirs] = [new ours.RequestError(code), new official.RequestError(code)];
      expect([error.name, error.code, error.message]).toEqual([theirs.name, theirs.code, theirs.message]);
      expect(error).toBeInstanceOf(Error);
    }
    expect(() => ours.RequestError.errorMessage("ERR" as never)).toThrow("Unknown error code.");
  });

  test.each<[string, Args]>([
    ["no addresses", { cluster_id: 0n, replica_addresses: [] }],
    ["an empty address", { cluster_id: 0n, replica_addresses: [""] }],
    ["a port above 65535", { cluster_id: 0n, replica_addresses: ["65536"] }],
    ["half an address", { cluster_id: 0n, replica_addresses: ["1.2.3"] }],
    ["a comma too many", { cluster_id: 0n, replica_addresses: ["3000,"] }],
    ["seven addresses", { cluster_id: 0n, replica_addresses: [1, 2, 3, 4, 5, 6, 7] }],
    ["a cluster that is a number", { cluster_id: 0, replica_addresses: ["3000"] }],
    ["a negative cluster", { cluster_id: -1n, replica_addresses: ["3000"] }],
    ["a cluster above 128 bits", { cluster_id: 1n << 128n, replica_addresses: ["3000"] }],
  ])("what is said about %s", (_, args) => {
    expect(create(ours, args)).toBe(create(official, args));
    expect(create(ours, args)).not.toBe("no error");
  });

  test("addresses that are no array, which are a TypeError", () => {
    const args = { cluster_id: 0n, replica_addresses: 3000 };
    expect(create(ours, args)).toMatch(/^TypeError/u);
    expect(create(official, args)).toMatch(/^TypeError/u);
  });
});

/** What the official client's methods are given, and what those that only read come back with. */
type OfficialCalls = {
  readonly [Name in keyof official.Client]: (...args: Parameters<official.Client[Name]>) => unknown;
};
type OfficialReads = Pick<
  official.Client,
  | "lookupAccounts"
  | "lookupTransfers"
  | "getAccountTransfers"
  | "getAccountBalances"
  | "queryAccounts"
  | "queryTransfers"
>;

/** Checked by the type checker; there is nothing to run. */
describe("a program for the official client is also one for this client, for", () => {
  test("the types of what goes in and comes out", () => {
    expectTypeOf<ours.Account>().toEqualTypeOf<official.Account>();
    expectTypeOf<ours.Transfer>().toEqualTypeOf<official.Transfer>();
    expectTypeOf<ours.AccountFilter>().toEqualTypeOf<official.AccountFilter>();
    expectTypeOf<ours.QueryFilter>().toEqualTypeOf<official.QueryFilter>();
    expectTypeOf<ours.AccountBalance>().toEqualTypeOf<official.AccountBalance>();
    expectTypeOf<keyof ours.CreateAccountResult>().toEqualTypeOf<keyof official.CreateAccountResult>();
    expectTypeOf<keyof ours.CreateTransferResult>().toEqualTypeOf<keyof official.CreateTransferResult>();
    expectTypeOf<[ours.AccountID, ours.TransferID]>().toEqualTypeOf<[official.AccountID, official.TransferID]>();
  });

  test("records where anything with names is wanted", () => {
    expectTypeOf<official.Account>().toExtend<Readonly<Record<string, bigint | number>>>();
    expectTypeOf<ours.Account>().toExtend<Readonly<Record<string, bigint | number>>>();
    expectTypeOf<ours.Transfer>().toExtend<Readonly<Record<string, bigint | number>>>();
  });

  test("the calls", () => {
    expectTypeOf<Parameters<typeof official.createClient>>().toExtend<Parameters<typeof ours.createClient>>();
    expectTypeOf<ours.Client>().toExtend<OfficialCalls>();
    expectTypeOf<ours.Client>().toExtend<OfficialReads>();
  });

  test("the codes of errors", () => {
    expectTypeOf<official.ErrorCodes>().toExtend<ours.ErrorCodes>();
    expectTypeOf<ours.RequestError["code"]>().toEqualTypeOf<ours.ErrorCodes>();
  });
});

describe("beyond the official client", () => {
  test.each<[string, Args, string]>([
    ["a release that never was", { release: "0.16.4" }, "release must be from 0.17.0 to 0.17.9, and is '0.16.4'"],
    ["a release that is none", { release: "latest" }, "release must be from 0.17.0 to 0.17.9, and is 'latest'"],
    ["a deadline in the past", { deadline_ms: -1 }, "deadline_ms must be a number greater than 0, and is -1"],
  ])("%s is refused", (_, args, message) => {
    expect(create(ours, { cluster_id: 0n, replica_addresses: ["3000"], ...args })).toContain(message);
  });

  test("what is wrong with an address is told as the cause", () => {
    expect(() => ours.createClient({ cluster_id: 0n, replica_addresses: ["host:"] })).toThrow(
      expect.objectContaining({ cause: new Error("'host:': invalid port") }),
    );
  });

  test("methods can be taken apart", async () => {
    const client = ours.createClient({ cluster_id: 0n, replica_addresses: ["1"] });
    const { lookupAccounts, destroy } = client;
    const lookup = lookupAccounts([1n]);
    destroy();
    await expect(lookup).rejects.toThrow("Client was closed.");
  });
});
