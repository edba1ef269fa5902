/**
 * Scenarios as text (spec 02 §24.2): what is sent, and what is expected.
 *
 * ```text
 * CA / CT                 create accounts / transfers; one event a line, its status after "="
 * CA all ok: A1 · A2      the same for events that all succeed
 * LA / LT                 look up accounts (balances) / transfers (existence, amount, timestamp)
 * GAT / GAB / QA / QT / GCE   queries; results after "=>" or on the next lines
 * SET A1 0/0/0/10         overwrites balances
 * TICK 1 seconds          lets time pass
 * ```
 */
import { expect } from "vitest";
import {
  Account,
  AccountBalance,
  AccountFilter,
  AccountFilterFlags,
  AccountFlags,
  AccountingOperation,
  ChangeEvent,
  ChangeEventsFilter,
  ChangeEventType,
  CreateAccountStatus,
  CreateResult,
  CreateResultSparse,
  CreateTransferStatus,
  QueryFilter,
  QueryFilterFlags,
  Transfer,
  TransferFlags,
} from "../src/index.ts";
import { type Balances, Ledger } from "./ledger.ts";
import { concatenate, type Fields, record, recordsOf } from "./records.ts";

/** Which generation of operations a scenario runs with. */
export type Variant = "current" | "sparse" | "unbatched";

const OPERATIONS = {
  current: {
    CA: AccountingOperation.create_accounts,
    CT: AccountingOperation.create_transfers,
    LA: AccountingOperation.lookup_accounts,
    LT: AccountingOperation.lookup_transfers,
    GAT: AccountingOperation.get_account_transfers,
    GAB: AccountingOperation.get_account_balances,
    QA: AccountingOperation.query_accounts,
    QT: AccountingOperation.query_transfers,
  },
  sparse: {
    CA: AccountingOperation.deprecated_create_accounts_sparse,
    CT: AccountingOperation.deprecated_create_transfers_sparse,
    LA: AccountingOperation.lookup_accounts,
    LT: AccountingOperation.lookup_transfers,
    GAT: AccountingOperation.get_account_transfers,
    GAB: AccountingOperation.get_account_balances,
    QA: AccountingOperation.query_accounts,
    QT: AccountingOperation.query_transfers,
  },
  unbatched: {
    CA: AccountingOperation.deprecated_create_accounts_unbatched,
    CT: AccountingOperation.deprecated_create_transfers_unbatched,
    LA: AccountingOperation.deprecated_lookup_accounts_unbatched,
    LT: AccountingOperation.deprecated_lookup_transfers_unbatched,
    GAT: AccountingOperation.deprecated_get_account_transfers_unbatched,
    GAB: AccountingOperation.deprecated_get_account_balances_unbatched,
    QA: AccountingOperation.deprecated_query_accounts_unbatched,
    QT: AccountingOperation.deprecated_query_transfers_unbatched,
  },
} as const;

const ACCOUNT_FLAGS: Readonly<Record<string, number>> = {
  lnk: AccountFlags.linked,
  "d<c": AccountFlags.debits_must_not_exceed_credits,
  "c<d": AccountFlags.credits_must_not_exceed_debits,
  hist: AccountFlags.history,
  imp: AccountFlags.imported,
  clsd: AccountFlags.closed,
  pad1: 1 << 6,
};

const TRANSFER_FLAGS: Readonly<Record<string, number>> = {
  lnk: TransferFlags.linked,
  pen: TransferFlags.pending,
  pos: TransferFlags.post_pending_transfer,
  voi: TransferFlags.void_pending_transfer,
  bdr: TransferFlags.balancing_debit,
  bcr: TransferFlags.balancing_credit,
  cdr: TransferFlags.closing_debit,
  ccr: TransferFlags.closing_credit,
  imp: TransferFlags.imported,
  pad1: 1 << 9,
};

const NANOSECONDS: Readonly<Record<string, bigint>> = { seconds: 1_000_000_000n, nanoseconds: 1n };

const CREATED = CreateTransferStatus.created;

/** A number of `bits` bits: decimal, `max` or `max-n`. */
function number(text: string, bits: bigint): bigint {
  const max = (1n << bits) - 1n;
  if (!text.startsWith("max")) return BigInt(text);
  return text === "max" ? max : max - BigInt(text.slice("max-".length));
}

/** An id: `A7`, `T7` or `max`. */
function idOf(text: string): bigint {
  return number(text.replace(/^[AT]/, ""), 128n);
}

function balancesOf(text: string): Balances {
  const parts = text.split("/");
  if (parts.length !== 4) throw new Error(`not four balances: ${text}`);
  const balance = (index: number): bigint => number(parts[index] ?? "", 128n);
  return [balance(0), balance(1), balance(2), balance(3)];
}

interface Expected {
  readonly index: number;
  readonly event: Account | Transfer;
  readonly status: string;
}

type Lookup = (name: string) => bigint;

/** Runs one scenario on a fresh ledger. */
export class Scenario {
  readonly #ledger = new Ledger();
  readonly #variant: Variant;
  /** The timestamps of objects by their names: `A1`, `T1`. */
  readonly #timestamps = new Map<string, bigint>();

  constructor(variant: Variant) {
    this.#variant = variant;
  }

  run(text: string): void {
    const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
    while (lines.length > 0) {
      const command = lines.shift() as string;
      const block: string[] = [];
      while (lines[0]?.startsWith("  ") === true) block.push((lines.shift() as string).trim());
      this.#execute(command, block);
    }
  }

  #execute(command: string, block: readonly string[]): void {
    const [verb = "", ...words] = command.split(" ");
    const items = command.slice(verb.length + 1).split(" · ");
    switch (verb) {
      case "CA":
      case "CT":
        this.#create(verb, words[0] === "all" ? allOk(verb, command) : block);
        break;
      case "SET":
        for (const item of items) this.#set(item);
        break;
      case "TICK":
        this.#ledger.tick(BigInt(words[0] as string) * (NANOSECONDS[words[1] as string] as bigint));
        break;
      case "LA":
        this.#lookupAccounts(items);
        break;
      case "LT":
        this.#lookupTransfers(items);
        break;
      case "GAT":
      case "GAB":
      case "QA":
      case "QT":
        this.#query(verb, command);
        break;
      case "GCE":
        this.#changeEvents(command, block);
        break;
      default:
        throw new Error(`unknown command: ${command}`);
    }
  }

  #set(item: string): void {
    const [account = "", balances = ""] = item.split(" ");
    this.#ledger.setBalances(idOf(account), balancesOf(balances));
  }

  #create(verb: "CA" | "CT", lines: readonly string[]): void {
    const expected = lines.map((line, index): Expected => {
      const [text = "", status = ""] = line.split(" = ");
      const words = text.split(" ").slice(1);
      return { index, event: verb === "CA" ? accountOf(words) : transferOf(words), status };
    });
    const body = concatenate(expected.map(({ event }) => event.buffer));
    const before = this.#ledger.now;
    const [reply = new Uint8Array()] = this.#ledger.execute(OPERATIONS[this.#variant][verb], body);
    const statuses: Readonly<Record<string, number>> = verb === "CA" ? CreateAccountStatus : CreateTransferStatus;
    const statusOf = (status: string): number => (status === "ok" ? CREATED : (statuses[status] as number));
    const nameOf = (status: number): string | undefined =>
      Object.keys(statuses).find((name) => statuses[name] === status);
    for (const { event, index, status } of expected) {
      if (statusOf(status) === undefined) throw new Error(`unknown status: ${status}`);
      const timestamp = event.timestamp === 0n ? before + 2n + BigInt(index) : event.timestamp;
      if (status === "ok") this.#timestamps.set(`${verb === "CA" ? "A" : "T"}${event.id}`, timestamp);
    }
    if (this.#variant !== "current") {
      const failures = expected.filter(({ status }) => status !== "ok");
      const results = recordsOf(CreateResultSparse, reply).map((result) => [result.index, nameOf(result.status)]);
      expect(results, lines.join("\n")).toEqual(failures.map(({ index, status }) => [index, status]));
      return;
    }
    const results = recordsOf(CreateResult, reply);
    expect(
      results.map(({ status }) => nameOf(status)),
      lines.join("\n"),
    ).toEqual(expected.map(({ status }) => (status === "ok" ? "created" : status)));
    for (const [index, result] of results.entries()) {
      expect(result.reserved).toBe(0);
      this.#expectTimestamp(verb, expected[index] as Expected, result.timestamp, before);
    }
  }

  /** Spec 02 §10.4. */
  #expectTimestamp(verb: "CA" | "CT", { event, index, status }: Expected, timestamp: bigint, before: bigint): void {
    const own = before + 2n + BigInt(index);
    const object = this.#timestamps.get(`${verb === "CA" ? "A" : "T"}${event.id}`);
    if (status === "ok") expect(timestamp).toBe(object);
    // An object of the same chain may have been taken back by this very status; its scenario has its own test.
    else if (status === "exists") expect(timestamp).toBeLessThanOrEqual(own);
    else if (status === "linked_event_failed" && event.timestamp !== 0n)
      expect([own, event.timestamp]).toContain(timestamp);
    else expect(timestamp).toBe(own);
  }

  #lookupAccounts(items: readonly string[]): void {
    const ids = items.map((item) => idOf(item.split(" ")[0] as string));
    const [reply = new Uint8Array()] = this.#ledger.execute(OPERATIONS[this.#variant].LA, idsOf(ids));
    const found = new Map(recordsOf(Account, reply).map((account) => [account.id, account]));
    const actual = items.map((item) => {
      const [name = ""] = item.split(" ");
      const account = found.get(idOf(name));
      return `${name} ${account === undefined ? "none" : describeAccount(account)}`;
    });
    expect(actual).toEqual(items.map(normalBalances));
  }

  #lookupTransfers(items: readonly string[]): void {
    const ids = items.map((item) => idOf(item.split(" ")[0] as string));
    const [reply = new Uint8Array()] = this.#ledger.execute(OPERATIONS[this.#variant].LT, idsOf(ids));
    const found = new Map(recordsOf(Transfer, reply).map((transfer) => [transfer.id, transfer]));
    for (const item of items) {
      const [name = "", what = ""] = item.split(" ");
      const transfer = found.get(idOf(name));
      if (what === "none") expect(transfer, item).toBeUndefined();
      else expect(transfer, item).toBeDefined();
      if (what.startsWith("amount=")) expect(transfer?.amount, item).toBe(number(what.slice(7), 128n));
      if (what.startsWith("ts=")) expect(transfer?.timestamp, item).toBe(BigInt(what.slice(3)));
    }
  }

  #query(verb: "GAT" | "GAB" | "QA" | "QT", command: string): void {
    const [conditions = "", results = ""] = command.slice(verb.length + 1).split(" => ");
    const timestampOf: Lookup = (name) => this.#timestamp(name);
    const body =
      verb === "GAT" || verb === "GAB"
        ? accountFilterOf(conditions.split(" "), timestampOf)
        : queryFilterOf(conditions.split(" "), timestampOf);
    const [reply = new Uint8Array()] = this.#ledger.execute(OPERATIONS[this.#variant][verb], body);
    const expected = results === "nothing" ? [] : results.split(" · ").map(normalBalances);
    expect(this.#describeResults(verb, reply), command).toEqual(expected);
  }

  #describeResults(verb: "GAT" | "GAB" | "QA" | "QT", reply: Uint8Array): string[] {
    switch (verb) {
      case "GAT":
      case "QT":
        return recordsOf(Transfer, reply).map(({ id }) => `T${id}`);
      case "QA":
        return recordsOf(Account, reply).map(({ id }) => `A${id}`);
      case "GAB":
        return recordsOf(AccountBalance, reply).map((balance) => {
          expect(balance.reserved.every((byte) => byte === 0)).toBe(true);
          const { debitsPending, debitsPosted, creditsPending, creditsPosted } = balance;
          const name = this.#nameAt(balance.timestamp);
          return `${name} ${debitsPending}/${debitsPosted}/${creditsPending}/${creditsPosted}`;
        });
    }
  }

  #changeEvents(command: string, block: readonly string[]): void {
    const fields: Fields<typeof ChangeEventsFilter.layout> = {};
    for (const word of command.split(" ").slice(1)) {
      const [key, value = ""] = word.split("=");
      if (key === "min") fields.timestampMin = this.#timestamp(value);
      else if (key === "max") fields.timestampMax = this.#timestamp(value);
      else if (key === "lim") fields.limit = Number(number(value, 32n));
      else throw new Error(`unknown condition: ${word}`);
    }
    const [reply = new Uint8Array()] = this.#ledger.execute(
      AccountingOperation.get_change_events,
      record(ChangeEventsFilter, fields),
    );
    expect(recordsOf(ChangeEvent, reply).map((event) => this.#describeEvent(event))).toEqual(block);
  }

  #describeEvent(event: ChangeEvent): string {
    const type = (Object.keys(ChangeEventType) as (keyof typeof ChangeEventType)[]).find(
      (name) => ChangeEventType[name] === event.type,
    );
    const words = [(type ?? "unknown").replace("two_phase_", "").replace("_phase", "")];
    const expired = event.type === ChangeEventType.two_phase_expired;
    if (!expired) {
      words.push("at", `T${event.transferId}`);
      expect(event.timestamp).toBe(this.#timestamp(`T${event.transferId}`));
      expect(event.transferTimestamp).toBe(event.timestamp);
    }
    words.push(`amount=${event.transferAmount}`);
    if (expired) words.push(`pending=T${event.transferId}`);
    else if (event.transferPendingId !== 0n) words.push(`pending=T${event.transferPendingId}`);
    words.push("dr", `A${event.debitAccountId}`);
    words.push(
      `${event.debitAccountDebitsPending}/${event.debitAccountDebitsPosted}/` +
        `${event.debitAccountCreditsPending}/${event.debitAccountCreditsPosted}`,
    );
    if ((event.debitAccountFlags & AccountFlags.closed) !== 0) words.push("closed");
    words.push("cr", `A${event.creditAccountId}`);
    words.push(
      `${event.creditAccountDebitsPending}/${event.creditAccountDebitsPosted}/` +
        `${event.creditAccountCreditsPending}/${event.creditAccountCreditsPosted}`,
    );
    if ((event.creditAccountFlags & AccountFlags.closed) !== 0) words.push("closed");
    return words.join(" ");
  }

  #timestamp(name: string): bigint {
    const timestamp = this.#timestamps.get(name);
    if (timestamp === undefined) throw new Error(`the timestamp of ${name} is not known`);
    return timestamp;
  }

  #nameAt(timestamp: bigint): string {
    const entry = [...this.#timestamps].find(([name, at]) => name.startsWith("T") && at === timestamp);
    return entry?.[0] ?? `nothing at ${timestamp}`;
  }
}

/** The lines of events that all succeed. */
function allOk(verb: "CA" | "CT", command: string): string[] {
  const items = command.slice(`${verb} all ok: `.length).split(" · ");
  return items.map((item) => `${verb === "CA" ? "a" : "t"} ${item} = ok`);
}

function idsOf(ids: readonly bigint[]): Uint8Array {
  return concatenate(ids.map((id) => record(Account, { id }).subarray(0, 16)));
}

function describeAccount(account: Account): string {
  const { debitsPending, debitsPosted, creditsPending, creditsPosted, flags } = account;
  const closed = (flags & AccountFlags.closed) !== 0 ? " closed" : "";
  return `${debitsPending}/${debitsPosted}/${creditsPending}/${creditsPosted}${closed}`;
}

/** The same text with `max` in balances written out. */
function normalBalances(text: string): string {
  return text
    .split(" ")
    .map((word) =>
      word.includes("/")
        ? word
            .split("/")
            .map((part) => number(part, 128n))
            .join("/")
        : word,
    )
    .join(" ");
}

function userDataOf(text: string): { userData128: bigint; userData64: bigint; userData32: number } {
  const [a = "", b = "", c = ""] = text.split("/");
  return { userData128: BigInt(a), userData64: BigInt(b), userData32: Number(c) };
}

function accountOf([id = "", ...words]: readonly string[]): Account {
  const account = new Account(record(Account, { id: idOf(id), ledger: 1, code: 1 }));
  for (const word of words) {
    const [key, value = ""] = word.split("=");
    if (word.startsWith("L")) account.ledger = Number(word.slice(1));
    else if (word.startsWith("C")) account.code = Number(word.slice(1));
    else if (word.startsWith("+")) account.flags |= flagOf(ACCOUNT_FLAGS, word);
    else if (word.startsWith("@")) account.timestamp = number(word.slice(1), 64n);
    else if (key === "u") Object.assign(account, userDataOf(value));
    else if (key === "res") account.reserved = Number(value);
    else if (key === "b") {
      [account.debitsPending, account.debitsPosted, account.creditsPending, account.creditsPosted] = balancesOf(value);
    } else throw new Error(`unknown word: ${word}`);
  }
  return account;
}

function transferOf([id = "", accounts = "", amount = "", ...words]: readonly string[]): Transfer {
  const [debit = "", credit = ""] = accounts.split(">");
  const transfer = new Transfer(
    record(Transfer, {
      id: idOf(id),
      debitAccountId: idOf(debit),
      creditAccountId: idOf(credit),
      amount: number(amount, 128n),
      ledger: 1,
      code: 1,
    }),
  );
  for (const word of words) {
    const [key, value = ""] = word.split("=");
    if (word.startsWith("L")) transfer.ledger = Number(word.slice(1));
    else if (word.startsWith("C")) transfer.code = Number(word.slice(1));
    else if (word.startsWith("+")) transfer.flags |= flagOf(TRANSFER_FLAGS, word);
    else if (word.startsWith("@")) transfer.timestamp = number(word.slice(1), 64n);
    else if (key === "u") Object.assign(transfer, userDataOf(value));
    else if (key === "p") transfer.pendingId = idOf(value);
    else if (key === "to") transfer.timeout = Number(value);
    else throw new Error(`unknown word: ${word}`);
  }
  return transfer;
}

function flagOf(flags: Readonly<Record<string, number>>, word: string): number {
  const flag = flags[word.slice(1)];
  if (flag === undefined) throw new Error(`unknown flag: ${word}`);
  return flag;
}

/** What can be asked of accounts and transfers alike. */
interface Conditions {
  userData128?: bigint;
  userData64?: bigint;
  userData32?: number;
  code?: number;
  timestampMin?: bigint;
  timestampMax?: bigint;
  limit?: number;
}

/** Adds the condition that a word stands for. False if it is none of these. */
function addCondition(conditions: Conditions, word: string, timestampOf: Lookup): boolean {
  const [key, value = ""] = word.split("=");
  if (key === "u128") conditions.userData128 = BigInt(value);
  else if (key === "u64") conditions.userData64 = BigInt(value);
  else if (key === "u32") conditions.userData32 = Number(value);
  else if (key === "code") conditions.code = Number(value);
  else if (key === "min") conditions.timestampMin = timestampOf(value);
  else if (key === "max") conditions.timestampMax = timestampOf(value);
  else if (key === "lim") conditions.limit = Number(number(value, 32n));
  else return false;
  return true;
}

function accountFilterOf([account = "", ...words]: readonly string[], timestampOf: Lookup): Uint8Array {
  const fields: Fields<typeof AccountFilter.layout> = { accountId: idOf(account) };
  let flags = 0;
  for (const word of words) {
    if (addCondition(fields, word, timestampOf)) continue;
    if (word === "dr") flags |= AccountFilterFlags.debits;
    else if (word === "cr") flags |= AccountFilterFlags.credits;
    else if (word === "rev") flags |= AccountFilterFlags.reversed;
    else throw new Error(`unknown condition: ${word}`);
  }
  return record(AccountFilter, { ...fields, flags });
}

function queryFilterOf(words: readonly string[], timestampOf: Lookup): Uint8Array {
  const fields: Fields<typeof QueryFilter.layout> = {};
  for (const word of words) {
    if (addCondition(fields, word, timestampOf)) continue;
    if (word.startsWith("ledger=")) fields.ledger = Number(word.slice("ledger=".length));
    else if (word === "rev") fields.flags = QueryFilterFlags.reversed;
    else throw new Error(`unknown condition: ${word}`);
  }
  return record(QueryFilter, fields);
}
