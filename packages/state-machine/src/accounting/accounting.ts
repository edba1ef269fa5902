/**
 * The accounting state machine (spec 02).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import {
  type Committing,
  type Logger,
  type ManifestReferences,
  MultiBatchDecoder,
  MultiBatchEncoder,
  SILENT_LOGGER,
  type StateMachine,
} from "@stagbeetle/vsr-protocol";
import type { Forest } from "../forest.ts";
import { lanesOf, lanesToWrite } from "../lanes/lanes.ts";
import { TIMESTAMP_MIN, timestampValid } from "../timestamp.ts";
import { type EventCreator, EventLoop } from "./chains.ts";
import { ChangeEvents } from "./change-events.ts";
import { Context } from "./context.ts";
import { AccountCreator } from "./create-accounts.ts";
import { CreatePrefetch } from "./create-prefetch.ts";
import { TransferCreator } from "./create-transfers.ts";
import { Expiry } from "./expiry.ts";
import { ChangeEventsFilter } from "./filters.ts";
import { inputValid } from "./input-valid.ts";
import { Limits } from "./limits.ts";
import { enqueueIds, lookup } from "./lookup.ts";
import { operationFromVsr, type OperationTraits } from "./operations.ts";
import { Queries } from "./queries.ts";
import { DenseResults, type ResultWriter, SparseResults } from "./result-writer.ts";
import { CREATE_RESULT_SIZE_BYTES } from "./results.ts";

/** The size of an account or a transfer in bytes. */
const OBJECT_SIZE_BYTES = 128;

/** How an accounting state machine is made. */
export interface AccountingOptions {
  /** Stores the grooves that `accountingGrooves` declares. */
  readonly forest: Forest;
  /** The cluster's: what fits into a message after its header. */
  readonly messageBodySizeMax: number;
  /** What requests may have at most; the same on all replicas of a cluster. */
  readonly batchSizeLimit: number;
  /** Whether the clients choose the timestamps: a recovery from an append-only file. */
  readonly aofRecovery?: boolean;
  readonly logger?: Logger;
}

/** An operation between the beginning of its prefetch and the end of its commit. */
type State = "closed" | "idle" | "prefetching" | "prefetched";

/**
 * Accounts and transfers: every operation of spec 02, deterministic, without a clock of its own.
 *
 * Per event of a full batch nothing is allocated. Input from clients never makes it throw: malformed bodies are refused by
 * `inputValid`, and everything else is answered with statuses or empty results. That includes the situations in which the
 * reference stops (spec 02 §23): a batch of imported events after one that is not; posting what was not imported by an
 * import; imported timestamps between those of the batch; transfers that expire at the same instant. They are executed by the
 * plain rules.
 */
export class AccountingStateMachine implements StateMachine {
  readonly limits: Limits;
  prepareTimestamp = 0n;
  commitTimestamp = 0n;
  readonly #forest: Forest;
  readonly #context: Context;
  readonly #aofRecovery: boolean;
  readonly #loop: EventLoop;
  readonly #accountCreator: AccountCreator;
  readonly #transferCreator: TransferCreator;
  readonly #createPrefetch: CreatePrefetch;
  readonly #expiry: Expiry;
  readonly #queries: Queries;
  readonly #changeEvents: ChangeEvents;
  readonly #dense = new DenseResults();
  readonly #sparse = new SparseResults();
  /** For bodies that may still be refused. */
  readonly #requestDecoder = new MultiBatchDecoder();
  /** For the body of the operation that is executed. */
  readonly #decoder = new MultiBatchDecoder();
  readonly #encoder = new MultiBatchEncoder();
  #state: State = "closed";
  #op = 0;

  constructor(options: AccountingOptions) {
    const { forest, logger = SILENT_LOGGER } = options;
    this.limits = new Limits(options);
    this.#forest = forest;
    this.#aofRecovery = options.aofRecovery ?? false;
    this.#context = new Context(forest, this.limits);
    this.#loop = new EventLoop(this.#context.clock);
    this.#accountCreator = new AccountCreator(this.#context);
    this.#transferCreator = new TransferCreator(this.#context, forest.kernels);
    this.#createPrefetch = new CreatePrefetch(this.#context, this.#decoder);
    this.#expiry = new Expiry(this.#context, forest, this.limits);
    this.#queries = new Queries(this.#context, forest, this.limits, this.#decoder, logger);
    this.#changeEvents = new ChangeEvents(this.#context, forest, this.limits, logger);
  }

  get checkpoints(): boolean {
    return this.#forest.checkpoints;
  }

  /** When the next pending transfer expires; 1 if that is not known, 2^63 − 1 if none will (nanoseconds). */
  get pulseNextTimestamp(): bigint {
    return this.#context.pulse.next;
  }

  set pulseNextTimestamp(timestamp: bigint) {
    this.#context.pulse.set(timestamp);
  }

  open(callback: () => void): void {
    assert(this.#state === "closed", "the state machine is opened twice");
    this.#forest.open(() => {
      this.#state = "idle";
      callback();
    });
  }

  operationValid(operation: number): boolean {
    return operationFromVsr(operation) !== null;
  }

  inputValid(operation: number, body: Uint8Array): boolean {
    const traits = operationFromVsr(operation);
    return traits !== null && inputValid(traits, body, this.limits, this.#requestDecoder);
  }

  prepare(operation: number, body: Uint8Array): void {
    this.prepareTimestamp += BigInt(this.#timestampsOf(traitsOf(operation), body));
  }

  pulseNeeded(timestamp: bigint): boolean {
    return this.#context.pulse.next <= timestamp;
  }

  prefetch(committing: Committing, snapshot: number, callback: () => void): void {
    assert(this.#state === "idle", () => `prefetch of op ${committing.op} while ${this.#state}`);
    this.#state = "prefetching";
    this.#op = committing.op;
    this.#forest.prefetchBegin(snapshot);
    this.#begin(committing);
    this.#prefetch(committing, () => {
      assert(this.#state === "prefetching", () => `prefetch of op ${committing.op} ends twice`);
      this.#state = "prefetched";
      callback();
    });
  }

  commit(committing: Committing, output: Uint8Array): number {
    const { op, timestamp } = committing;
    assert(
      this.#state === "prefetched" && this.#op === op,
      () => `commit of op ${op} while ${this.#state} ${this.#op}`,
    );
    assert(timestampValid(timestamp), () => `op ${op} has the timestamp ${timestamp}`);
    assert(
      timestamp > this.commitTimestamp || this.#aofRecovery,
      () => `op ${op} has the timestamp ${timestamp}, the op before ${this.commitTimestamp}`,
    );
    const sizeBytes = this.#commit(committing, output);
    assert(sizeBytes <= this.limits.messageBodySizeMax, () => `the reply to op ${op} has ${sizeBytes} bytes`);
    this.commitTimestamp = timestamp;
    this.#state = "idle";
    return sizeBytes;
  }

  compact(op: number, callback: () => void): void {
    assert(this.#state === "idle", () => `compaction of op ${op} while ${this.#state}`);
    this.#forest.compact(op, callback);
  }

  checkpoint(callback: () => void): void {
    assert(this.#state === "idle", () => `checkpoint while ${this.#state}`);
    this.#forest.checkpoint(callback);
  }

  checkpointReferences(): ManifestReferences {
    return this.#forest.checkpointReferences();
  }

  reset(): void {
    this.#forest.reset();
    this.#context.pulse.set(TIMESTAMP_MIN);
    this.prepareTimestamp = 0n;
    this.commitTimestamp = 0n;
    this.#state = "closed";
  }

  /** How many timestamps an operation needs (spec 02 §7). A pulse needs as many as it could ever expire. */
  #timestampsOf(traits: OperationTraits, body: Uint8Array): number {
    if (traits.kind === "pulse") return this.limits.createTransfersMax;
    if (traits.kind !== "create_accounts" && traits.kind !== "create_transfers") return 0;
    if (!traits.multiBatch) return body.length / traits.eventSizeBytes;
    assert(this.#requestDecoder.decode(body, traits.eventSizeBytes) === null, "a body that is not valid is prepared");
    return this.#requestDecoder.payloadSizeBytes / traits.eventSizeBytes;
  }

  #begin(committing: Committing): void {
    const traits = traitsOf(committing.operation);
    this.#context.begin(lanesOf(committing.body));
    if (!traits.multiBatch) return;
    const reason = this.#decoder.decode(committing.body, traits.eventSizeBytes);
    assert(reason === null, () => `op ${committing.op} has a body that is not valid: ${reason}`);
  }

  #prefetch(committing: Committing, callback: () => void): void {
    const { operation, body, timestamp } = committing;
    const traits = traitsOf(operation);
    const { accounts, transfers, input } = this.#context;
    switch (traits.kind) {
      case "pulse":
        this.#expiry.prefetch(timestamp, callback);
        break;
      case "create_accounts":
        this.#createPrefetch.accounts(traits, body, input, callback);
        break;
      case "create_transfers":
        this.#createPrefetch.transfers(traits, body, input, callback);
        break;
      case "lookup_accounts":
        enqueueIds(accounts, input, 0, this.#eventCount(traits, body));
        accounts.prefetch(callback);
        break;
      case "lookup_transfers":
        enqueueIds(transfers, input, 0, this.#eventCount(traits, body));
        transfers.prefetch(callback);
        break;
      case "get_account_transfers":
      case "get_account_balances":
      case "query_accounts":
      case "query_transfers":
        this.#queries.prefetch(traits, body, callback);
        break;
      case "get_change_events":
        this.#changeEvents.prefetch(new ChangeEventsFilter(body), callback);
        break;
    }
  }

  #commit(committing: Committing, output: Uint8Array): number {
    const { operation, body, timestamp } = committing;
    const traits = traitsOf(operation);
    const { accounts, transfers } = this.#context;
    this.#context.begin(this.#context.input);
    switch (traits.kind) {
      case "pulse":
        this.#expiry.commit(timestamp);
        return 0;
      case "create_accounts":
        return this.#create(this.#accountCreator, traits, committing, output);
      case "create_transfers":
        return this.#create(this.#transferCreator, traits, committing, output);
      case "lookup_accounts":
      case "lookup_transfers": {
        const groove = traits.kind === "lookup_accounts" ? accounts : transfers;
        const { input, u32 } = this.#context;
        return this.#batches(traits, body, output, (lanes, first, count, at) => {
          return lookup(groove, u32, input, first, count, lanes, at) * OBJECT_SIZE_BYTES;
        });
      }
      case "get_account_transfers":
      case "get_account_balances":
      case "query_accounts":
      case "query_transfers":
        return this.#batches(traits, body, output, (lanes, _first, _count, at, batch) =>
          this.#queries.commit(traits, batch, lanes, at),
        );
      case "get_change_events":
        return this.#changeEvents.commit(lanesToWrite(output));
    }
  }

  #create(creator: EventCreator, traits: OperationTraits, committing: Committing, output: Uint8Array): number {
    const { body, timestamp } = committing;
    const results: ResultWriter = traits.resultSizeBytes === CREATE_RESULT_SIZE_BYTES ? this.#dense : this.#sparse;
    let batchTimestamp = timestamp - BigInt(this.#eventCount(traits, body));
    return this.#batches(traits, body, output, (lanes, first, count, at) => {
      batchTimestamp += BigInt(count);
      results.begin(lanes, at);
      this.#loop.execute(creator, this.#context.input, first, count, batchTimestamp, results);
      return results.sizeBytes;
    });
  }

  /**
   * Executes every batch of a body and writes the reply.
   *
   * @param execute gets the output, the lane of the batch's first event, the count of its events, the lane where its
   *   results go and the batch's number; returns the size of the results in bytes.
   * @returns the size of the reply in bytes.
   */
  #batches(
    traits: OperationTraits,
    body: Uint8Array,
    output: Uint8Array,
    execute: (output: Uint32Array, first: number, count: number, at: number, batch: number) => number,
  ): number {
    const room = output.subarray(0, this.limits.messageBodySizeMax);
    const lanes = lanesToWrite(room);
    if (!traits.multiBatch) return execute(lanes, 0, this.#eventCount(traits, body), 0, 0);
    const decoder = this.#decoder;
    const encoder = this.#encoder;
    decoder.rewind();
    encoder.begin(room, traits.resultSizeBytes);
    while (decoder.next()) {
      const { batchOffset, elementCount, batchIndex } = decoder;
      const at = encoder.payloadSizeBytes / 4;
      encoder.add(execute(lanes, batchOffset / 4, elementCount, at, batchIndex));
    }
    return encoder.finish();
  }

  #eventCount(traits: OperationTraits, body: Uint8Array): number {
    const sizeBytes = traits.multiBatch ? this.#decoder.payloadSizeBytes : body.length;
    return sizeBytes / traits.eventSizeBytes;
  }
}

function traitsOf(operation: number): OperationTraits {
  const traits = operationFromVsr(operation);
  assert(traits !== null, () => `operation ${operation} does not exist`);
  return traits;
}
