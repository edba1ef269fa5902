import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { LsmLedger, RecordingLedger } from "../../test/lsm-ledger.ts";
import { concatenate, record } from "../../test/records.ts";
import { Account, AccountFlags as AF } from "../accounting/account.ts";
import { AccountFilter, AccountFilterFlags, ChangeEventsFilter, QueryFilter, QueryFilterFlags } from "../accounting/filters.ts";
import { Operation } from "../accounting/operations.ts";
import { Transfer, TransferFlags as TF } from "../accounting/transfer.ts";

const SECOND = 1_000_000_000n;
const EVENTS_MAX = 29;
const AMOUNT_MAX = (1n << 128n) - 1n;

/** Random operations, of which most succeed: accounts first, then transfers of all kinds, and queries of all kinds. */
class Workload {
  readonly ledger = new RecordingLedger();
  readonly #random: Random;
  #accounts = 0;
  #transfers = 0;
  readonly #pending: bigint[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.ledger.now = 1000n;
  }

  step(): void {
    const draw = this.#below(20);
    if (this.#accounts < 8 || draw === 0) this.#createAccounts();
    else if (draw < 12) this.#createTransfers();
    else if (draw < 14) this.ledger.tick(BigInt(this.#below(3)) * SECOND);
    else if (draw < 16) this.#lookup();
    else this.#query();
  }

  #below(limit: number): number {
    return Number(this.#random.u64() % BigInt(limit));
  }

  #one<T>(...of: T[]): T {
    return of[this.#below(of.length)] as T;
  }

  #createAccounts(): void {
    const imported = this.#below(4) === 0;
    const events = Array.from({ length: 1 + this.#below(EVENTS_MAX) }, () => {
      const fresh = this.#below(8) !== 0;
      if (fresh) this.#accounts += 1;
      const id = BigInt(fresh ? this.#accounts : 1 + this.#below(Math.max(1, this.#accounts)));
      const flags = this.#one(0, 0, AF.history, AF.debits_must_not_exceed_credits) | (this.#below(8) === 0 ? AF.linked : 0);
      return record(Account, {
        id,
        userData128: BigInt(this.#below(3)),
        userData64: BigInt(this.#below(3)),
        userData32: this.#below(3),
        ledger: 1,
        code: 1 + this.#below(3),
        flags: flags | (imported ? AF.imported : 0),
        timestamp: imported ? this.#importedTimestamp() : 0n,
      });
    });
    this.ledger.execute(Operation.create_accounts, concatenate(events));
  }

  /** Shortly ago; sometimes too long ago, so that it meets older objects. */
  #importedTimestamp(): bigint {
    const ago = BigInt(this.#below(this.#below(4) === 0 ? 5000 : 40));
    return ago < this.ledger.now ? this.ledger.now - ago : 1n;
  }

  #accountId(): bigint {
    // A few are busy, the others rest and sink down the levels.
    return BigInt(1 + (this.#below(3) === 0 ? this.#below(this.#accounts) : this.#below(8)));
  }

  #createTransfers(): void {
    const imported = this.#below(6) === 0;
    // No import at the very instant of an expiry: the index trees cannot hold two events of one timestamp.
    if (imported) this.ledger.now += 1000n;
    const events = Array.from({ length: 1 + this.#below(EVENTS_MAX) }, () => this.#transfer(imported));
    this.ledger.execute(Operation.create_transfers, concatenate(events));
  }

  #transfer(imported: boolean): Uint8Array {
    const fresh = this.#below(10) !== 0;
    if (fresh) this.#transfers += 1;
    // Descending ids too, so that tables overlap.
    const number = fresh ? this.#transfers : 1 + this.#below(Math.max(1, this.#transfers));
    const id = BigInt(number % 2 === 0 ? number : 1_000_000 - number);
    const linked = this.#below(8) === 0 ? TF.linked : 0;
    const common = {
      id,
      userData128: BigInt(this.#below(4)),
      userData64: BigInt(this.#below(3)),
      userData32: this.#below(3),
      timestamp: imported ? this.#importedTimestamp() : 0n,
    };
    const importedFlag = imported ? TF.imported : 0;
    const pendingId = this.#pending[this.#below(Math.max(1, this.#pending.length))];
    if (pendingId !== undefined && this.#below(3) === 0) {
      const method = this.#one(TF.post_pending_transfer, TF.void_pending_transfer);
      const amount = method === TF.post_pending_transfer ? AMOUNT_MAX : 0n;
      return record(Transfer, { ...common, pendingId, amount, flags: method | linked | importedFlag });
    }
    const pending = this.#below(3) === 0;
    if (pending) this.#pending.push(id);
    return record(Transfer, {
      ...common,
      debitAccountId: this.#accountId(),
      creditAccountId: this.#accountId(),
      amount: BigInt(this.#below(50)),
      timeout: pending && !imported ? this.#below(3) : 0,
      ledger: 1,
      code: 1 + this.#below(3),
      flags: (pending ? TF.pending : 0) | linked | importedFlag,
    });
  }

  #lookup(): void {
    const accounts = this.#below(2) === 0;
    const ids = Array.from({ length: 1 + this.#below(20) }, () => {
      const number = this.#below(accounts ? this.#accounts + 3 : this.#transfers + 3);
      return record(Account, { id: BigInt(accounts || number % 2 === 0 ? number : 1_000_000 - number) }).subarray(0, 16);
    });
    this.ledger.execute(accounts ? Operation.lookup_accounts : Operation.lookup_transfers, concatenate(ids));
  }

  #query(): void {
    const reversed = this.#below(2) === 0;
    const window = this.#below(3) === 0 ? this.ledger.now - BigInt(this.#below(Number(this.ledger.now % 100_000n))) : 0n;
    const common = {
      userData128: BigInt(this.#one(0, 0, this.#below(4))),
      userData64: BigInt(this.#one(0, 0, this.#below(3))),
      userData32: this.#one(0, 0, this.#below(3)),
      code: this.#one(0, 0, 1 + this.#below(3)),
      timestampMin: reversed ? 0n : window,
      timestampMax: reversed ? window : 0n,
      limit: 1 + this.#below(EVENTS_MAX),
    };
    const kind = this.#below(5);
    if (kind === 0) {
      const { timestampMin, timestampMax, limit } = common;
      this.ledger.execute(Operation.get_change_events, record(ChangeEventsFilter, { timestampMin, timestampMax, limit }));
      return;
    }
    if (kind < 3) {
      const filter = record(QueryFilter, { ...common, ledger: this.#one(0, 1), flags: reversed ? QueryFilterFlags.reversed : 0 });
      this.ledger.execute(kind === 1 ? Operation.query_accounts : Operation.query_transfers, filter);
      return;
    }
    const sides = 1 + this.#below(3);
    const flags =
      (sides & 1 ? AccountFilterFlags.debits : 0) |
      (sides & 2 ? AccountFilterFlags.credits : 0) |
      (reversed ? AccountFilterFlags.reversed : 0);
    const filter = record(AccountFilter, { ...common, accountId: this.#accountId(), flags });
    this.ledger.execute(kind === 3 ? Operation.get_account_transfers : Operation.get_account_balances, filter);
  }
}

/** Commits what the ledger has committed and the other has not, and compares the replies. */
function follow(ledger: RecordingLedger, subject: LsmLedger): void {
  for (const committed of ledger.committed.slice(subject.op)) {
    const reply = subject.commit(committed);
    expect(Buffer.compare(reply, committed.reply), `op ${committed.op}, operation ${committed.operation}`).toBe(0);
  }
}

describe("the accounting state machine answers on disk as it does in memory", () => {
  const stepCount = Number(process.env["STAGBEETLE_LSM_STEPS"] ?? 250);
  const seeds = Number(process.env["STAGBEETLE_LSM_SEEDS"] ?? 3);

  for (let seed = 1; seed <= seeds; seed += 1) {
    for (const cacheObjects of [0, 256]) {
      test(`with crashes and restarts, seed ${seed}, ${cacheObjects} objects cached`, () => {
        const workload = new Workload(new Random(seed));
        const random = new Random(1000 + seed);
        const subject = new LsmLedger({ random: new Random(2000 + seed), cacheObjects });
        for (let step = 0; step < stepCount; step += 1) {
          workload.step();
          follow(workload.ledger, subject);
          if (random.u64() % 40n !== 0n) continue;
          subject.crash();
          follow(workload.ledger, subject);
        }
        const levels = subject.forest.forest.trees.map(({ levels: of }) => of.findLastIndex((level) => level.tableCount > 0));
        expect(Math.max(...levels), "tables have sunk").toBeGreaterThanOrEqual(1);
      });
    }
  }
});
