/**
 * How many transfers a second the accounting state machine commits, in memory, in full batches of 8,189.
 *
 * `pnpm bench accounting` runs it under tinybench; run directly (`node --conditions=@stagbeetle/source …`), it prints
 * transfers per second and the times of single batches. It reports, a person judges.
 */
import { Random } from "@stagbeetle/vsr-protocol";
import { CallQueue } from "../memory-forest/call-queue.ts";
import { MemoryForest } from "../memory-forest/memory-forest.ts";
import { AccountingStateMachine } from "./accounting.ts";
import { accountingGrooves } from "./grooves.ts";
import { Limits } from "./limits.ts";
import { Operation } from "./operations.ts";

const SIZES = { messageBodySizeMax: 1_048_320, batchSizeLimit: 1_048_320 };
const BATCH_EVENTS = 8189;
const EVENT_SIZE_BYTES = 128;
const ACCOUNT_COUNT = 10_000;
const CREATED = 0xffff_ffff;

/** A machine with accounts, and a body of a full batch that is written again and again. */
class Ledger {
  readonly #calls = new CallQueue();
  readonly #machine: AccountingStateMachine;
  readonly #body = new Uint8Array((BATCH_EVENTS + 1) * EVENT_SIZE_BYTES);
  readonly #view = new DataView(this.#body.buffer);
  readonly #output = new Uint8Array(SIZES.messageBodySizeMax);
  readonly #random = new Random(92);
  #op = 0;
  #transferCount = 0;

  constructor() {
    const grooves = accountingGrooves(new Limits(SIZES));
    const forest = new MemoryForest({ grooves, nextTick: this.#calls.push, scansMax: 6 });
    this.#machine = new AccountingStateMachine({ forest, ...SIZES });
    this.#machine.open(() => undefined);
    this.#calls.run();
    this.#body.fill(0xff, BATCH_EVENTS * EVENT_SIZE_BYTES);
    this.#view.setUint16(this.#body.length - 2, 1, true);
    this.#view.setUint16(this.#body.length - 4, BATCH_EVENTS, true);
    for (let first = 0; first < ACCOUNT_COUNT; first += BATCH_EVENTS) {
      this.#clear();
      for (let index = 0; index < BATCH_EVENTS; index += 1)
        this.#view.setUint32(index * EVENT_SIZE_BYTES, first + index + 1, true);
      this.#execute(Operation.create_accounts);
    }
  }

  /** Writes the next batch: transfers between random accounts. */
  prepareTransfers(): void {
    this.#clear();
    for (let index = 0; index < BATCH_EVENTS; index += 1) {
      const at = index * EVENT_SIZE_BYTES;
      this.#transferCount += 1;
      const debit = this.#random.intInclusive(32, ACCOUNT_COUNT - 1);
      const credit = (debit + 1 + this.#random.intInclusive(32, ACCOUNT_COUNT - 2)) % ACCOUNT_COUNT;
      this.#view.setUint32(at, this.#transferCount, true);
      this.#view.setUint32(at + 16, debit + 1, true);
      this.#view.setUint32(at + 32, credit + 1, true);
      this.#view.setUint32(at + 48, index + 1, true);
    }
  }

  /** Executes the batch. */
  createTransfers(): void {
    this.#execute(Operation.create_transfers);
  }

  #clear(): void {
    this.#body.fill(0, 0, BATCH_EVENTS * EVENT_SIZE_BYTES);
    for (let index = 0; index < BATCH_EVENTS; index += 1) {
      this.#view.setUint32(index * EVENT_SIZE_BYTES + 112, 1, true);
      this.#view.setUint16(index * EVENT_SIZE_BYTES + 116, 1, true);
    }
  }

  #execute(operation: number): void {
    this.#op += 1;
    this.#machine.prepareTimestamp += 1n;
    this.#machine.prepare(operation, this.#body);
    const timestamp = this.#machine.prepareTimestamp;
    const committing = { client: 1n, op: this.#op, timestamp, operation, body: this.#body };
    this.#machine.prefetch(committing, this.#op, () => undefined);
    this.#calls.run();
    this.#machine.commit(committing, this.#output);
    const last = new DataView(this.#output.buffer).getUint32((BATCH_EVENTS - 1) * 16 + 8, true);
    if (last !== CREATED) throw new Error(`the last event has the status ${last}`);
  }
}

/** What this file needs of a tinybench bench. */
interface Tasks {
  add(name: string, task: () => void, options: { beforeEach: () => void }): unknown;
}

export default function addTasks(bench: Tasks): void {
  const ledger = new Ledger();
  bench.add(`create_transfers, in memory: one batch of ${BATCH_EVENTS}`, () => ledger.createTransfers(), {
    beforeEach: () => ledger.prepareTransfers(),
  });
}

function report(batches: number): void {
  const ledger = new Ledger();
  const times = Array.from({ length: batches }, () => {
    ledger.prepareTransfers();
    const start = performance.now();
    ledger.createTransfers();
    return performance.now() - start;
  });
  const total = times.reduce((sum, time) => sum + time, 0);
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (part: number): string => (sorted[Math.floor(part * (batches - 1))] ?? 0).toFixed(1);
  const perSecond = Math.round((batches * BATCH_EVENTS) / (total / 1000));
  console.log(`${batches} batches of ${BATCH_EVENTS} transfers: ${perSecond.toLocaleString("en")} transfers/s`);
  console.log(`batch ms: p50 ${quantile(0.5)}, p99 ${quantile(0.99)}, max ${quantile(1)}`);
}

if (import.meta.main) report(Number(process.argv[2] ?? 250));
