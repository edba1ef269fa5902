import { Random } from "@stagbeetle/vsr-protocol";
import { describe, expect, test } from "vitest";
import { diskLedger, DiskMachine, RecordingLedger } from "../../test/disk-machine.ts";
import { TEST_MIN } from "../../test/ledger.ts";
import { concatenate, record, recordsOf } from "../../test/records.ts";
import { Account, AccountFlags as AF } from "../accounting/account.ts";
import {
  AccountFilter,
  AccountFilterFlags,
  ChangeEventsFilter,
  QueryFilter,
  QueryFilterFlags,
} from "../accounting/filters.ts";
import { CreateTransferStatus } from "../accounting/create-transfer-status.ts";
import { Operation } from "../accounting/operations.ts";
import { CreateResult } from "../accounting/results.ts";
import { Transfer, TransferFlags as TF } from "../accounting/transfer.ts";
import { EchoStateMachine, Operation as EchoOperation, ThingGroove } from "../echo/index.ts";
import { AccountingWorkload, drawWorkloadOptions } from "../workload/index.ts";

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
    return this.#random.index(limit);
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
      const flags =
        this.#one(0, 0, AF.history, AF.debits_must_not_exceed_credits) | (this.#below(8) === 0 ? AF.linked : 0);
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
      return record(Account, { id: BigInt(accounts || number % 2 === 0 ? number : 1_000_000 - number) }).subarray(
        0,
        16,
      );
    });
    this.ledger.execute(accounts ? Operation.lookup_accounts : Operation.lookup_transfers, concatenate(ids));
  }

  #query(): void {
    const reversed = this.#below(2) === 0;
    const window =
      this.#below(3) === 0 ? this.ledger.now - BigInt(this.#below(Number(this.ledger.now % 100_000n))) : 0n;
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
      this.ledger.execute(
        Operation.get_change_events,
        record(ChangeEventsFilter, { timestampMin, timestampMax, limit }),
      );
      return;
    }
    if (kind < 3) {
      const filter = record(QueryFilter, {
        ...common,
        ledger: this.#one(0, 1),
        flags: reversed ? QueryFilterFlags.reversed : 0,
      });
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
function follow(ledger: RecordingLedger, subject: DiskMachine): void {
  for (const committed of ledger.committed.slice(subject.op)) {
    const reply = subject.commit(committed);
    expect(Buffer.compare(reply, committed.reply), `op ${committed.op}, operation ${committed.operation}`).toBe(0);
  }
}

const stepCount = Number(process.env["STAGBEETLE_LSM_STEPS"] ?? 250);
const TIMEOUT_MS = 60_000;
const seedCount = 2 * Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 1);
const seeds = Array.from({ length: seedCount }, (_, index) => index + 1);

describe("the accounting state machine answers on disk as it does in memory", () => {
  test.each(seeds.flatMap((seed) => [0, 256].map((cacheObjects) => ({ seed, cacheObjects }))))(
    "through crashes, seed $seed, $cacheObjects objects cached",
    ({ seed, cacheObjects }) => {
      const workload = new Workload(new Random(seed));
      const random = new Random(1000 + seed);
      const subject = diskLedger(new Random(2000 + seed), cacheObjects);
      for (let step = 0; step < stepCount; step += 1) {
        workload.step();
        follow(workload.ledger, subject);
        if (!random.chance(1, 40)) continue;
        if (random.boolean()) subject.crash();
        else subject.reset();
        follow(workload.ledger, subject);
      }
      const deepest = subject.forest.trees.trees.map(({ levels }) =>
        levels.findLastIndex((level) => level.tableCount > 0),
      );
      expect(Math.max(...deepest), "tables have sunk").toBeGreaterThanOrEqual(1);
      const results = workload.ledger.committed.filter(({ reply }) => reply.length > 0);
      expect(results.length).toBeGreaterThan(stepCount / 2);
    },
    TIMEOUT_MS,
  );

  test.each(seeds)(
    "to the workload that audits it, seed %d",
    (seed) => {
      const random = new Random(seed);
      const ledger = new RecordingLedger();
      const subject = diskLedger(new Random(2000 + seed), 0);
      const { limits } = ledger.machine;
      const workload = new AccountingWorkload(drawWorkloadOptions(random, limits), limits, random);
      const body = new Uint8Array(TEST_MIN.batchSizeLimit);
      for (let request = 0; request < stepCount; request += 1) {
        ledger.now += random.u64Inclusive(SECOND / 4n);
        for (; ledger.machine.pulseNeeded(ledger.now); workload.onPulse(ledger.now)) ledger.pulse();
        const { operation, sizeBytes } = workload.buildRequest(0, body);
        const due = ledger.machine.pulseNextTimestamp;
        ledger.machine.pulseNextTimestamp = (1n << 63n) - 1n;
        const reply = ledger.executeBody(operation, body.slice(0, sizeBytes));
        if (due < ledger.machine.pulseNextTimestamp) ledger.machine.pulseNextTimestamp = due;
        workload.onReply(0, operation, ledger.now, body.slice(0, sizeBytes), reply);
        follow(ledger, subject);
        if (!random.chance(1, 60)) continue;
        subject.crash();
        follow(ledger, subject);
      }
      expect(workload.done).toBe(true);
    },
    TIMEOUT_MS,
  );
});

test(
  "imports at the timestamps of expiries are refused, however many lie between them, and compaction goes on",
  () => {
    const ledger = new RecordingLedger();
    const subject = diskLedger(new Random(5), 0);
    const ids = (count: number, first: number): bigint[] =>
      Array.from({ length: count }, (_, at) => BigInt(first + at));
    const accounts = ids(2, 1).map((id) => record(Account, { id, ledger: 1, code: 1, flags: AF.history }));
    ledger.execute(Operation.create_accounts, concatenate(accounts));
    const common = { debitAccountId: 1n, creditAccountId: 2n, amount: 1n, ledger: 1, code: 1 };
    for (let batch = 0; batch < 150; batch += 1) {
      const pending = ids(EVENTS_MAX, 1 + batch * EVENTS_MAX).map((id) =>
        record(Transfer, { ...common, id, timeout: 3, flags: TF.pending }),
      );
      ledger.execute(Operation.create_transfers, concatenate(pending));
    }
    const expiries: bigint[] = [];
    ledger.now += 3n * SECOND;
    for (let left = 150 * EVENTS_MAX; left > 0; left -= ledger.machine.limits.expireMax) {
      ledger.pulse();
      const count = Math.min(left, ledger.machine.limits.expireMax);
      for (let back = count - 1; back >= 0; back -= 1) expiries.push(ledger.now - BigInt(back));
    }
    expect(expiries.length).toBeGreaterThan(4200);
    const imported = (timestamp: bigint, index: number): Uint8Array =>
      record(Transfer, { ...common, id: BigInt(1_000_000 + index), flags: TF.imported, timestamp });
    const first = expiries[0] as bigint;
    const last = expiries.at(-1) as bigint;
    const asked = [last, first - 1n, first, first + 1n, first, expiries[1] as bigint, last, last - 1n, last + 1n];
    // Imports must lie in the past.
    ledger.now += 1000n;
    const [reply = new Uint8Array()] = ledger.execute(Operation.create_transfers, concatenate(asked.map(imported)));
    const refused = CreateTransferStatus.imported_event_timestamp_must_not_regress;
    const taken = new Set(expiries);
    let newest = 0n;
    const expected = asked.map((timestamp) => {
      if (taken.has(timestamp) || timestamp <= newest) return refused;
      newest = timestamp;
      return CreateTransferStatus.created;
    });
    expect(recordsOf(CreateResult, reply).map(({ status }) => status)).toEqual(expected);
    expect(new Set(expected).size).toBe(2);
    for (let op = 0; op < 100; op += 1) ledger.execute(Operation.lookup_accounts, new Uint8Array(16).fill(1, 0, 1));
    follow(ledger, subject);
  },
  TIMEOUT_MS,
);

test("the echo state machine never sees an op twice, through crashes", () => {
  const batchSizeLimit = 256;
  const subject = new DiskMachine({
    random: new Random(3),
    grooves: [ThingGroove],
    limitsOf: () => ({ keysPerOp: 1, objectsPerOp: 2, cacheObjects: 0 }),
    create: (forest) => new EchoStateMachine({ forest, batchSizeLimit }),
  });
  const random = new Random(4);
  for (let turn = 0; turn < 12; turn += 1) {
    for (const last = subject.op + 30 + random.index(30); subject.op < last;) {
      const op = subject.op + 1;
      const body = Uint8Array.of(op & 0xff, op >> 8);
      expect(subject.commit({ client: 1n, op, timestamp: BigInt(op), operation: EchoOperation.echo, body })).toEqual(
        body,
      );
    }
    subject.crash();
  }
});
