import { checksumOf } from "@stagbeetle/kernels";
import { describe, expect, test } from "vitest";
import { encodeBatches, Ledger } from "../../test/ledger.ts";
import { concatenate, type Fields, record, recordsOf } from "../../test/records.ts";
import { AccountEvent } from "./account-event.ts";
import { Account, AccountFlags } from "./account.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";
import { CreateAccountStatus } from "./create-account-status.ts";
import { Operation } from "./operations.ts";
import { Transfer, TransferFlags } from "./transfer.ts";

// Spec 02 §29.

const ledger700 = { ledger: 700, code: 10 };
const account = (fields: Fields<typeof Account.layout>): Uint8Array => record(Account, { ...ledger700, ...fields });
const transfer = (fields: Fields<typeof Transfer.layout>): Uint8Array =>
  record(Transfer, { debitAccountId: 1n, creditAccountId: 2n, amount: 10n, ...ledger700, ...fields });

/** Checksums are written with their bytes in the order in which they are in memory. */
function checksum(bytes: Uint8Array): string {
  const value = checksumOf(bytes);
  return Array.from({ length: 16 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn))
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("bodies of requests", () => {
  test("two accounts", () => {
    const first = account({ id: 1n, flags: AccountFlags.linked | AccountFlags.history });
    const body = encodeBatches(Operation.create_accounts, [concatenate([first, account({ id: 2n })])]);
    expect(hex(body.subarray(256))).toBe(`${"ff".repeat(124)}02000100`);
    expect(checksum(body)).toBe("a2e7791d15f2012ab6a32caacf1305d6");
  });

  test("batches of one, no and two transfers", () => {
    const one = transfer({ id: 3n });
    const body = encodeBatches(Operation.create_transfers, [one, new Uint8Array(0), concatenate([one, one])]);
    expect(body).toHaveLength(512);
    expect(hex(body.subarray(-10))).toBe("ffff0200000001000300");
    expect(checksum(body)).toBe("5a15ac41a1db661bcb432def716846e7");
  });

  test("two ids", () => {
    const ids = [1n, 2n].map((id) => record(Account, { id }).subarray(0, 16));
    expect(checksum(encodeBatches(Operation.lookup_accounts, [concatenate(ids)]))).toBe(
      "4746666a9d09403d325911b474893ef7",
    );
  });
});

describe("bodies of replies", () => {
  test("two accounts created at 5 and 6", () => {
    const ledger = new Ledger();
    ledger.now = 3n;
    const body = encodeBatches(Operation.create_accounts, [concatenate([account({ id: 1n }), account({ id: 2n })])]);
    const reply = ledger.executeBody(Operation.create_accounts, body);
    const created = (timestamp: string): string => `${timestamp}00000000000000ffffffff00000000`;
    expect(hex(reply)).toBe(`${created("05")}${created("06")}${"ff".repeat(12)}02000100`);
    expect(checksum(reply)).toBe("7e7915633c77512bbf21a3bb4635ba13");
  });

  test("a transfer that exists since 100", () => {
    const ledger = new Ledger();
    ledger.execute(Operation.create_accounts, concatenate([account({ id: 1n }), account({ id: 2n })]));
    ledger.now = 98n;
    const body = encodeBatches(Operation.create_transfers, [transfer({ id: 3n })]);
    ledger.executeBody(Operation.create_transfers, body);
    expect(checksum(ledger.executeBody(Operation.create_transfers, body))).toBe("6f03a7e7adf102cc6b63e8ef9476b41f");
  });

  test("sparse, all created", () => {
    const body = encodeBatches(Operation.deprecated_create_accounts_sparse, [account({ id: 1n })]);
    const reply = new Ledger().executeBody(Operation.deprecated_create_accounts_sparse, body);
    expect(hex(reply)).toBe("ffffffff00000100");
    expect(checksum(reply)).toBe("b21a9ea5b6a5537c1938f6b0dc6e89ea");
  });

  test("sparse, the second event without its pending transfer", () => {
    const ledger = new Ledger();
    ledger.execute(Operation.create_accounts, concatenate([account({ id: 1n }), account({ id: 2n })]));
    const post = transfer({ id: 4n, pendingId: 9n, flags: TransferFlags.post_pending_transfer });
    const body = encodeBatches(Operation.deprecated_create_transfers_sparse, [
      concatenate([transfer({ id: 3n }), post]),
    ]);
    const reply = ledger.executeBody(Operation.deprecated_create_transfers_sparse, body);
    expect(hex(reply)).toBe("0100000019000000ffffffff01000100");
    expect(checksum(reply)).toBe("6fe4b722798e79b1f5ec9a4e9a1d78a3");
  });

  test("no objects", () => {
    const body = encodeBatches(Operation.lookup_accounts, [new Uint8Array(16)]);
    const reply = new Ledger().executeBody(Operation.lookup_accounts, body);
    expect(hex(reply)).toBe(`${"ff".repeat(124)}00000100`);
    expect(checksum(reply)).toBe("e9d8774e359279ac25e78328f00abc7a");
  });
});

describe("a chain that fails at an account that it has created itself", () => {
  const [linked, none] = [AccountFlags.linked, 0];
  const events = [
    [7n, none],
    [1n, linked],
    [2n, linked],
    [1n, linked],
    [3n, none],
    [1n, none],
    [1n, linked, 2],
    [2n, none],
    [2n, none],
    [3n, linked],
    [1n, none, 1, 2],
    [3n, linked],
    [4n, none],
  ].map(([id, flags, code = 1, ledger = 1]) =>
    record(Account, { id: BigInt(id ?? 0), flags: Number(flags), code: Number(code), ledger: Number(ledger) }),
  );

  test("keeps the timestamps of what is taken back in dense results", () => {
    const [reply = new Uint8Array(0)] = new Ledger().execute(Operation.create_accounts, concatenate(events));
    const view = new DataView(reply.buffer, reply.byteOffset);
    const results = events.map((_, index) => [view.getUint32(16 * index, true), view.getUint32(16 * index + 8, true)]);
    const S = CreateAccountStatus;
    expect(results).toEqual([
      [2, S.created],
      [3, S.linked_event_failed],
      [4, S.linked_event_failed],
      [3, S.exists],
      [6, S.linked_event_failed],
      [7, S.created],
      [8, S.exists_with_different_flags],
      [9, S.linked_event_failed],
      [10, S.created],
      [11, S.linked_event_failed],
      [12, S.exists_with_different_ledger],
      [13, S.created],
      [14, S.created],
    ]);
  });

  test("lists the failures in order in sparse results", () => {
    const operation = Operation.deprecated_create_accounts_unbatched;
    const [reply = new Uint8Array(0)] = new Ledger().execute(operation, concatenate(events));
    const words = [...new Uint32Array(reply.buffer, reply.byteOffset, reply.length / 4)];
    expect(words).toEqual([1, 1, 2, 1, 3, 21, 4, 1, 6, 15, 7, 1, 9, 1, 10, 19]);
  });
});

describe("posting a pending transfer in full", () => {
  /** Accounts at 10 and 11, the pending transfer at 20, its post at 30. */
  function posted(): Ledger {
    const ledger = new Ledger();
    ledger.now = 8n;
    ledger.execute(
      Operation.create_accounts,
      concatenate([account({ id: 1n, flags: AccountFlags.history }), account({ id: 2n })]),
    );
    ledger.now = 18n;
    const pending = transfer({ id: 100n, amount: 7n, timeout: 1, flags: TransferFlags.pending });
    ledger.execute(Operation.create_transfers, pending);
    ledger.now = 28n;
    const post = transfer({
      id: 101n,
      pendingId: 100n,
      amount: (1n << 128n) - 1n,
      flags: TransferFlags.post_pending_transfer,
    });
    const [reply = new Uint8Array(0)] = ledger.execute(Operation.create_transfers, post);
    expect(new DataView(reply.buffer, reply.byteOffset).getUint32(8, true)).toBe(CreateTransferStatus.created);
    return ledger;
  }

  test("writes this account event", () => {
    const { forest } = posted();
    const pointer = forest.groove("account_events").store.pointerOf(1);
    const bytes = forest.memory.bytes.slice(pointer, pointer + AccountEvent.sizeBytes);
    expect(hex(bytes.subarray(160))).toBe(
      [
        "1e00000000000000 0a00000000000000 0b00000000000000 0800 0000 0400 0200 64000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffff 07000000000000000000000000000000 bc020000 02 0000000000000000000000",
      ]
        .join("")
        .replaceAll(" ", ""),
    );
    const [event] = recordsOf(AccountEvent, bytes);
    expect([event?.drDebitsPosted, event?.crCreditsPosted]).toEqual([7n, 7n]);
    expect([event?.drDebitsPending, event?.crCreditsPending]).toEqual([0n, 0n]);
    expect(checksum(bytes)).toBe("35c45d986572c625d144a0eaab6ffc9b");
  });

  test("leaves these entries in the trees", () => {
    const { forest } = posted();
    const trees: Readonly<Record<number, readonly (readonly [bigint, bigint])[]>> = {
      8: [
        [100n, 20n],
        [101n, 30n],
      ],
      9: [
        [1n, 20n],
        [1n, 30n],
      ],
      10: [
        [2n, 20n],
        [2n, 30n],
      ],
      11: [
        [7n, 20n],
        [7n, 30n],
      ],
      12: [[100n, 30n]],
      16: [
        [700n, 20n],
        [700n, 30n],
      ],
      17: [
        [10n, 20n],
        [10n, 30n],
      ],
      19: [],
      21: [[2n, 20n]],
      27: [
        [10n, 20n],
        [10n, 30n],
      ],
      28: [
        [1n, 20n],
        [2n, 30n],
      ],
      33: [],
      29: [],
      32: [],
    };
    for (const [treeId, entries] of Object.entries(trees)) {
      expect(forest.entriesOf(Number(treeId)), `tree ${treeId}`).toEqual(entries);
    }
  });
});
