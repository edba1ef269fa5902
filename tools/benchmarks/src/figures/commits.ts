/**
 * The accounting state machine alone, in memory, with full batches.
 */
import { AccountingStateMachine, accountingGrooves, CallQueue, Limits, MemoryForest } from "@stagbeetle/state-machine";
import { PRODUCTION } from "@stagbeetle/vsr-protocol";

import { Latencies, whole } from "./latencies.ts";
import { assertCreated, type Request, Transfers, TRANSFERS_MAX } from "./transfers.ts";

const ACCOUNTS = 10_000;
const BATCHES = 200;
const { messageBodySizeMax } = PRODUCTION.derived;

/** Executes requests one after the other. */
class Ledger {
  readonly #calls = new CallQueue();
  readonly #output = new Uint8Array(messageBodySizeMax);
  readonly #machine: AccountingStateMachine;
  #op = 0;

  constructor() {
    const sizes = { messageBodySizeMax, batchSizeLimit: messageBodySizeMax };
    const grooves = accountingGrooves(new Limits(sizes));
    const { lsmScansMax: scansMax } = PRODUCTION.cluster;
    const forest = new MemoryForest({ grooves, nextTick: this.#calls.push, scansMax });
    this.#machine = new AccountingStateMachine({ forest, ...sizes });
    this.#machine.open(() => undefined);
    this.#calls.run();
  }

  execute({ operation, body }: Request): Uint8Array {
    this.#op += 1;
    this.#machine.prepareTimestamp += 1n;
    this.#machine.prepare(operation, body);
    const timestamp = this.#machine.prepareTimestamp;
    const committing = { client: 1n, op: this.#op, timestamp, operation, body };
    this.#machine.prefetch(committing, this.#op, () => undefined);
    this.#calls.run();
    return this.#output.subarray(0, this.#machine.commit(committing, this.#output));
  }
}

/** Prints how many transfers a second are committed, without a network and a disk. */
export function benchCommits(): void {
  const ledger = new Ledger();
  const transfers = new Transfers(ACCOUNTS);
  for (const request of transfers.accounts()) ledger.execute(request);
  const body = transfers.body(TRANSFERS_MAX);
  const latencies = new Latencies();
  let totalMs = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const request = transfers.fill(body, TRANSFERS_MAX);
    const begin = performance.now();
    const answer = ledger.execute(request);
    const elapsedMs = performance.now() - begin;
    assertCreated(answer, TRANSFERS_MAX);
    latencies.add(elapsedMs);
    totalMs += elapsedMs;
  }
  const perSecond = (1000 * BATCHES * TRANSFERS_MAX) / totalMs;
  console.log(
    `accounting in memory, ${BATCHES} batches of ${whole(TRANSFERS_MAX)}: ${whole(perSecond)} transfers a second; a batch ${latencies.describe()}`,
  );
}
