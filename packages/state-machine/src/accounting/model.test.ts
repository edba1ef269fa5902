import { type Layout, Operation as ProtocolOperation, type RecordClass } from "@stagbeetle/vsr-protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBatches, Ledger } from "../../test/ledger.ts";
import { type AccountModel, type EventModel, expiresAt, Model, type TransferModel } from "../../test/model.ts";
import { concatenate, record, recordsOf } from "../../test/records.ts";
import { U128_MAX } from "../lanes/u128.ts";
import { AccountFlags as AF, Account } from "./account.ts";
import { CreateAccountStatus } from "./create-account-status.ts";
import { CreateTransferStatus } from "./create-transfer-status.ts";
import { AccountFilter, AccountFilterFlags, ChangeEventsFilter, QueryFilter, QueryFilterFlags } from "./filters.ts";
import { Operation } from "./operations.ts";
import { AccountBalance, ChangeEvent, ChangeEventType, CreateResult } from "./results.ts";
import { Transfer, TransferFlags as TF } from "./transfer.ts";

const NOTHING = new Uint8Array(0);
const SECOND = 1_000_000_000n;

/** Mostly one of a few values, so that events meet. */
function often<T>(usual: fc.Arbitrary<T>, ...rare: T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 15, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...rare) });
}

const flagsOf = (bits: readonly (readonly [bit: number, percent: number])[]): fc.Arbitrary<number> =>
  fc
    .tuple(...bits.map(() => fc.nat(99)))
    .map((draws) =>
      bits.reduce((flags, [bit, percent], index) => ((draws[index] ?? 99) < percent ? flags | bit : flags), 0),
    );

const userData = { userData128: fc.bigInt(0n, 2n), userData64: fc.bigInt(0n, 2n), userData32: fc.nat(2) };
const accountId = fc.bigInt(1n, 5n);
const transferId = fc.bigInt(1n, 24n);
const amount = often(fc.bigInt(0n, 20n), U128_MAX, U128_MAX - 5n, 1n << 127n);
/** Imported timestamps: mostly shortly before the batch; given as a distance from it. */
const distance = often(fc.bigInt(1n, 12n), 0n, -1n, -20n, 1n << 70n);

const accountEvent: fc.Arbitrary<AccountModel> = fc.record({
  id: often(accountId, 0n, U128_MAX),
  debitsPending: often(fc.constant(0n), 1n),
  debitsPosted: often(fc.constant(0n), 1n),
  creditsPending: often(fc.constant(0n), 1n),
  creditsPosted: often(fc.constant(0n), 1n),
  ...userData,
  reserved: often(fc.constant(0), 1),
  ledger: often(fc.constant(1), 0, 2),
  code: often(fc.constant(1), 0, 2),
  flags: flagsOf([
    [AF.linked, 15],
    [AF.debits_must_not_exceed_credits, 10],
    [AF.credits_must_not_exceed_debits, 10],
    [AF.history, 30],
    [AF.imported, 10],
    [AF.closed, 2],
    [64, 2],
  ]),
  timestamp: distance,
});

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 6, arbitrary: fc.constant(TF.pending) },
  { weight: 5, arbitrary: fc.constant(TF.post_pending_transfer) },
  { weight: 3, arbitrary: fc.constant(TF.void_pending_transfer) },
  { weight: 1, arbitrary: fc.constant(TF.pending | TF.closing_debit) },
  { weight: 1, arbitrary: fc.constant(TF.pending | TF.closing_credit) },
  { weight: 1, arbitrary: fc.nat(0x3ff) },
);

const transferEvent: fc.Arbitrary<TransferModel> = fc
  .record({
    id: often(transferId, 0n, U128_MAX),
    debitAccountId: often(accountId, 0n, U128_MAX, 9n),
    creditAccountId: often(accountId, 0n, U128_MAX, 9n),
    amount,
    pendingId: often(transferId, 0n, U128_MAX),
    ...userData,
    timeout: fc.nat(3),
    ledger: often(fc.constant(1), 0, 2),
    code: often(fc.constant(1), 0, 2),
    method,
    flags: flagsOf([
      [TF.linked, 15],
      [TF.balancing_debit, 8],
      [TF.balancing_credit, 8],
      [TF.imported, 10],
    ]),
    timestamp: distance,
    tidy: fc.nat(9),
  })
  .map(({ method: bits, tidy, flags, ...event }) => {
    const transfer = { ...event, flags: flags | bits };
    // Most events carry nothing that their kind does not take.
    if (tidy === 0) return transfer;
    const resolves = (bits & (TF.post_pending_transfer | TF.void_pending_transfer)) !== 0;
    if (resolves) {
      const whole = (bits & TF.void_pending_transfer) !== 0 ? 0n : event.amount > 15n ? U128_MAX : event.amount;
      transfer.flags &= ~(TF.balancing_debit | TF.balancing_credit);
      return { ...transfer, timeout: 0, debitAccountId: 0n, creditAccountId: 0n, ledger: 0, code: 0, amount: whole };
    }
    const timeout = (bits & TF.pending) === 0 ? 0 : event.timeout;
    return { ...transfer, timeout, pendingId: 0n };
  });

/** Batches whose events are all imported or all not, except for a few. */
const batchOf = <E extends { flags: number; timestamp: bigint }>(
  event: fc.Arbitrary<E>,
  importedFlag: number,
): fc.Arbitrary<E[]> =>
  fc.tuple(fc.array(event, { maxLength: 8 }), fc.nat(9)).map(([events, kind]) => {
    if (kind === 0) return events;
    const flags = (each: E): number => (kind === 1 ? each.flags | importedFlag : each.flags & ~importedFlag);
    return events.map((each) => ({ ...each, flags: flags(each) }));
  });

/** Distances become timestamps: those before the batch for imported events, usually nothing for others. */
function dated<E extends { flags: number; timestamp: bigint }>(
  batches: readonly E[][],
  importedFlag: number,
  now: bigint,
): E[][] {
  const timestamp = (event: E): bigint => {
    if ((event.flags & importedFlag) === 0) return event.timestamp === 1n << 70n ? 1n : 0n;
    if (event.timestamp === 1n << 70n) return 1n << 63n;
    return now - event.timestamp > 0n ? now - event.timestamp : 0n;
  };
  return batches.map((batch) => batch.map((event) => ({ ...event, timestamp: timestamp(event) })));
}

const filter = fc.record({
  accountId,
  userData128: fc.constantFrom(0n, 0n, 0n, 1n),
  userData64: fc.constantFrom(0n, 0n, 0n, 1n),
  userData32: fc.constantFrom(0, 0, 0, 1),
  ledger: fc.constantFrom(0, 0, 1, 2),
  code: fc.constantFrom(0, 0, 1, 2),
  window: fc.option(fc.tuple(fc.nat(40), fc.nat(40)), { nil: null }),
  limit: often(fc.integer({ min: 1, max: 29 }), 0),
  debits: fc.boolean(),
  credits: fc.boolean(),
  reversed: fc.boolean(),
});
type FilterModel = typeof filter extends fc.Arbitrary<infer T> ? T : never;

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("accounts" as const),
      batches: fc.array(batchOf(accountEvent, AF.imported), { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("transfers" as const),
      batches: fc.array(batchOf(transferEvent, TF.imported), { minLength: 1, maxLength: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("tick" as const), halfSeconds: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("query" as const), filter }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** The machine and the model side by side. */
class Pair {
  readonly ledger = new Ledger();
  readonly model = new Model();
  readonly statuses = new Set<string>();

  constructor() {
    this.ledger.now = 1000n;
  }

  run(each: Command): void {
    switch (each.kind) {
      case "accounts":
        this.createAccounts(dated(each.batches, AF.imported, this.ledger.now));
        break;
      case "transfers":
        this.createTransfers(dated(each.batches, TF.imported, this.ledger.now));
        break;
      case "tick":
        this.ledger.now += (BigInt(each.halfSeconds) * SECOND) / 2n;
        this.pulse();
        break;
      case "query":
        this.query(each.filter);
        break;
    }
  }

  createAccounts(batches: readonly AccountModel[][]): void {
    const bodies = batches.map((batch) => concatenate(batch.map((event) => record(Account, event))));
    const replies = this.#create(Operation.create_accounts, bodies, CreateAccountStatus);
    const expected = this.#expected(batches, (batch, timestamp) => this.model.createAccounts(batch, timestamp));
    expect(replies).toEqual(expected);
  }

  createTransfers(batches: readonly TransferModel[][]): void {
    const bodies = batches.map((batch) => concatenate(batch.map((event) => record(Transfer, event))));
    const replies = this.#create(Operation.create_transfers, bodies, CreateTransferStatus);
    const expected = this.#expected(batches, (batch, timestamp) => this.model.createTransfers(batch, timestamp));
    expect(replies).toEqual(expected);
  }

  /** Every pulse that is needed, of which the model must expect all the effects. */
  pulse(): void {
    const { machine } = this.ledger;
    for (let pulses = 0; machine.pulseNeeded(this.ledger.now); pulses += 1) {
      expect(pulses).toBeLessThan(10);
      this.ledger.executeBody(ProtocolOperation.pulse, NOTHING);
      this.model.pulse(this.ledger.now, 30);
    }
    const next = this.model.expiring[0];
    expect(next === undefined || machine.pulseNextTimestamp <= expiresAt(next), "the hint is not too late").toBe(true);
  }

  query(each: FilterModel): void {
    const { timestampMin, timestampMax } = this.#window(each);
    const match = (object: AccountModel | TransferModel, ledger: boolean): boolean =>
      (each.userData128 === 0n || object.userData128 === each.userData128) &&
      (each.userData64 === 0n || object.userData64 === each.userData64) &&
      (each.userData32 === 0 || object.userData32 === each.userData32) &&
      (each.code === 0 || object.code === each.code) &&
      (!ledger || each.ledger === 0 || object.ledger === each.ledger) &&
      object.timestamp >= timestampMin &&
      (timestampMax === 0n || object.timestamp <= timestampMax);
    const invalid = timestampMax !== 0n && timestampMin > timestampMax;
    const selected = <T>(objects: T[], condition: (object: T) => boolean): T[] => {
      const all = invalid ? [] : objects.filter(condition);
      return (each.reversed ? all.toReversed() : all).slice(0, each.limit);
    };

    const { userData128, userData64, userData32, ledger, code, limit } = each;
    const common = { userData128, userData64, userData32, code, timestampMin, timestampMax, limit };
    const flags = each.reversed ? QueryFilterFlags.reversed : 0;
    const queryFilter = record(QueryFilter, { ...common, ledger, flags });
    expect(this.#objects(Operation.query_accounts, queryFilter, Account)).toEqual(
      selected(this.model.accounts, (account) => match(account, true)),
    );
    expect(this.#objects(Operation.query_transfers, queryFilter, Transfer)).toEqual(
      selected(this.model.transfers, (transfer) => match(transfer, true)),
    );

    const sides =
      (each.debits ? AccountFilterFlags.debits : 0) |
      (each.credits ? AccountFilterFlags.credits : 0) |
      (each.reversed ? AccountFilterFlags.reversed : 0);
    const accountFilter = record(AccountFilter, { ...common, accountId: each.accountId, flags: sides });
    const ofAccount = selected(
      this.model.transfers,
      (transfer) =>
        match(transfer, false) &&
        ((each.debits && transfer.debitAccountId === each.accountId) ||
          (each.credits && transfer.creditAccountId === each.accountId)),
    );
    expect(this.#objects(Operation.get_account_transfers, accountFilter, Transfer)).toEqual(ofAccount);

    const account = this.model.tables.accounts.get(each.accountId);
    const history = account !== undefined && (account.flags & AF.history) !== 0;
    const [balances = NOTHING] = this.ledger.execute(Operation.get_account_balances, accountFilter);
    expect(
      recordsOf(AccountBalance, balances).map(
        ({ timestamp, debitsPending, debitsPosted, creditsPending, creditsPosted }) => ({
          timestamp,
          debitsPending,
          debitsPosted,
          creditsPending,
          creditsPosted,
        }),
      ),
    ).toEqual((history ? ofAccount : []).map(({ timestamp }) => this.#balanceAt(timestamp, each.accountId)));
  }

  /** Everything that the machine can tell is as the model says. */
  compare(): void {
    const every = record(QueryFilter, { limit: 29 });
    const accounts = this.#objects(Operation.query_accounts, every, Account);
    expect(accounts).toEqual(this.model.accounts);
    const ids = this.model.transfers.map(({ id }) => id);
    for (let first = 0; first < ids.length; first += 20) {
      const some = ids.slice(first, first + 20);
      const body = concatenate(some.map((id) => record(Account, { id }).subarray(0, 16)));
      const transfers = this.#objects(Operation.lookup_transfers, body, Transfer);
      expect(transfers).toEqual(some.map((id) => this.model.tables.transfers.get(id)));
    }
    expect(this.#changeEvents()).toEqual(this.model.events.map((event) => this.#describe(event)));
    this.#compareTrees();
    this.#checkInvariants();
  }

  #compareTrees(): void {
    const { forest } = this.ledger;
    const { model } = this;
    const sorted = (entries: [bigint, bigint][]): [bigint, bigint][] =>
      entries.toSorted((a, b) => Number(a[0] - b[0]) || Number(a[1] - b[1]));
    const expiring = model.expiring.map((transfer): [bigint, bigint] => [expiresAt(transfer), transfer.timestamp]);
    expect(forest.entriesOf(19)).toEqual(sorted(expiring));
    const states = { pending: 1n, posted: 2n, voided: 3n, expired: 4n };
    const pending = [...model.tables.pending].map(([at, state]): [bigint, bigint] => [states[state], at]);
    expect(forest.entriesOf(21)).toEqual(sorted(pending));
    const closed = model.accounts.filter(({ flags }) => (flags & AF.closed) !== 0);
    expect(forest.entriesOf(25)).toEqual(closed.map(({ timestamp }) => [0n, timestamp]));
    const resolutions = model.transfers.filter(({ pendingId }) => pendingId !== 0n);
    expect(forest.entriesOf(12)).toEqual(
      sorted(resolutions.map(({ pendingId, timestamp }): [bigint, bigint] => [pendingId, timestamp])),
    );
    const histories = model.events.flatMap(({ timestamp, dr, cr }) =>
      [dr, cr]
        .filter(({ flags }) => (flags & AF.history) !== 0)
        .map((account): [bigint, bigint] => [account.timestamp, timestamp]),
    );
    expect(forest.entriesOf(27)).toEqual(sorted(histories));
  }

  /** Spec 02 §22. */
  #checkInvariants(): void {
    const sum = (of: (account: AccountModel) => bigint): bigint =>
      this.model.accounts.reduce((total, account) => total + of(account), 0n);
    expect(sum(({ debitsPending }) => debitsPending)).toBe(sum(({ creditsPending }) => creditsPending));
    expect(sum(({ debitsPosted }) => debitsPosted)).toBe(sum(({ creditsPosted }) => creditsPosted));
    for (const account of this.model.accounts) {
      const debits = account.debitsPending + account.debitsPosted;
      const credits = account.creditsPending + account.creditsPosted;
      expect(debits <= U128_MAX && credits <= U128_MAX).toBe(true);
      if ((account.flags & AF.debits_must_not_exceed_credits) !== 0) expect(debits <= account.creditsPosted).toBe(true);
      if ((account.flags & AF.credits_must_not_exceed_debits) !== 0) expect(credits <= account.debitsPosted).toBe(true);
    }
    const timestamps = [...this.model.accounts, ...this.model.transfers].map(({ timestamp }) => timestamp);
    expect(new Set(timestamps).size).toBe(timestamps.length);
  }

  #create(
    operation: Operation,
    bodies: Uint8Array[],
    statuses: Readonly<Record<string, number>>,
  ): [bigint, string][][] {
    const { machine } = this.ledger;
    const body = encodeBatches(operation, bodies);
    expect(machine.inputValid(operation, body)).toBe(true);
    // Without the pulse that the ledger would add.
    const due = machine.pulseNextTimestamp;
    machine.pulseNextTimestamp = (1n << 63n) - 1n;
    const replies = this.ledger.execute(operation, ...bodies);
    if (due < machine.pulseNextTimestamp) machine.pulseNextTimestamp = due;
    const nameOf = (status: number): string => Object.keys(statuses).find((name) => statuses[name] === status) ?? "?";
    const results = replies.map((reply) =>
      recordsOf(CreateResult, reply).map(({ timestamp, status }): [bigint, string] => [timestamp, nameOf(status)]),
    );
    for (const [, status] of results.flat()) this.statuses.add(status);
    return results;
  }

  #expected<E, R>(batches: readonly E[][], create: (batch: E[], timestamp: bigint) => R): R[] {
    let timestamp = this.ledger.now - BigInt(batches.flat().length);
    return batches.map((batch) => {
      timestamp += BigInt(batch.length);
      return create(batch, timestamp);
    });
  }

  #window({ window }: FilterModel): { timestampMin: bigint; timestampMax: bigint } {
    if (window === null) return { timestampMin: 0n, timestampMax: 0n };
    const timestamps = this.model.transfers.map(({ timestamp }) => timestamp);
    return { timestampMin: timestamps[window[0]] ?? 0n, timestampMax: timestamps[window[1]] ?? 0n };
  }

  #objects<L extends Layout>(operation: Operation, body: Uint8Array, type: RecordClass<L>): object[] {
    const [reply = NOTHING] = this.ledger.execute(operation, body);
    const names = Object.keys(type.layout);
    return recordsOf(type, reply).map((object) =>
      Object.fromEntries<unknown>(names.map((name) => [name, Reflect.get(object, name)])),
    );
  }

  #balanceAt(timestamp: bigint, id: bigint): object {
    const event = this.model.tables.events.get(timestamp);
    const account = event?.dr.id === id ? event.dr : event?.cr;
    expect(account?.id).toBe(id);
    const { debitsPending, debitsPosted, creditsPending, creditsPosted } = account as AccountModel;
    return { timestamp, debitsPending, debitsPosted, creditsPending, creditsPosted };
  }

  #describe({ timestamp, dr, cr, transferId: id, amount: moved, type }: EventModel): object {
    const types = {
      none: "single_phase",
      pending: "two_phase_pending",
      posted: "two_phase_posted",
      voided: "two_phase_voided",
      expired: "two_phase_expired",
    };
    return { timestamp, type: types[type], id, moved, dr: side(dr), cr: side(cr) };
  }

  #changeEvents(): object[] {
    const events: object[] = [];
    for (let timestampMin = 1n; ;) {
      const body = record(ChangeEventsFilter, { timestampMin, limit: 100 });
      const [reply = NOTHING] = this.ledger.execute(Operation.get_change_events, body);
      const page = recordsOf(ChangeEvent, reply);
      for (const event of page) {
        const type = Object.entries(ChangeEventType).find(([, value]) => value === event.type)?.[0];
        events.push({
          timestamp: event.timestamp,
          type,
          id: event.transferId,
          moved: event.transferAmount,
          dr: [
            event.debitAccountId,
            event.debitAccountDebitsPending,
            event.debitAccountDebitsPosted,
            event.debitAccountCreditsPending,
            event.debitAccountCreditsPosted,
            event.debitAccountFlags,
            event.debitAccountTimestamp,
          ],
          cr: [
            event.creditAccountId,
            event.creditAccountDebitsPending,
            event.creditAccountDebitsPosted,
            event.creditAccountCreditsPending,
            event.creditAccountCreditsPosted,
            event.creditAccountFlags,
            event.creditAccountTimestamp,
          ],
        });
        timestampMin = event.timestamp + 1n;
      }
      if (page.length === 0) return events;
    }
  }
}

function side(account: AccountModel): (bigint | number)[] {
  const { id, debitsPending, debitsPosted, creditsPending, creditsPosted, flags, timestamp } = account;
  return [id, debitsPending, debitsPosted, creditsPending, creditsPosted, flags, timestamp];
}

const plainAccount = (id: bigint, flags: number): AccountModel => ({
  id,
  debitsPending: 0n,
  debitsPosted: 0n,
  creditsPending: 0n,
  creditsPosted: 0n,
  userData128: 0n,
  userData64: 0n,
  userData32: 0,
  reserved: 0,
  ledger: 1,
  code: 1,
  flags,
  timestamp: 0n,
});

describe("the machine does what the plainest reading of the rules does", () => {
  test("with random batches, pulses and queries", () => {
    const reached = new Set<string>();
    const runs = Number(process.env["STAGBEETLE_PROPERTY_RUNS"] ?? 150);
    fc.assert(
      fc.property(fc.array(command, { minLength: 5, maxLength: 40 }), (commands) => {
        const pair = new Pair();
        pair.createAccounts([[plainAccount(1n, AF.history), plainAccount(2n, 0), plainAccount(3n, 0)]]);
        for (const each of commands) pair.run(each);
        pair.compare();
        for (const status of pair.statuses) reached.add(status);
      }),
      { numRuns: runs },
    );
    // Otherwise the property would say little.
    expect(reached.size).toBeGreaterThan(50);
  }, 60_000);
});
