import { beforeAll, describe, expect, test } from "vitest";
import { type Balances, Ledger } from "../../test/ledger.ts";
import { concatenate, record, recordsOf } from "../../test/records.ts";
import { U128_MAX } from "../lanes/u128.ts";
import { Account, AccountFlags } from "./account.ts";
import { CreateAccountStatus } from "./create-account-status.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";
import { Operation } from "./operations.ts";
import { CreateResult } from "./results.ts";
import { Transfer, TransferFlags } from "./transfer.ts";

/**
 * Something wrong with an event: which status it has by itself, and which fields it changes. Two faults that change
 * different fields can be put into one event, which must report the one that comes first in the list.
 */
interface Fault<Event, Status extends string> {
  readonly status: Status;
  readonly change: Partial<Event>;
}

type AccountFields = Omit<Account, "buffer" | "dataView" | "offset">;
type TransferFields = Omit<Transfer, "buffer" | "dataView" | "offset">;

/** All pairs (first, second) of faults that do not change the same field. */
function pairsOf<Event, Status extends string>(
  faults: readonly Fault<Event, Status>[],
): [Fault<Event, Status>, Fault<Event, Status>][] {
  return faults.flatMap((first, index) =>
    faults
      .slice(index + 1)
      .filter((second) => Object.keys(second.change).every((field) => !(field in first.change)))
      .map((second): [Fault<Event, Status>, Fault<Event, Status>] => [first, second]),
  );
}

function statusName(statuses: Readonly<Record<string, number>>, reply: Uint8Array): string | undefined {
  const [result] = recordsOf(CreateResult, reply);
  return Object.keys(statuses).find((name) => statuses[name] === result?.status);
}

describe("create_accounts", () => {
  const base: Partial<AccountFields> = { id: 2n, ledger: 1, code: 1 };
  // Spec 02 §11.
  const faults: readonly Fault<AccountFields, keyof typeof CreateAccountStatus>[] = [
    { status: "timestamp_must_be_zero", change: { timestamp: 1n } },
    { status: "reserved_field", change: { reserved: 1 } },
    { status: "reserved_flag", change: { flags: 64 } },
    { status: "id_must_not_be_zero", change: { id: 0n } },
    { status: "id_must_not_be_int_max", change: { id: U128_MAX } },
    { status: "flags_are_mutually_exclusive", change: { flags: 6 } },
    { status: "debits_pending_must_be_zero", change: { debitsPending: 1n } },
    { status: "debits_posted_must_be_zero", change: { debitsPosted: 1n } },
    { status: "credits_pending_must_be_zero", change: { creditsPending: 1n } },
    { status: "credits_posted_must_be_zero", change: { creditsPosted: 1n } },
    { status: "ledger_must_not_be_zero", change: { ledger: 0 } },
    { status: "code_must_not_be_zero", change: { code: 0 } },
  ];
  /** Of an event with the id of an account that exists. */
  const differences: typeof faults = [
    { status: "reserved_field", change: { reserved: 1 } },
    { status: "exists_with_different_flags", change: { flags: 2 } },
    { status: "exists_with_different_user_data_128", change: { userData128: 9n } },
    { status: "exists_with_different_user_data_64", change: { userData64: 9n } },
    { status: "exists_with_different_user_data_32", change: { userData32: 9 } },
    { status: "exists_with_different_ledger", change: { ledger: 0 } },
    { status: "exists_with_different_code", change: { code: 0 } },
    { status: "exists", change: { debitsPending: 1n } },
  ];

  function statusOf(event: Partial<AccountFields>): string | undefined {
    const ledger = new Ledger();
    ledger.execute(Operation.create_accounts, record(Account, { id: 1n, ledger: 1, code: 1 }));
    const [reply = new Uint8Array(0)] = ledger.execute(Operation.create_accounts, record(Account, event));
    return statusName(CreateAccountStatus, reply);
  }

  test.each(faults)("$status is reported", ({ status, change }) => {
    expect(statusOf({ ...base, ...change })).toBe(status);
  });

  test("of two faults, the earlier is reported", () => {
    const pairs = pairsOf(faults);
    expect(pairs.length).toBeGreaterThan(60);
    for (const [first, second] of pairs) {
      expect(statusOf({ ...base, ...second.change, ...first.change }), second.status).toBe(first.status);
    }
  });

  test("of two differences to an account that exists, the earlier is reported", () => {
    for (const [first, second] of pairsOf(differences)) {
      const event = { ...base, id: 1n, ...second.change, ...first.change };
      expect(statusOf(event), `${first.status} and ${second.status}`).toBe(first.status);
    }
  });
});

describe("create_transfers", () => {
  const NORMAL = 1n;
  const OTHER = 2n;
  /** Accounts for the faults, by their ids. */
  const accounts: readonly (Partial<AccountFields> & { id: bigint; balances?: Balances })[] = [
    { id: NORMAL },
    { id: OTHER },
    { id: 3n, ledger: 2 },
    { id: 4n, flags: AccountFlags.closed },
    { id: 7n, flags: AccountFlags.closed },
    { id: 5n, flags: AccountFlags.debits_must_not_exceed_credits },
    { id: 6n, flags: AccountFlags.credits_must_not_exceed_debits },
    { id: 10n, balances: [U128_MAX, 0n, 0n, 0n] },
    { id: 11n, balances: [0n, 0n, U128_MAX, 0n] },
    { id: 12n, balances: [0n, U128_MAX, 0n, 0n] },
    { id: 13n, balances: [0n, 0n, 0n, U128_MAX] },
    { id: 14n, balances: [1n, U128_MAX - 1n, 0n, 0n] },
    { id: 15n, balances: [0n, 0n, 1n, U128_MAX - 1n] },
  ];
  const [PENDING, PLAIN, POSTED, VOIDED, EXPIRED, CLOSING, BURNT] = [100n, 101n, 102n, 103n, 104n, 105n, 106n];
  const pending = TransferFlags.pending;
  const post = TransferFlags.post_pending_transfer;
  let ledger: Ledger;

  beforeAll(() => {
    ledger = new Ledger();
    for (const { balances, ...fields } of accounts) {
      ledger.execute(Operation.create_accounts, record(Account, { ledger: 1, code: 1, ...fields }));
      if (balances !== undefined) ledger.setBalances(fields.id, balances);
    }
    const transfer = (fields: Partial<TransferFields>): Uint8Array =>
      record(Transfer, { debitAccountId: NORMAL, creditAccountId: OTHER, amount: 10n, ledger: 1, code: 1, ...fields });
    ledger.execute(
      Operation.create_transfers,
      concatenate([
        transfer({ id: PENDING, flags: pending }),
        transfer({ id: PLAIN }),
        transfer({ id: POSTED, flags: pending }),
        transfer({ id: 202n, pendingId: POSTED, flags: post }),
        transfer({ id: VOIDED, flags: pending }),
        transfer({ id: 203n, pendingId: VOIDED, flags: TransferFlags.void_pending_transfer }),
        transfer({ id: EXPIRED, flags: pending, timeout: 1 }),
        transfer({ id: BURNT, debitAccountId: 99n }),
      ]),
    );
    ledger.tick(1_000_000_000n);
  });

  /** The status of an event by itself: it is the failing half of a chain, so that it leaves no trace if it succeeds. */
  function statusOf(event: Partial<TransferFields>): string | undefined {
    const linked = record(Transfer, { ...event, flags: (event.flags ?? 0) | TransferFlags.linked });
    const last = record(Transfer, {});
    const [reply = new Uint8Array(0)] = ledger.execute(Operation.create_transfers, concatenate([linked, last]));
    const status = statusName(CreateTransferStatus, reply);
    return status === "linked_event_failed" ? "created" : status;
  }

  /** Transient failures burn ids, so every event has its own. */
  let nextId = 1000n;
  function freshId(): bigint {
    nextId += 1n;
    return nextId;
  }

  type TransferFault = Fault<TransferFields, keyof typeof CreateTransferStatus>;

  const identity: readonly TransferFault[] = [
    { status: "timestamp_must_be_zero", change: { timestamp: 1n } },
    { status: "reserved_flag", change: { flags: 512 } },
    { status: "id_must_not_be_zero", change: { id: 0n } },
    { status: "id_must_not_be_int_max", change: { id: U128_MAX } },
    { status: "exists_with_different_flags", change: { id: PENDING } },
    { status: "id_already_failed", change: { id: BURNT } },
  ];
  // Spec 02 §12, for a transfer that is not pending.
  const plain: readonly TransferFault[] = [
    ...identity,
    { status: "debit_account_id_must_not_be_zero", change: { debitAccountId: 0n } },
    { status: "debit_account_id_must_not_be_int_max", change: { debitAccountId: U128_MAX } },
    { status: "credit_account_id_must_not_be_zero", change: { creditAccountId: 0n } },
    { status: "credit_account_id_must_not_be_int_max", change: { creditAccountId: U128_MAX } },
    { status: "accounts_must_be_different", change: { debitAccountId: OTHER, creditAccountId: OTHER } },
    { status: "pending_id_must_be_zero", change: { pendingId: PENDING } },
    { status: "timeout_reserved_for_pending_transfer", change: { timeout: 1 } },
    { status: "closing_transfer_must_be_pending", change: { flags: TransferFlags.closing_debit } },
    { status: "ledger_must_not_be_zero", change: { ledger: 0 } },
    { status: "code_must_not_be_zero", change: { code: 0 } },
    { status: "debit_account_not_found", change: { debitAccountId: 99n } },
    { status: "credit_account_not_found", change: { creditAccountId: 98n } },
    { status: "accounts_must_have_the_same_ledger", change: { creditAccountId: 3n } },
    { status: "transfer_must_have_the_same_ledger_as_accounts", change: { ledger: 2 } },
    { status: "debit_account_already_closed", change: { debitAccountId: 4n } },
    { status: "credit_account_already_closed", change: { creditAccountId: 7n } },
    { status: "overflows_debits_posted", change: { debitAccountId: 12n } },
    { status: "overflows_credits_posted", change: { creditAccountId: 13n } },
    { status: "overflows_debits", change: { debitAccountId: 14n } },
    { status: "overflows_credits", change: { creditAccountId: 15n } },
    { status: "exceeds_credits", change: { debitAccountId: 5n } },
    { status: "exceeds_debits", change: { creditAccountId: 6n } },
  ];
  const pendingOnly: readonly TransferFault[] = [
    { status: "code_must_not_be_zero", change: { code: 0 } },
    { status: "debit_account_already_closed", change: { debitAccountId: 4n } },
    { status: "credit_account_already_closed", change: { creditAccountId: 7n } },
    { status: "overflows_debits_pending", change: { debitAccountId: 10n } },
    { status: "overflows_credits_pending", change: { creditAccountId: 11n } },
    { status: "overflows_debits_posted", change: { debitAccountId: 12n } },
    { status: "overflows_credits_posted", change: { creditAccountId: 13n } },
    { status: "exceeds_credits", change: { debitAccountId: 5n } },
    { status: "exceeds_debits", change: { creditAccountId: 6n } },
  ];
  // Spec 02 §13.1.
  const posts: readonly TransferFault[] = [
    ...identity,
    { status: "flags_are_mutually_exclusive", change: { flags: post | TransferFlags.balancing_debit } },
    { status: "pending_id_must_not_be_zero", change: { pendingId: 0n } },
    { status: "pending_id_must_not_be_int_max", change: { pendingId: U128_MAX } },
    { status: "timeout_reserved_for_pending_transfer", change: { timeout: 1 } },
    { status: "pending_transfer_not_found", change: { pendingId: 99n } },
    { status: "pending_transfer_not_found", change: { pendingId: BURNT } },
    { status: "pending_transfer_not_pending", change: { pendingId: PLAIN } },
    { status: "pending_transfer_has_different_debit_account_id", change: { debitAccountId: 3n } },
    { status: "pending_transfer_has_different_credit_account_id", change: { creditAccountId: 3n } },
    { status: "pending_transfer_has_different_ledger", change: { ledger: 2 } },
    { status: "pending_transfer_has_different_code", change: { code: 2 } },
    { status: "exceeds_pending_transfer_amount", change: { amount: 11n } },
    { status: "pending_transfer_already_posted", change: { pendingId: POSTED } },
    { status: "pending_transfer_already_voided", change: { pendingId: VOIDED } },
    { status: "pending_transfer_expired", change: { pendingId: EXPIRED } },
  ];

  const kinds: readonly [name: string, base: Partial<TransferFields>, faults: readonly TransferFault[]][] = [
    ["a transfer", { debitAccountId: NORMAL, creditAccountId: OTHER, amount: 1n, ledger: 1, code: 1 }, plain],
    [
      "a pending transfer",
      { debitAccountId: NORMAL, creditAccountId: OTHER, amount: 1n, ledger: 1, code: 1, flags: pending },
      pendingOnly,
    ],
    ["a post", { pendingId: PENDING, amount: 1n, flags: post }, posts],
  ];

  describe.each(kinds)("%s", (_name, base, faults) => {
    test("succeeds without a fault", () => {
      expect(statusOf({ id: freshId(), ...base })).toBe("created");
    });

    test.each(faults)("with one fault reports $status", ({ status, change }) => {
      expect(statusOf({ id: freshId(), ...base, ...change })).toBe(status);
    });

    test("of two faults reports the earlier", () => {
      for (const [first, second] of pairsOf(faults)) {
        const event = { id: freshId(), ...base, ...second.change, ...first.change };
        expect(statusOf(event), `${first.status} and ${second.status}`).toBe(first.status);
      }
    });
  });

  test("a void of another amount, and a post on a closed account, come last", () => {
    const isVoid = TransferFlags.void_pending_transfer;
    const less = { id: freshId(), amount: 1n, flags: isVoid };
    expect(statusOf({ ...less, pendingId: PENDING })).toBe("pending_transfer_has_different_amount");
    expect(statusOf({ ...less, pendingId: POSTED })).toBe("pending_transfer_has_different_amount");
    const closing = record(Transfer, {
      id: CLOSING,
      debitAccountId: NORMAL,
      creditAccountId: OTHER,
      ledger: 1,
      code: 1,
      flags: pending | TransferFlags.closing_credit | TransferFlags.closing_debit,
    });
    ledger.execute(Operation.create_transfers, closing);
    expect(statusOf({ id: freshId(), pendingId: PENDING, flags: post })).toBe("debit_account_already_closed");
    expect(statusOf({ id: freshId(), pendingId: POSTED, flags: post })).toBe("pending_transfer_already_posted");
    expect(statusOf({ id: freshId(), pendingId: CLOSING, flags: isVoid })).toBe("created");
  });
});
