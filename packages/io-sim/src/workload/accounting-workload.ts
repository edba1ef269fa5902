/**
 * Requests to the ledger that reach most of its rules, and all of which {@link AccountingModel} can judge (spec 07 §15).
 *
 * @module
 */
import {
  Account,
  ACCOUNT_SIZE_BYTES,
  AccountFilter,
  AccountFilterFlags,
  AccountFlags,
  AccountingOperation,
  QueryFilter,
  QueryFilterFlags,
  Transfer,
  TRANSFER_SIZE_BYTES,
  TransferFlags,
} from "@stagbeetle/state-machine";
import { type Config, MultiBatchEncoder, multiBatchTrailerSizeBytes, type Random } from "@stagbeetle/vsr-protocol";

import type { AccountingModel, ModelTransfer } from "../checkers/accounting-model.ts";
import type { Workload, WorkloadRequest } from "./workload.ts";

const ID_SIZE_BYTES = 16;
const FILTER_SIZE_BYTES = 128;
const QUERY_FILTER_SIZE_BYTES = 64;
const ACCOUNT_FLAGS: readonly number[] = [
  0,
  AccountFlags.history,
  AccountFlags.debits_must_not_exceed_credits,
  AccountFlags.credits_must_not_exceed_debits,
];
const CODES_MAX = 3;
const AMOUNT_MAX = 255;
const PENDING_ATTEMPTS = 4;

/** How often each kind of request is made, in proportion. Drawn for each run, so that each run is different. */
interface Weights {
  readonly createAccounts: number;
  readonly createTransfers: number;
  readonly lookupAccounts: number;
  readonly lookupTransfers: number;
  readonly accountTransfers: number;
  readonly queryAccounts: number;
  readonly queryTransfers: number;
}

/** Percentages, drawn for each run. */
interface Shares {
  readonly invalid: number;
  readonly pending: number;
  readonly resolution: number;
  readonly retry: number;
  readonly linked: number;
  readonly timeout: number;
}

/** The fields of an account or a transfer that are not 0. */
type Event = Partial<Omit<ModelTransfer, "timestamp">> & Pick<ModelTransfer, "id" | "flags">;

/** What the workload is made of. */
export interface AccountingWorkloadOptions {
  readonly config: Config;
  readonly random: Random;
  /** What has been executed so far: to ask for what exists, and for what does not. */
  readonly model: AccountingModel;
  /** How many accounts or transfers a request has at most. Default: drawn, up to what fits. */
  readonly eventsMax?: number;
  /** Whether pending transfers may expire; false where the model is not told of pulses. Default: true. */
  readonly timeouts?: boolean;
}

/** Makes requests of all kinds at random. */
export class AccountingWorkload implements Workload {
  readonly #random: Random;
  readonly #model: AccountingModel;
  readonly #weights: Weights;
  readonly #shares: Shares;
  readonly #accountsMax: number;
  readonly #eventsMax: number;
  readonly #encoder = new MultiBatchEncoder();
  /** The id of the next transfer. */
  #transferId = 1n;

  constructor({ config, random, model, eventsMax, timeouts = true }: AccountingWorkloadOptions) {
    this.#random = random;
    this.#model = model;
    const draw = (max: number): number => random.rangeInclusive(32, 1, max);
    this.#weights = {
      createAccounts: draw(10),
      createTransfers: draw(100),
      lookupAccounts: draw(20),
      lookupTransfers: draw(20),
      accountTransfers: draw(20),
      queryAccounts: draw(10),
      queryTransfers: draw(20),
    };
    const [invalid, pending, resolution, retry] = [draw(10), draw(60), draw(40), draw(20)];
    this.#shares = { invalid, pending, resolution, retry, linked: draw(30), timeout: timeouts ? draw(60) : 0 };
    this.#accountsMax = random.rangeInclusive(32, 2, 16);
    const fitting = Math.floor(config.derived.messageBodySizeMax / TRANSFER_SIZE_BYTES);
    this.#eventsMax = eventsMax ?? random.rangeInclusive(32, 1, fitting);
  }

  next(bodySizeMax: number): WorkloadRequest {
    if (this.#model.accounts.size < 2) return this.#createAccounts(bodySizeMax);
    const weights = this.#weights;
    const creates = [weights.createAccounts, weights.createTransfers];
    const lookups = [weights.lookupAccounts, weights.lookupTransfers];
    const queries = [weights.accountTransfers, weights.queryAccounts, weights.queryTransfers];
    const kind = this.#random.weighted([creates, lookups, queries].flat());
    switch (kind) {
      case 0:
        return this.#createAccounts(bodySizeMax);
      case 1:
        return this.#createTransfers(bodySizeMax);
      case 2:
        return this.#lookup(AccountingOperation.lookup_accounts, BigInt(this.#accountsMax), bodySizeMax);
      case 3:
        return this.#lookup(AccountingOperation.lookup_transfers, this.#transferId, bodySizeMax);
      case 4:
        return this.#accountTransfers();
      case 5:
        return this.#query(AccountingOperation.query_accounts);
      default:
        return this.#query(AccountingOperation.query_transfers);
    }
  }

  readBack(bodySizeMax: number): WorkloadRequest {
    if (this.#random.boolean()) return this.#query(AccountingOperation.query_transfers);
    const ids = [...this.#model.accounts.keys()].slice(0, eventMax(ID_SIZE_BYTES, ACCOUNT_SIZE_BYTES, bodySizeMax));
    return this.#request(AccountingOperation.lookup_accounts, ID_SIZE_BYTES, [ids.map(encodeId)]);
  }

  #createAccounts(bodySizeMax: number): WorkloadRequest {
    const count = this.#count(eventMax(ACCOUNT_SIZE_BYTES, ID_SIZE_BYTES, bodySizeMax));
    const events = Array.from({ length: count }, (): Event => {
      const id = 1 + this.#random.index(this.#accountsMax);
      // What an account is like follows from its id, so that most repetitions are equal.
      const flags = ACCOUNT_FLAGS[id % ACCOUNT_FLAGS.length] ?? 0;
      const ledger = this.#percent(this.#shares.invalid) ? 0 : 1;
      return { id: BigInt(id), flags, ledger, code: 1 + (id % CODES_MAX), userData64: BigInt(id) };
    });
    const encode = (event: Event): Uint8Array => encodeRecord(new Account(new Uint8Array(ACCOUNT_SIZE_BYTES)), event);
    return this.#creation(AccountingOperation.create_accounts, events, encode, bodySizeMax);
  }

  #createTransfers(bodySizeMax: number): WorkloadRequest {
    const count = this.#count(eventMax(TRANSFER_SIZE_BYTES, ID_SIZE_BYTES, bodySizeMax));
    const events = Array.from({ length: count }, () => this.#transfer());
    const encode = (event: Event): Uint8Array => encodeRecord(new Transfer(new Uint8Array(TRANSFER_SIZE_BYTES)), event);
    return this.#creation(AccountingOperation.create_transfers, events, encode, bodySizeMax);
  }

  #transfer(): Event {
    const known = this.#anyTransfer();
    if (known !== null && this.#percent(this.#shares.retry)) return known;
    const id = this.#transferId;
    this.#transferId += 1n;
    const pending = this.#anyPending();
    if (pending !== null && this.#percent(this.#shares.resolution)) return this.#resolution(id, pending);
    const [debitAccountId, creditAccountId] = [this.#anyAccount(), this.#anyAccount()];
    const code = 1 + this.#random.index(CODES_MAX);
    const amount = BigInt(1 + this.#random.index(AMOUNT_MAX));
    const ledger = this.#percent(this.#shares.invalid) ? 0 : 1;
    const event = { id, flags: 0, debitAccountId, creditAccountId, amount, ledger, code, userData64: id };
    if (!this.#percent(this.#shares.pending)) return event;
    const timeout = this.#percent(this.#shares.timeout) ? 1 + this.#random.index(3) : 0;
    return { ...event, flags: TransferFlags.pending, timeout };
  }

  #resolution(id: bigint, pending: ModelTransfer): Event {
    const posts = this.#random.boolean();
    const part = BigInt(1 + this.#random.index(Number(pending.amount)));
    return {
      id,
      flags: posts ? TransferFlags.post_pending_transfer : TransferFlags.void_pending_transfer,
      pendingId: pending.id,
      amount: posts ? part : pending.amount,
    };
  }

  /** Splits the events into batches, and links some to the next one. */
  #creation(
    operation: number,
    events: readonly Event[],
    encode: (event: Event) => Uint8Array,
    bodySizeMax: number,
  ): WorkloadRequest {
    const linked = events.map((event) => ({
      ...event,
      flags: this.#percent(this.#shares.linked) ? event.flags | TransferFlags.linked : event.flags,
    }));
    const split = this.#random.index(linked.length + 1);
    const batches = [linked.slice(0, split), linked.slice(split)].map((batch) => batch.map(encode));
    const needed = linked.length * ACCOUNT_SIZE_BYTES + multiBatchTrailerSizeBytes(ACCOUNT_SIZE_BYTES, batches.length);
    const whole = needed > bodySizeMax || this.#random.boolean();
    return this.#request(operation, ACCOUNT_SIZE_BYTES, whole ? [batches.flat()] : batches);
  }

  #lookup(operation: number, idMax: bigint, bodySizeMax: number): WorkloadRequest {
    const count = this.#count(eventMax(ID_SIZE_BYTES, ACCOUNT_SIZE_BYTES, bodySizeMax));
    const ids = Array.from({ length: count }, () => encodeId(this.#random.u64Inclusive(idMax)));
    return this.#request(operation, ID_SIZE_BYTES, [ids]);
  }

  #accountTransfers(): WorkloadRequest {
    const filter = new AccountFilter(new Uint8Array(FILTER_SIZE_BYTES));
    const { debits, credits, reversed } = AccountFilterFlags;
    filter.accountId = this.#anyAccount();
    filter.flags = this.#pick([debits, credits, debits | credits]) | (this.#random.boolean() ? reversed : 0);
    filter.limit = this.#limit();
    return this.#request(AccountingOperation.get_account_transfers, FILTER_SIZE_BYTES, [[filter.buffer]]);
  }

  #query(operation: number): WorkloadRequest {
    const filter = new QueryFilter(new Uint8Array(QUERY_FILTER_SIZE_BYTES));
    if (this.#random.boolean()) filter.code = 1 + this.#random.index(CODES_MAX);
    filter.ledger = this.#random.boolean() ? 1 : 0;
    filter.flags = this.#random.boolean() ? QueryFilterFlags.reversed : 0;
    filter.limit = this.#limit();
    return this.#request(operation, QUERY_FILTER_SIZE_BYTES, [[filter.buffer]]);
  }

  #request(operation: number, eventSizeBytes: number, batches: readonly (readonly Uint8Array[])[]): WorkloadRequest {
    const payloadSizeBytes = batches.flat().length * eventSizeBytes;
    const body = new Uint8Array(payloadSizeBytes + multiBatchTrailerSizeBytes(eventSizeBytes, batches.length));
    this.#encoder.begin(body, eventSizeBytes);
    let at = 0;
    for (const batch of batches) {
      for (const [index, event] of batch.entries()) body.set(event, at + index * eventSizeBytes);
      this.#encoder.add(batch.length * eventSizeBytes);
      at += batch.length * eventSizeBytes;
    }
    return { operation, body: body.subarray(0, this.#encoder.finish()) };
  }

  #count(max: number): number {
    return this.#random.rangeInclusive(32, 0, Math.min(max, this.#eventsMax));
  }

  #limit(): number {
    return this.#random.boolean() ? 1 + this.#random.index(10) : 0xffff_ffff;
  }

  #percent(share: number): boolean {
    return this.#random.chance(share, 100);
  }

  #pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.#random.index(items.length)] ?? items[0];
  }

  /** Mostly one that exists. */
  #anyAccount(): bigint {
    return BigInt(1 + this.#random.index(this.#accountsMax));
  }

  /** One that exists, unless chance finds none. */
  #anyTransfer(): ModelTransfer | null {
    return this.#model.transfers.get(this.#random.u64Inclusive(this.#transferId)) ?? null;
  }

  /** One that was created as pending, whatever became of it, unless chance finds none. */
  #anyPending(): ModelTransfer | null {
    for (let attempts = 0; attempts < PENDING_ATTEMPTS; attempts += 1) {
      const transfer = this.#anyTransfer();
      if (transfer !== null && this.#model.pending.has(transfer.id)) return transfer;
    }
    return null;
  }
}

/** How many events a batch of its own can have. */
function eventMax(eventSizeBytes: number, resultSizeBytes: number, bodySizeMax: number): number {
  const room = (sizeBytes: number): number =>
    Math.floor((bodySizeMax - multiBatchTrailerSizeBytes(sizeBytes, 1)) / sizeBytes);
  return Math.min(room(eventSizeBytes), room(resultSizeBytes));
}

function encodeRecord<Fields extends { readonly buffer: Uint8Array }>(record: Fields, event: Event): Uint8Array {
  // A transfer that the model knows carries the time of its creation, which a request must not.
  Object.assign(record, event, { timestamp: 0n });
  return record.buffer;
}

function encodeId(id: bigint): Uint8Array {
  const bytes = new Uint8Array(ID_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt.asUintN(64, id), true);
  view.setBigUint64(8, id >> 64n, true);
  return bytes;
}
