import { Operation as ProtocolOperation } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { decodeBatches, encodeBatches, Ledger, PRODUCTION } from "../../test/ledger.ts";
import { concatenate, type Fields, record, recordsOf } from "../../test/records.ts";
import { Account, AccountFlags } from "./account.ts";
import { CreateAccountStatus } from "./create-account-status.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";
import { ChangeEventsFilter, QueryFilter } from "./filters.ts";
import { Operation } from "./operations.ts";
import { ChangeEvent, ChangeEventType, CreateResult } from "./results.ts";
import { Transfer, TransferFlags } from "./transfer.ts";

type AccountFields = Fields<typeof Account.layout>;
type TransferFields = Fields<typeof Transfer.layout>;

const SECOND = 1_000_000_000n;
const NOTHING = new Uint8Array(0);

function accounts(...all: AccountFields[]): Uint8Array {
  return concatenate(all.map((fields) => record(Account, { ledger: 1, code: 1, ...fields })));
}

function transfers(...all: TransferFields[]): Uint8Array {
  return concatenate(
    all.map((fields) => record(Transfer, { debitAccountId: 1n, creditAccountId: 2n, ledger: 1, code: 1, ...fields })),
  );
}

function results(batches: readonly Uint8Array[]): [timestamp: bigint, status: number][][] {
  return batches.map((batch) => recordsOf(CreateResult, batch).map(({ timestamp, status }) => [timestamp, status]));
}

/** A ledger with the accounts 1 and 2. */
function ledgerOfTwo(): Ledger {
  const ledger = new Ledger();
  ledger.execute(Operation.create_accounts, accounts({ id: 1n }, { id: 2n }));
  return ledger;
}

function accountOf(ledger: Ledger, id: bigint): Account | undefined {
  const [reply = NOTHING] = ledger.execute(Operation.lookup_accounts, record(Account, { id }).subarray(0, 16));
  return recordsOf(Account, reply)[0];
}

describe("several batches in one body", () => {
  test("get consecutive timestamps that end with the prepare's (spec 02 §29)", () => {
    const ledger = new Ledger();
    ledger.now = 100n;
    const body = [accounts({ id: 1n }, { id: 2n }), NOTHING, accounts({ id: 3n }, { id: 4n }, { id: 5n })];
    const created = CreateAccountStatus.created;
    expect(results(ledger.execute(Operation.create_accounts, ...body))).toEqual([
      [
        [102n, created],
        [103n, created],
      ],
      [],
      [
        [104n, created],
        [105n, created],
        [106n, created],
      ],
    ]);
    expect(ledger.now).toBe(106n);
  });

  test("do not share chains: an open one ends with its batch", () => {
    const ledger = new Ledger();
    const linked = AccountFlags.linked;
    const open = accounts({ id: 1n, flags: linked }, { id: 2n, flags: linked });
    const replies = results(ledger.execute(Operation.create_accounts, open, accounts({ id: 1n })));
    expect(replies.map((batch) => batch.map(([, status]) => status))).toEqual([
      [CreateAccountStatus.linked_event_failed, CreateAccountStatus.linked_event_chain_open],
      [CreateAccountStatus.created],
    ]);
  });

  test("may be imported one by one (hazard 1)", () => {
    const ledger = new Ledger();
    ledger.now = 1000n;
    ledger.execute(Operation.create_accounts, accounts({ id: 1n }, { id: 2n }));
    const existing = accountOf(ledger, 1n)?.timestamp ?? 0n;
    ledger.now = 2000n;
    const imported = TransferFlags.imported;
    const replies = results(
      ledger.execute(
        Operation.create_transfers,
        transfers(),
        transfers({ id: 11n, flags: imported, timestamp: existing }, { id: 12n, flags: imported, timestamp: 1500n }),
        transfers({ id: 13n }),
      ),
    );
    expect(replies.map((batch) => batch.map(([, status]) => status))).toEqual([
      [],
      [CreateTransferStatus.imported_event_timestamp_must_not_regress, CreateTransferStatus.created],
      [CreateTransferStatus.created],
    ]);
    const importedAccounts = ledger.execute(
      Operation.create_accounts,
      accounts({ id: 3n }),
      accounts({ id: 4n, flags: AccountFlags.imported, timestamp: ledger.now }),
    );
    // The newest account is a nanosecond older than what is imported after it in the same body.
    expect(results(importedAccounts)[1]?.[0]?.[1]).toBe(CreateAccountStatus.imported_event_timestamp_must_not_regress);
  });

  test("are answered one by one, empty ones too", () => {
    const ledger = ledgerOfTwo();
    const ids = (...all: bigint[]): Uint8Array => concatenate(all.map((id) => record(Account, { id }).subarray(0, 16)));
    const replies = ledger.execute(Operation.lookup_accounts, ids(2n, 9n, 1n, 2n), ids(), ids(0n));
    expect(replies.map((reply) => recordsOf(Account, reply).map(({ id }) => id))).toEqual([[2n, 1n, 2n], [], []]);
  });
});

describe("a pending transfer whose time is over", () => {
  test("cannot be posted although its reservation is still there", () => {
    const ledger = ledgerOfTwo();
    ledger.execute(
      Operation.create_transfers,
      transfers({ id: 1n, amount: 5n, timeout: 1, flags: TransferFlags.pending }),
    );
    ledger.now += SECOND;
    const post = transfers({ id: 2n, pendingId: 1n, flags: TransferFlags.post_pending_transfer });
    ledger.machine.commitTimestamp = ledger.now;
    ledger.now += 2n;
    const reply = ledger.commit(Operation.create_transfers, encodeBatches(Operation.create_transfers, [post]));
    const [[result] = []] = results(decodeBatches(Operation.create_transfers, reply));
    expect(result?.[1]).toBe(CreateTransferStatus.pending_transfer_expired);
    // Looking up lets the pulse pass that was due.
    ledger.machine.commitTimestamp = ledger.now;
    const lookup = encodeBatches(Operation.lookup_accounts, [record(Account, { id: 1n }).subarray(0, 16)]);
    ledger.now += 1n;
    const [account] = recordsOf(
      Account,
      decodeBatches(Operation.lookup_accounts, ledger.commit(Operation.lookup_accounts, lookup))[0] ?? NOTHING,
    );
    expect(account?.debitsPending).toBe(5n);
    ledger.pulse();
    expect(accountOf(ledger, 1n)?.debitsPending).toBe(0n);
  });

  test("can still be posted one nanosecond before", () => {
    for (const [late, status] of [
      [0n, CreateTransferStatus.pending_transfer_expired],
      [-1n, CreateTransferStatus.created],
    ] as const) {
      const ledger = ledgerOfTwo();
      ledger.execute(
        Operation.create_transfers,
        transfers({ id: 1n, amount: 5n, timeout: 1, flags: TransferFlags.pending }),
      );
      // The next event gets the timestamp two nanoseconds from now.
      ledger.now += SECOND - 2n + late;
      const post = transfers({ id: 2n, pendingId: 1n, flags: TransferFlags.void_pending_transfer });
      const [[result] = []] = results(ledger.execute(Operation.create_transfers, post));
      expect(result?.[1]).toBe(status);
    }
  });

  test("expires with others of the same instant (hazard 4)", () => {
    const ledger = ledgerOfTwo();
    const pending = TransferFlags.pending;
    ledger.execute(Operation.create_transfers, transfers({ id: 1n, amount: 5n, timeout: 2, flags: pending }));
    const expiresAt = ledger.now + 2n * SECOND;
    ledger.now += SECOND - 2n;
    ledger.execute(Operation.create_transfers, transfers({ id: 2n, amount: 6n, timeout: 1, flags: pending }));
    expect(ledger.now + SECOND).toBe(expiresAt);
    // A pulse takes as many timestamps as it could expire transfers, and one more: this one ends at the very instant.
    ledger.now = expiresAt - 31n;
    ledger.executeBody(ProtocolOperation.pulse, NOTHING);
    expect(ledger.now).toBe(expiresAt);
    expect(accountOf(ledger, 1n)?.debitsPending).toBe(0n);
  });

  test("does not expire before, and more of them than one pulse takes expire in turn, by their instants", () => {
    const ledger = ledgerOfTwo();
    const batch = (first: number, timeout: number): Uint8Array =>
      transfers(
        ...Array.from({ length: 29 }, (_, index) => ({
          id: BigInt(first + index),
          amount: 1n,
          timeout,
          flags: TransferFlags.pending,
        })),
      );
    ledger.execute(Operation.create_transfers, batch(100, 3));
    ledger.execute(Operation.create_transfers, batch(200, 2));
    ledger.now += SECOND;
    ledger.executeBody(ProtocolOperation.pulse, NOTHING);
    expect(accountOf(ledger, 1n)?.debitsPending).toBe(58n);
    ledger.now += 10n * SECOND;
    ledger.executeBody(ProtocolOperation.pulse, NOTHING);
    expect(ledger.machine.pulseNeeded(ledger.now)).toBe(true);
    expect(accountOf(ledger, 1n)?.debitsPending).toBe(28n);
    ledger.pulse();
    expect(accountOf(ledger, 1n)?.debitsPending).toBe(0n);
    const [reply = NOTHING] = ledger.execute(
      Operation.get_change_events,
      record(ChangeEventsFilter, { limit: 100, timestampMin: ledger.now - 70n }),
    );
    const events = recordsOf(ChangeEvent, reply).filter(({ type }) => type === ChangeEventType.two_phase_expired);
    expect(events.length).toBeGreaterThan(0);
    expect(events.every(({ timestamp, transferTimestamp }) => timestamp > transferTimestamp)).toBe(true);
  });
});

test("a client's operation 128 does what a pulse does, and has an empty reply (hazard 6)", () => {
  const ledger = ledgerOfTwo();
  const pending = transfers({ id: 1n, amount: 5n, timeout: 1, flags: TransferFlags.pending });
  ledger.execute(Operation.create_transfers, pending);
  ledger.now += SECOND;
  expect(ledger.executeBody(Operation.pulse, NOTHING)).toHaveLength(0);
  expect(accountOf(ledger, 1n)?.debitsPending).toBe(0n);
});

test("a transfer of nothing is stored, and leaves the accounts as they are", () => {
  const ledger = ledgerOfTwo();
  const before = accountOf(ledger, 1n);
  ledger.execute(Operation.create_transfers, transfers({ id: 1n, amount: 0n }));
  expect(accountOf(ledger, 1n)?.buffer).toEqual(before?.buffer);
  const [reply = NOTHING] = ledger.execute(Operation.query_transfers, record(QueryFilter, { limit: 10 }));
  expect(recordsOf(Transfer, reply)).toHaveLength(1);
  expect(ledger.forest.groove("account_events").store.count).toBe(1);
});

test("a batch of the largest size is executed", () => {
  const ledger = new Ledger(PRODUCTION);
  const count = 8189;
  const body = accounts(...Array.from({ length: count }, (_, index) => ({ id: BigInt(index + 1) })));
  const [reply = []] = results(ledger.execute(Operation.create_accounts, body));
  expect(reply).toHaveLength(count);
  expect(reply.every(([, status]) => status === CreateAccountStatus.created)).toBe(true);
});

test("as many invalid filters as a body holds are answered with nothing", () => {
  const ledger = new Ledger(PRODUCTION);
  const filters = Array.from({ length: 8000 }, () => record(QueryFilter, { limit: 0 }));
  const replies = ledger.execute(Operation.query_transfers, ...filters);
  expect(replies).toHaveLength(8000);
  expect(replies.every((reply) => reply.length === 0)).toBe(true);
});

describe("the clock", () => {
  test("advances by the events of create operations, by a whole batch for a pulse, and not for others", () => {
    const { machine } = new Ledger();
    const prepared = (operation: number, body: Uint8Array): bigint => {
      const before = machine.prepareTimestamp;
      machine.prepare(operation, body);
      return machine.prepareTimestamp - before;
    };
    const body = encodeBatches(Operation.create_accounts, [accounts({}, {}), NOTHING, accounts({})]);
    expect(prepared(Operation.create_accounts, body)).toBe(3n);
    expect(prepared(Operation.deprecated_create_accounts_sparse, body)).toBe(3n);
    expect(prepared(Operation.deprecated_create_transfers_unbatched, transfers({}, {}))).toBe(2n);
    expect(prepared(ProtocolOperation.pulse, NOTHING)).toBe(30n);
    expect(prepared(Operation.lookup_accounts, encodeBatches(Operation.lookup_accounts, [new Uint8Array(16)]))).toBe(
      0n,
    );
  });

  test("does not go back, except when a log is recovered", () => {
    const ledger = ledgerOfTwo();
    ledger.now -= 1n;
    ledger.machine.commitTimestamp = ledger.now + 1n;
    const body = encodeBatches(Operation.lookup_accounts, [NOTHING]);
    expect(() => ledger.commit(Operation.lookup_accounts, body)).toThrow("has the timestamp");
  });
});

test("a pulse is needed at first, to find out whether anything expires", () => {
  const ledger = new Ledger();
  ledger.machine.pulseNextTimestamp = 1n;
  ledger.now = 1n;
  expect(ledger.machine.pulseNeeded(1n)).toBe(true);
  ledger.pulse();
  expect(ledger.machine.pulseNeeded((1n << 63n) - 2n)).toBe(false);
});
