/**
 * An accounting state machine over a forest in memory, driven by a test: its clock, its pulses, its operations.
 */
import {
  type AccountingOperation,
  AccountingStateMachine,
  accountingGrooves,
  CallQueue,
  Limits,
  MemoryForest,
  NOT_FOUND,
  ORPHANED,
} from "../src/index.ts";
import { ACCOUNT_LANES, AccountLane } from "../src/accounting/account.ts";
import { operationTraits } from "../src/accounting/operations.ts";
import * as u128 from "../src/lanes/u128.ts";
import { MultiBatchDecoder, MultiBatchEncoder, Operation as ProtocolOperation } from "@stagbeetle/vsr-protocol";

/** Sizes of the two configurations that the specification quotes, in bytes. */
export const TEST_MIN = { messageBodySizeMax: 3840, batchSizeLimit: 3840, scansMax: 12 };
export const PRODUCTION = { messageBodySizeMax: 1_048_320, batchSizeLimit: 1_048_320, scansMax: 6 };

/** The four balances of an account, in the order in which it stores them. */
export type Balances = readonly [
  debitsPending: bigint,
  debitsPosted: bigint,
  creditsPending: bigint,
  creditsPosted: bigint,
];

/** Bytes of several batches in the encoding of an operation. */
export function encodeBatches(operation: AccountingOperation, batches: readonly Uint8Array[]): Uint8Array {
  const traits = operationTraits(operation);
  if (!traits.multiBatch) {
    if (batches.length !== 1) throw new Error(`${traits.name} takes one batch`);
    return batches[0] as Uint8Array;
  }
  const buffer = new Uint8Array(2 * 1024 * 1024);
  const encoder = new MultiBatchEncoder();
  encoder.begin(buffer, traits.eventSizeBytes);
  for (const batch of batches) {
    encoder.space().set(batch);
    encoder.add(batch.length);
  }
  return buffer.slice(0, encoder.finish());
}

/** The batches of a reply in the encoding of an operation. */
export function decodeBatches(operation: AccountingOperation, reply: Uint8Array): Uint8Array[] {
  const traits = operationTraits(operation);
  if (!traits.multiBatch) return [reply];
  const decoder = new MultiBatchDecoder();
  const reason = decoder.decode(reply, traits.resultSizeBytes);
  if (reason !== null) throw new Error(reason);
  const batches: Uint8Array[] = [];
  while (decoder.next()) batches.push(decoder.batch());
  return batches;
}

/** A ledger with the clock of spec 02 §24.1. */
export class Ledger {
  readonly machine: AccountingStateMachine;
  readonly forest: MemoryForest;
  readonly #queue = new CallQueue();
  readonly #output: Uint8Array;
  op = 0;
  /** The timestamp of the operation that was executed last. */
  now = 0n;

  constructor(sizes: typeof TEST_MIN = TEST_MIN) {
    this.forest = new MemoryForest({
      grooves: accountingGrooves(new Limits(sizes)),
      nextTick: this.#queue.push,
      scansMax: sizes.scansMax,
      memorySizeBytesMax: 1024 * 1024 * 1024,
    });
    this.machine = new AccountingStateMachine({ forest: this.forest, ...sizes });
    this.#output = new Uint8Array(sizes.messageBodySizeMax);
    this.machine.open(() => undefined);
    this.#queue.run();
    this.machine.pulseNextTimestamp = (1n << 63n) - 1n;
  }

  /** Executes batches and returns the batches of the reply. A pulse that is due follows. */
  execute(operation: AccountingOperation, ...batches: Uint8Array[]): Uint8Array[] {
    return decodeBatches(operation, this.executeBody(operation, encodeBatches(operation, batches)));
  }

  /** The same with encoded bodies. */
  executeBody(operation: number, body: Uint8Array): Uint8Array {
    if (!this.machine.inputValid(operation, body)) throw new Error("the input is not valid");
    this.machine.commitTimestamp = this.now;
    this.machine.prepareTimestamp = this.now + 1n;
    this.machine.prepare(operation, body);
    this.now = this.machine.prepareTimestamp;
    const due = operation !== ProtocolOperation.pulse && this.machine.pulseNeeded(this.now);
    const reply = this.commit(operation, body);
    if (due) this.pulse();
    return reply;
  }

  /** Prefetches, commits and compacts one operation at the present time. */
  commit(operation: number, body: Uint8Array): Uint8Array {
    this.op += 1;
    const committing = { client: 1n, op: this.op, timestamp: this.now, operation, body };
    let prefetched = false;
    this.machine.prefetch(committing, this.op, () => {
      prefetched = true;
    });
    this.#queue.run();
    if (!prefetched) throw new Error("the prefetch does not end");
    const sizeBytes = this.machine.commit(committing, this.#output);
    this.machine.compact(this.op, () => undefined);
    this.#queue.run();
    return this.#output.slice(0, sizeBytes);
  }

  /** Lets time pass (nanoseconds); transfers that are due expire. A negative time leads that far before the end of time. */
  tick(nanoseconds: bigint): void {
    this.now += nanoseconds < 0n ? (1n << 63n) - 1n + nanoseconds : nanoseconds;
    this.pulse();
  }

  /** Runs a pulse if one is needed. */
  pulse(): void {
    if (this.machine.pulseNeeded(this.now)) this.executeBody(ProtocolOperation.pulse, new Uint8Array(0));
  }

  /** Overwrites the balances of an account. */
  setBalances(id: bigint, balances: Balances): void {
    const accounts = this.forest.groove("accounts");
    const key = new Uint32Array(4);
    u128.fromBigInt(key, 0, id);
    const account = accounts.get(key, 0);
    if (account === NOT_FOUND || account === ORPHANED) throw new Error(`account ${id} does not exist`);
    const next = this.forest.memory.allocate(128, 16, "test");
    const lanes = this.forest.memory.u32;
    lanes.copyWithin(next / 4, account / 4, account / 4 + ACCOUNT_LANES);
    for (const [index, balance] of balances.entries()) {
      u128.fromBigInt(lanes, next / 4 + AccountLane.debitsPending + 4 * index, balance);
    }
    const changed = lanes.subarray(next / 4, next / 4 + ACCOUNT_LANES);
    if (changed.some((lane, index) => lane !== lanes[account / 4 + index])) accounts.update(account, next);
  }
}
