import { Account, AccountFlags, Transfer, TransferFlags } from "@stagbeetle/state-machine";
import { describe, expect, test } from "vitest";

import type { WorkloadOptions } from "../commands/benchmark-flags.ts";
import { EVENT_SIZE_BYTES, Workload } from "./workload.ts";

const OPTIONS: WorkloadOptions = {
  accountCount: 50,
  accountCountHot: 0,
  accountDistribution: "uniform",
  history: true,
  imported: false,
  transferCount: 1000,
  transferHotPercent: 100,
  transferPending: false,
  idOrder: "sequential",
  seed: 42n,
};
const U128_MAX = 2n ** 128n - 1n;

function accountsOf(options: Partial<WorkloadOptions>, batchCount = 50): Account[] {
  const workload = new Workload({ ...OPTIONS, ...options });
  return batchesOf(batchCount, (lanes) => workload.fillAccounts(lanes)).map((bytes) => new Account(bytes));
}

function transfersOf(options: Partial<WorkloadOptions>, batchCount = 100): Transfer[] {
  const workload = new Workload({ ...OPTIONS, ...options });
  batchesOf(batchCount, (lanes) => workload.fillAccounts(lanes));
  return batchesOf(batchCount, (lanes) => workload.fillTransfers(lanes)).map((bytes) => new Transfer(bytes));
}

function batchesOf(batchCount: number, fill: (lanes: Uint32Array) => number): Uint8Array[] {
  const events: Uint8Array[] = [];
  for (;;) {
    const body = new Uint8Array(batchCount * EVENT_SIZE_BYTES).fill(0xff);
    const count = fill(new Uint32Array(body.buffer));
    if (count === 0) return events;
    for (let event = 0; event < count; event += 1) {
      events.push(body.subarray(event * EVENT_SIZE_BYTES, (event + 1) * EVENT_SIZE_BYTES));
    }
  }
}

describe("accounts", () => {
  test("are as many as asked for, in one ledger, and keep balances of the past unless told not to", () => {
    const accounts = accountsOf({}, 8);
    expect(accounts.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, index) => BigInt(index + 1)));
    for (const { ledger, code, flags, timestamp, debitsPosted, reserved } of accounts) {
      expect([ledger, code, flags, timestamp, debitsPosted, reserved]).toEqual([2, 1, AccountFlags.history, 0n, 0n, 0]);
    }
    expect(accountsOf({ history: false }).every(({ flags }) => flags === 0)).toBe(true);
  });

  test("that are imported have ascending timestamps from 1 on", () => {
    const accounts = accountsOf({ imported: true });
    expect(accounts.map(({ timestamp }) => timestamp)).toEqual(accounts.map((_, index) => BigInt(index + 1)));
    expect(accounts[0]?.flags).toBe(AccountFlags.history | AccountFlags.imported);
  });
});

describe("transfers", () => {
  test("are the same for one seed whatever the size of requests, and others for another", () => {
    const bytes = (transfers: readonly Transfer[]): Buffer => Buffer.concat(transfers.map(({ buffer }) => buffer));
    expect(Buffer.compare(bytes(transfersOf({}, 7)), bytes(transfersOf({}, 1000)))).toBe(0);
    expect(Buffer.compare(bytes(transfersOf({}, 100)), bytes(transfersOf({ seed: 43n }, 100)))).not.toBe(0);
  });

  test("move something between two accounts that exist", () => {
    const transfers = transfersOf({ transferHotPercent: 50, accountCountHot: 2, accountCount: 3 });
    expect(transfers).toHaveLength(1000);
    for (const { debitAccountId, creditAccountId, amount, code, ledger, pendingId } of transfers) {
      expect(debitAccountId).not.toBe(creditAccountId);
      for (const id of [debitAccountId, creditAccountId]) expect(id >= 1n && id <= 3n).toBe(true);
      expect(amount).toBeGreaterThan(0n);
      expect(code).toBeGreaterThan(0);
      expect([ledger, pendingId]).toEqual([2, 0n]);
    }
  });

  test("have amounts around 10,000", () => {
    const amounts = transfersOf({}).map(({ amount }) => Number(amount));
    const mean = amounts.reduce((sum, amount) => sum + amount, 0) / amounts.length;
    expect(mean).toBeGreaterThan(9000);
    expect(mean).toBeLessThan(11_000);
  });

  test("debit hot accounts as often as they are told to", () => {
    const hotShare = (transferHotPercent: number): number => {
      const transfers = transfersOf({ accountCountHot: 5, transferHotPercent });
      return transfers.filter(({ debitAccountId }) => debitAccountId <= 5n).length / transfers.length;
    };
    expect(hotShare(100)).toBe(1);
    expect(hotShare(0)).toBe(0);
    expect(hotShare(30)).toBeCloseTo(0.3, 1);
  });

  test("are pending in 30 of 100, with timeouts of 1 to 5 seconds", () => {
    const pending = transfersOf({ transferPending: true }).filter(({ flags }) => flags === TransferFlags.pending);
    expect(pending.length / 1000).toBeCloseTo(0.3, 1);
    expect(new Set(pending.map(({ timeout }) => timeout))).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  test("that are imported are newer than all accounts", () => {
    const transfers = transfersOf({ imported: true });
    expect(transfers.map(({ timestamp }) => timestamp)).toEqual(transfers.map((_, index) => BigInt(51 + index)));
  });

  test.each(["sequential", "random", "reversed", "tbid"] as const)(
    "have ids of their own in the order %s",
    (idOrder) => {
      const accounts = accountsOf({ idOrder });
      const transfers = transfersOf({ idOrder });
      for (const events of [accounts, transfers]) expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
      for (const { id } of transfers) expect(id > 0n && id < U128_MAX).toBe(true);
      if (idOrder === "reversed") expect(transfers[0]?.id).toBe(U128_MAX - 1n);
      if (idOrder === "tbid")
        expect(transfers.map(({ id }) => id)).toEqual(transfers.map(({ id }) => id).toSorted(ascending));
      else expect(transfers.slice(0, 50).map(({ id }) => id)).toEqual(accounts.map(({ id }) => id));
    },
  );
});

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}
