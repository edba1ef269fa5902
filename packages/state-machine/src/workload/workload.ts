/**
 * Random requests to the accounting machine, and an auditor that knows what each reply must be (spec 02 §27, spec 07 §15).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  MultiBatchDecoder,
  MultiBatchEncoder,
  multiBatchTrailerSizeBytes,
  type Random,
} from "@stagbeetle/vsr-protocol";
import { Account } from "../accounting/account.ts";
import { CreateAccountStatus } from "../accounting/create-account-status.ts";
import { CreateTransferStatus, createTransferStatusTransient } from "../accounting/create-transfer-status.ts";
import { AccountFilter, ChangeEventsFilter, QueryFilter } from "../accounting/filters.ts";
import type { Limits } from "../accounting/limits.ts";
import { Operation, operationFromVsr, type OperationTraits, operationTraits } from "../accounting/operations.ts";
import {
  AccountBalance,
  ChangeEvent,
  CREATE_RESULT_SIZE_BYTES,
  CreateResult,
  CreateResultSparse,
} from "../accounting/results.ts";
import { Transfer } from "../accounting/transfer.ts";
import type { WorkloadRequest } from "../echo/workload.ts";
import { DeliveredRanges } from "./delivered-ranges.ts";
import { exponential } from "./exponential.ts";
import { FilterBuilder } from "./filter-builder.ts";
import { LedgerModel } from "./ledger-model.ts";
import { OPERATION_WEIGHTS, type WorkloadOptions } from "./options.ts";
import { idOfIndex, indexOfId } from "./permutation.ts";
import { outcomeOf, planOf } from "./plan.ts";
import { QueryAuditor } from "./query-auditor.ts";
import { type BuiltTransfers, type ExpectedStatuses, TransferBuilder } from "./transfer-builder.ts";

const ID_SIZE_BYTES = 16;
const EXISTS_ONLY: ExpectedStatuses = new Set([CreateAccountStatus.exists]);
const CREATED_OR_EXISTS: ExpectedStatuses = new Set([CreateAccountStatus.created, CreateAccountStatus.exists]);
const LEDGER_INVALID: ExpectedStatuses = new Set([
  CreateAccountStatus.exists_with_different_ledger,
  CreateAccountStatus.ledger_must_not_be_zero,
]);

/** A request that is not answered yet: what is expected of each of its batches. */
interface InFlight {
  readonly operation: Operation;
  readonly accounts: ExpectedStatuses[][];
  readonly transfers: BuiltTransfers[];
}

/** What a result of a create operation says about one event. */
interface EventResult {
  readonly status: number;
  /** Null in sparse results. */
  readonly timestamp: bigint | null;
}

/** Builds requests for several clients and audits the replies, which come in the order of the commits. */
export class AccountingWorkload {
  readonly #options: WorkloadOptions;
  readonly #limits: Limits;
  readonly #random: Random;
  readonly #model: LedgerModel;
  readonly #builder: TransferBuilder;
  readonly #filters: FilterBuilder;
  readonly #queries: QueryAuditor;
  readonly #delivered = new DeliveredRanges();
  readonly #encoder = new MultiBatchEncoder();
  /** By client, in the order in which they were sent. */
  readonly #inFlight = new Map<number, InFlight[]>();
  #accountsWereFirst = false;
  #timestamp = 0n;
  #sentCount = 0;
  #deliveredCount = 0;

  constructor(options: WorkloadOptions, limits: Limits, random: Random) {
    this.#options = options;
    this.#limits = limits;
    this.#random = random;
    this.#model = new LedgerModel(options, random, limits);
    this.#builder = new TransferBuilder(options, random, this.#model);
    this.#filters = new FilterBuilder(options, limits, random, this.#model);
    this.#queries = new QueryAuditor(options, this.#model);
  }

  /** Whether every request was answered. */
  get done(): boolean {
    return this.#deliveredCount === this.#sentCount;
  }

  /** How many transfers were built so far. */
  get transferCount(): bigint {
    return this.#builder.indexNext;
  }

  /** Writes a request to `body`, which has room for the batch size limit. */
  buildRequest(clientIndex: number, body: Uint8Array): WorkloadRequest {
    const traits = operationTraits(this.#drawOperation());
    const inFlight: InFlight = { operation: traits.operation, accounts: [], transfers: [] };
    const room = body.subarray(0, this.#limits.batchSizeLimit);
    const sizeBytes = traits.multiBatch
      ? this.#buildBatches(traits, room, inFlight)
      : this.#buildBatch(traits, room, this.#limits.eventMax(traits), inFlight) * traits.eventSizeBytes;
    const queue = this.#inFlight.get(clientIndex) ?? [];
    queue.push(inFlight);
    this.#inFlight.set(clientIndex, queue);
    this.#sentCount += 1;
    return { operation: traits.operation, sizeBytes };
  }

  /** Audits a reply. Called once for every operation, in the order of the commits. */
  onReply(clientIndex: number, operation: number, timestamp: bigint, request: Uint8Array, reply: Uint8Array): void {
    const traits = operationFromVsr(operation);
    const inFlight = this.#inFlight.get(clientIndex)?.shift();
    assert(traits !== null && inFlight?.operation === operation, () => `a reply to operation ${operation}, not sent`);
    this.#deliveredCount += 1;
    const requests = batchesOf(traits, request, traits.eventSizeBytes);
    const replies = batchesOf(traits, reply, traits.resultSizeBytes);
    assert(requests.length === replies.length, () => `${replies.length} replies to ${requests.length} batches`);
    this.#advance(traits, timestamp, request.length);
    const creates = traits.kind === "create_accounts" || traits.kind === "create_transfers";
    let batchTimestamp = timestamp;
    if (creates) batchTimestamp -= BigInt(requests.reduce((sum, batch) => sum + batch.length / 128, 0));
    for (const [index, batch] of requests.entries()) {
      if (creates) batchTimestamp += BigInt(batch.length / 128);
      this.#onBatch(traits, inFlight, index, batchTimestamp, batch, replies[index] as Uint8Array);
    }
  }

  /** A pulse was committed. */
  onPulse(timestamp: bigint): void {
    assert(timestamp > this.#timestamp, () => `a pulse at ${timestamp}, after ${this.#timestamp}`);
    this.#timestamp = timestamp;
    this.#model.expire(timestamp);
  }

  #drawOperation(): Operation {
    if (!this.#accountsWereFirst && this.#random.boolean()) {
      this.#accountsWereFirst = true;
      return Operation.create_accounts;
    }
    return OPERATION_WEIGHTS[this.#random.weighted(this.#options.operationWeights)]?.[0] ?? Operation.create_accounts;
  }

  #buildBatches(traits: OperationTraits, room: Uint8Array, inFlight: InFlight): number {
    const encoder = this.#encoder;
    encoder.begin(room, traits.eventSizeBytes);
    let events = 0;
    let results = 0;
    while (encoder.batchCount < this.#options.batchesPerRequestMax) {
      const space = encoder.spaceElements();
      const budget = traits.batchable ? this.#limits.eventMax(traits) - events : 1;
      if (space === null || (!traits.batchable && space === 0)) break;
      const batch = encoder.space();
      // A query counts with its limit, of which nothing is known before it was built; so the most is assumed.
      const resultsOfNext = traits.batchable ? Math.min(budget, space) : this.#limits.resultMax(traits);
      const trailer = multiBatchTrailerSizeBytes(traits.resultSizeBytes, encoder.batchCount + 1);
      const replySizeBytes = (results + resultsOfNext) * traits.resultSizeBytes + trailer;
      if (encoder.batchCount > 0 && replySizeBytes > this.#limits.messageBodySizeMax) break;
      const count = this.#buildBatch(traits, batch, Math.min(budget, space), inFlight);
      encoder.add(count * traits.eventSizeBytes);
      events += count;
      results += traits.batchable ? count : this.#resultsExpected(traits, batch);
      if (this.#random.boolean()) break;
    }
    return encoder.finish();
  }

  #resultsExpected(traits: OperationTraits, filter: Uint8Array): number {
    const limit = new DataView(filter.buffer, filter.byteOffset).getUint32(traits.limitOffset, true);
    return Math.min(limit, this.#limits.resultMax(traits));
  }

  /** Writes one batch. Returns the count of its events. */
  #buildBatch(traits: OperationTraits, batch: Uint8Array, countMax: number, inFlight: InFlight): number {
    switch (traits.kind) {
      case "create_accounts":
        return this.#buildAccounts(batch, this.#drawCount(this.#options.accountsBatchMax, countMax), inFlight);
      case "create_transfers": {
        const count = this.#drawCount(this.#options.transfersBatchMax, countMax);
        const built = this.#builder.build(batch, count);
        inFlight.transfers.push(built);
        return built.expected.length;
      }
      case "lookup_accounts":
        return this.#buildAccountIds(batch, this.#drawCount(this.#options.accountsBatchMax, countMax));
      case "lookup_transfers":
        return this.#buildTransferIds(batch, this.#drawCount(this.#options.transfersBatchMax, countMax));
      case "get_account_transfers":
      case "get_account_balances":
        this.#filters.accountFilter(traits, batch);
        return 1;
      case "query_accounts":
      case "query_transfers":
        this.#filters.queryFilter(traits, batch);
        return 1;
      case "get_change_events":
        this.#filters.changeEventsFilter(batch);
        return 1;
      case "pulse":
        assert(false, "a workload sends no pulses");
    }
  }

  #drawCount(span: number, max: number): number {
    return Math.min(max, this.#random.intInclusive(32, span));
  }

  #buildAccounts(batch: Uint8Array, count: number, inFlight: InFlight): number {
    const expected: ExpectedStatuses[] = [];
    for (let index = 0; index < count; index += 1) {
      const model = this.#model.drawAccount(this.#random);
      const account = new Account(batch, index * Account.sizeBytes);
      batch.set(model.account.buffer, account.offset);
      account.debitsPending = 0n;
      account.debitsPosted = 0n;
      account.creditsPending = 0n;
      account.creditsPosted = 0n;
      account.timestamp = 0n;
      if (this.#random.chance(this.#options.createAccountInvalid, 100)) {
        account.ledger = 0;
        expected.push(LEDGER_INVALID);
      } else {
        expected.push(model.created ? EXISTS_ONLY : CREATED_OR_EXISTS);
      }
    }
    inFlight.accounts.push(expected);
    return count;
  }

  #buildAccountIds(batch: Uint8Array, count: number): number {
    for (let index = 0; index < count; index += 1) {
      const unknown = this.#random.chance(this.#options.lookupAccountInvalid, 100);
      const id = unknown
        ? idOfIndex(this.#options.accountIdPermutation, this.#random.u64())
        : this.#model.drawAccount(this.#random).account.id;
      writeId(batch, index, id);
    }
    return count;
  }

  #buildTransferIds(batch: Uint8Array, count: number): number {
    const sent = this.#builder.indexNext;
    const delivered = this.#delivered.past;
    const within = (max: bigint): bigint => (max === 0n ? 0n : this.#random.u64Inclusive(max));
    const start =
      this.#random.weighted(this.#options.lookupTransferWeights) === 0
        ? within(delivered)
        : delivered + within(sent - delivered);
    const spanMax = Number(sent - start);
    const span = Math.min(exponential(this.#random, this.#options.lookupTransferSpanMean), spanMax);
    if (span === 0) return 0;
    for (let index = 0; index < count; index += 1) {
      const transferIndex = start + BigInt(this.#random.intInclusive(32, span - 1));
      writeId(batch, index, idOfIndex(this.#options.transferIdPermutation, transferIndex + 1n));
    }
    return count;
  }

  /** Time does not go back, and every operation that creates something has its own. */
  #advance(traits: OperationTraits, timestamp: bigint, requestSizeBytes: number): void {
    const creates = traits.kind === "create_accounts" || traits.kind === "create_transfers";
    const mayBeEqual = !creates || requestSizeBytes <= traits.eventSizeBytes;
    const ascends = timestamp > this.#timestamp || (mayBeEqual && timestamp === this.#timestamp);
    assert(ascends, () => `${traits.name} at ${timestamp}, after ${this.#timestamp}`);
    this.#timestamp = timestamp;
  }

  #onBatch(
    traits: OperationTraits,
    inFlight: InFlight,
    index: number,
    timestamp: bigint,
    request: Uint8Array,
    reply: Uint8Array,
  ): void {
    const resultMax = this.#limits.resultMax(traits);
    switch (traits.kind) {
      case "create_accounts":
        this.#onAccounts(traits, inFlight.accounts[index] ?? [], timestamp, request, reply);
        break;
      case "create_transfers":
        this.#onTransfers(traits, inFlight.transfers[index] as BuiltTransfers, timestamp, request, reply);
        break;
      case "lookup_accounts":
        this.#onAccountLookup(request, recordsOf(Account, reply));
        break;
      case "lookup_transfers":
        this.#onTransferLookup(request, recordsOf(Transfer, reply));
        break;
      case "get_account_transfers":
        this.#queries.accountTransfers(new AccountFilter(request), recordsOf(Transfer, reply), resultMax);
        break;
      case "get_account_balances":
        this.#queries.accountBalances(new AccountFilter(request), recordsOf(AccountBalance, reply), resultMax);
        break;
      case "query_accounts":
        this.#queries.accounts(new QueryFilter(request), recordsOf(Account, reply), resultMax);
        break;
      case "query_transfers":
        this.#queries.transfers(new QueryFilter(request), recordsOf(Transfer, reply), resultMax);
        break;
      case "get_change_events":
        this.#queries.changeEvents(new ChangeEventsFilter(request), recordsOf(ChangeEvent, reply));
        break;
      case "pulse":
        assert(false, "a reply to a pulse");
    }
  }

  #onAccounts(
    traits: OperationTraits,
    expected: readonly ExpectedStatuses[],
    timestamp: bigint,
    request: Uint8Array,
    reply: Uint8Array,
  ): void {
    for (const [index, result] of resultsOf(traits, expected.length, reply).entries()) {
      const event = new Account(request, index * Account.sizeBytes);
      const own = timestamp - BigInt(expected.length) + BigInt(index) + 1n;
      const { status } = result;
      assert(expected[index]?.has(status) === true, () => `account ${event.id} has the status ${status}`);
      const model = this.#model.accountOf(event.id);
      assert(model !== undefined, () => `account ${event.id} is none of the run's`);
      if (status === CreateAccountStatus.created) {
        assert(result.timestamp === null || result.timestamp === own, () => `account ${event.id} created elsewhen`);
        this.#model.createAccount(model, own);
      } else if (status === CreateAccountStatus.exists) {
        assert(model.created, () => `account ${event.id} exists, and was never created`);
        const same = result.timestamp === null || result.timestamp === model.account.timestamp;
        assert(same, () => `account ${event.id} exists since ${result.timestamp}`);
      }
    }
  }

  #onTransfers(
    traits: OperationTraits,
    built: BuiltTransfers,
    timestamp: bigint,
    request: Uint8Array,
    reply: Uint8Array,
  ): void {
    const { expected, indexFirst } = built;
    for (const [index, result] of resultsOf(traits, expected.length, reply).entries()) {
      const at = index * Transfer.sizeBytes;
      const event = new Transfer(request.slice(at, at + Transfer.sizeBytes));
      const own = timestamp - BigInt(expected.length) + BigInt(index) + 1n;
      const status = result.status as CreateTransferStatus;
      assert(expected[index]?.has(status) === true, () => `transfer ${event.id} has the status ${status}`);
      if (status === CreateTransferStatus.created) {
        assert(result.timestamp === null || result.timestamp === own, () => `transfer ${event.id} created elsewhen`);
        this.#model.createTransfer(event, own);
        this.#builder.keepCreated(event);
      } else if (status === CreateTransferStatus.exists) {
        assert(result.timestamp === null || result.timestamp < own, () => `transfer ${event.id} exists since later`);
      } else if (createTransferStatusTransient(status)) {
        this.#builder.keepFailed(event.id);
      }
    }
    this.#builder.delivered(built);
    this.#delivered.add(indexFirst, indexFirst + BigInt(expected.length));
  }

  #onAccountLookup(request: Uint8Array, results: readonly Account[]): void {
    let next = 0;
    for (let index = 0; index < request.length / ID_SIZE_BYTES; index += 1) {
      const id = readId(request, index);
      const model = this.#model.accountOf(id);
      if (model?.created !== true) continue;
      const account = results[next];
      next += 1;
      assert(account?.id === id, () => `account ${id} was not found`);
      const bytes = account.buffer.subarray(account.offset, account.offset + Account.sizeBytes);
      const same = bytes.every((byte, at) => byte === model.account.buffer[at]);
      assert(same, () => `account ${id} is not what it should be`);
    }
    assert(next === results.length, () => `${results.length} accounts were found, expected ${next}`);
  }

  #onTransferLookup(request: Uint8Array, results: readonly Transfer[]): void {
    let next = 0;
    for (let index = 0; index < request.length / ID_SIZE_BYTES; index += 1) {
      const id = readId(request, index);
      const transfer = results[next];
      const found = transfer?.id === id;
      if (found) {
        next += 1;
        this.#queries.transfer(transfer);
      }
      const transferIndex = indexOfId(this.#options.transferIdPermutation, id) - 1n;
      const outcome = outcomeOf(planOf(this.#options, transferIndex));
      const delivered = this.#delivered.has(transferIndex);
      assert(!found || delivered, () => `transfer ${id} was found before it was delivered`);
      assert(outcome !== "success" || found === delivered, () => `transfer ${id} was delivered and is not found`);
      assert(outcome !== "failure" || !found, () => `transfer ${id} cannot exist, and was found`);
    }
    assert(next === results.length, () => `${results.length} transfers were found, expected ${next}`);
  }
}

const decoder = new MultiBatchDecoder();

function batchesOf(traits: OperationTraits, body: Uint8Array, elementSizeBytes: number): Uint8Array[] {
  if (!traits.multiBatch) return [body];
  const reason = decoder.decode(body, elementSizeBytes);
  assert(reason === null, () => `${traits.name}: ${reason}`);
  const batches: Uint8Array[] = [];
  while (decoder.next()) batches.push(decoder.batch());
  return batches;
}

function recordsOf<Item>(
  type: { new (buffer: Uint8Array, offset: number): Item; sizeBytes: number },
  bytes: Uint8Array,
): Item[] {
  assert(bytes.length % type.sizeBytes === 0, () => `${bytes.length} bytes of results of ${type.sizeBytes}`);
  return Array.from({ length: bytes.length / type.sizeBytes }, (_, index) => new type(bytes, index * type.sizeBytes));
}

/** The results of all events of a batch, whichever way they are written. */
function resultsOf(traits: OperationTraits, eventCount: number, reply: Uint8Array): EventResult[] {
  if (traits.resultSizeBytes === CREATE_RESULT_SIZE_BYTES) {
    const results = recordsOf(CreateResult, reply);
    assert(results.length === eventCount, () => `${results.length} results of ${eventCount} events`);
    for (const { reserved, timestamp } of results) assert(reserved === 0 && timestamp > 0n, "a result of an event");
    return results;
  }
  const failures = recordsOf(CreateResultSparse, reply);
  const results: EventResult[] = Array.from({ length: eventCount }, () => ({
    status: CreateTransferStatus.created,
    timestamp: null,
  }));
  let before = -1;
  for (const { index, status } of failures) {
    assert(index > before && index < eventCount, () => `a result for event ${index} of ${eventCount}`);
    assert(status !== CreateTransferStatus.created && status !== 0, () => `the status ${status} of a failed event`);
    before = index;
    results[index] = { status, timestamp: null };
  }
  return results;
}

function writeId(batch: Uint8Array, index: number, id: bigint): void {
  const view = new DataView(batch.buffer, batch.byteOffset + index * ID_SIZE_BYTES, ID_SIZE_BYTES);
  view.setBigUint64(0, BigInt.asUintN(64, id), true);
  view.setBigUint64(8, id >> 64n, true);
}

function readId(batch: Uint8Array, index: number): bigint {
  const view = new DataView(batch.buffer, batch.byteOffset + index * ID_SIZE_BYTES, ID_SIZE_BYTES);
  return (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true);
}
