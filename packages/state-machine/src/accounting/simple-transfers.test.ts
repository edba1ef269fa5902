import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";

import { diskLedger, type DiskMachine } from "../../test/disk-machine.ts";
import { encodeBatches, TEST_MIN } from "../../test/ledger.ts";
import { concatenate, record } from "../../test/records.ts";
import { Account, AccountFlags } from "./account.ts";
import { Limits } from "./limits.ts";
import { Operation, operationFromVsr } from "./operations.ts";
import { Transfer, TransferFlags } from "./transfer.ts";

const seeds = Array.from({ length: 3 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1) }, (_, seed) => seed + 1);
const OPS = 60;
const ACCOUNTS = 12;
const CREATED = 0xffff_ffff;
const RESULT_SIZE_BYTES = 16;

const traits = operationFromVsr(Operation.create_transfers);
if (traits === null) throw new Error("there is no create_transfers");
const EVENTS_MAX = new Limits(TEST_MIN).eventMax(traits);

/** Accounts of two ledgers, of which some are not simple. */
function accounts(): Uint8Array {
  const { debits_must_not_exceed_credits, history, credits_must_not_exceed_debits } = AccountFlags;
  const flags = [
    0,
    history,
    0,
    0,
    history,
    0,
    0,
    debits_must_not_exceed_credits,
    credits_must_not_exceed_debits,
    0,
    0,
    0,
  ];
  return concatenate(
    Array.from({ length: ACCOUNTS }, (_, number) =>
      record(Account, {
        id: BigInt(number + 1),
        ledger: number === ACCOUNTS - 1 ? 2 : 1,
        code: 1,
        flags: flags[number] ?? 0,
      }),
    ),
  );
}

/** Mostly transfers that are simple; of the others, one thing is special about each. */
class Events {
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  body(count: number): Uint8Array {
    return concatenate(Array.from({ length: count }, () => this.#event()));
  }

  #event(): Uint8Array {
    this.#count += 1;
    const debit = 1 + this.#random.index(7);
    const simple = {
      id: BigInt(this.#count) << BigInt(this.#random.index(64)),
      debitAccountId: BigInt(debit),
      creditAccountId: BigInt(1 + ((debit + this.#random.index(6)) % 7)),
      amount: BigInt(1 + this.#random.index(1000)),
      userData128: BigInt(this.#random.index(3)) << 100n,
      ledger: 1,
      code: 1 + this.#random.index(3),
    };
    if (!this.#random.chance(1, 6)) return record(Transfer, simple);
    const special: readonly Partial<
      typeof simple & { flags: number; timeout: number; timestamp: bigint; pendingId: bigint }
    >[] = [
      { id: 0n },
      { id: (1n << 128n) - 1n },
      { id: BigInt(1 + this.#random.index(this.#count)) },
      { debitAccountId: 0n },
      { debitAccountId: 99n },
      { creditAccountId: (1n << 128n) - 1n },
      { creditAccountId: simple.debitAccountId },
      { creditAccountId: BigInt(ACCOUNTS) },
      { debitAccountId: BigInt(8 + this.#random.index(3)) },
      { creditAccountId: BigInt(8 + this.#random.index(3)) },
      { amount: 0n },
      { amount: 1n << 124n },
      { amount: 1n << 126n },
      { amount: (1n << 128n) - 1n },
      { ledger: 0 },
      { ledger: 2 },
      { code: 0 },
      { flags: TransferFlags.pending },
      { flags: TransferFlags.linked },
      { flags: TransferFlags.balancing_debit },
      { flags: TransferFlags.imported },
      { flags: 0x8000 },
      { timeout: 1 },
      { timestamp: 5n },
      { pendingId: 3n },
    ];
    return record(Transfer, { ...simple, ...special[this.#random.index(special.length)] });
  }
}

/** What the mutable tables have, tree by tree. */
function tables({ forest }: DiskMachine): Buffer[] {
  const { bytes } = forest.memory;
  return forest.trees.trees.map(({ memory: { mutable } }) =>
    Buffer.from(bytes.slice(mutable.begin, mutable.valuesEnd)),
  );
}

describe("transfers that a kernel can create", () => {
  test.each(seeds)("leave what they leave when the rules create them one by one, seed %d", (seed) => {
    const events = new Events(new Random(seed));
    const random = new Random(seed + 100);
    const subject = diskLedger(new Random(seed), 0);
    const model = diskLedger(new Random(seed), 0, false);
    let timestamp = 1n << 20n;
    const counts = { created: 0, failed: 0 };
    const commit = (operation: Operation, batch: Uint8Array, count: number): void => {
      timestamp += BigInt(count);
      const body = encodeBatches(operation, [batch]);
      const committing = { client: 1n, op: subject.op + 1, timestamp, operation, body };
      const reply = subject.commit(committing);
      expect(Buffer.compare(reply, model.commit(committing)), `reply to op ${subject.op}`).toBe(0);
      expect(tables(subject)).toEqual(tables(model));
      const view = new DataView(reply.buffer, reply.byteOffset);
      for (let number = 0; number < count; number += 1) {
        const created = view.getUint32(number * RESULT_SIZE_BYTES + 8, true) === CREATED;
        counts[created ? "created" : "failed"] += 1;
      }
    };
    commit(Operation.create_accounts, accounts(), ACCOUNTS);
    for (let op = 0; op < OPS; op += 1) {
      const count = 1 + random.index(EVENTS_MAX);
      commit(Operation.create_transfers, events.body(count), count);
    }
    expect(counts.created).toBeGreaterThan(3 * counts.failed);
    expect(counts.failed).toBeGreaterThan(OPS / 2);
  });
});
