/**
 * The event loop of the create operations: timestamps, chains of linked events, imported batches, results (spec 02 §10).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { ScopeOutcome } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import { timestampLanesValid } from "../timestamp.ts";
import type { BatchClock } from "./context.ts";
import type { ResultWriter } from "./result-writer.ts";

/** The size of an account or a transfer in lanes. */
const EVENT_LANES = 32;
/** Accounts and transfers have their flags (in the upper half), their timestamp and the bit for `linked` in common. */
const FLAGS_LANE = 29;
const TIMESTAMP_LANE = 30;
const LINKED = 1;

/** The statuses that do not depend on what is created. They have different numbers for accounts and for transfers. */
export interface ChainStatuses {
  readonly created: number;
  readonly linked_event_failed: number;
  readonly linked_event_chain_open: number;
  readonly imported_event_expected: number;
  readonly imported_event_not_expected: number;
  readonly timestamp_must_be_zero: number;
  readonly imported_event_timestamp_out_of_range: number;
  readonly imported_event_timestamp_must_not_advance: number;
}

/** Creates accounts or transfers, one at a time. */
export interface EventCreator {
  readonly statuses: ChainStatuses;
  /** The bit of the flags that marks an imported event. */
  readonly importedFlag: number;
  /**
   * Creates what the event at this lane of the input says, or does nothing.
   *
   * @returns the status. For `created` and `exists` the clock's result is that of the object.
   */
  create(event: number): number;
  /**
   * Creates events from the one at this lane on, for as long as nothing about them is special; the clock is at the event before.
   * Not in a chain.
   *
   * @returns how many of `count` were created, with the timestamps that they have by their position; may be 0.
   */
  createRun(event: number, count: number): number;
  /** Called for every failure, after its chain was undone. */
  failed(event: number, status: number): void;
  scopeOpen(): void;
  scopeClose(outcome: ScopeOutcome): void;
}

/** A chain that is being executed: intact, or broken by an event that failed. */
type Chain = "none" | "intact" | "broken";

const RUN_DISTANCE_MAX = 64;

/** Where in a batch it is worth trying to create a run: less and less often where there is none. */
class RunSearch {
  #next = 0;
  #distance = 1;

  /** Begins a batch. Imported events are never simple. */
  begin(batchImported: boolean): void {
    this.#next = batchImported ? Infinity : 0;
    this.#distance = 1;
  }

  worthTrying(index: number): boolean {
    return index >= this.#next;
  }

  tried(index: number, created: number): void {
    this.#distance = created > 0 ? 1 : Math.min(2 * this.#distance, RUN_DISTANCE_MAX);
    this.#next = index + created + this.#distance;
  }
}

/** Executes one batch after the other. */
export class EventLoop {
  readonly #clock: BatchClock;
  readonly #runs = new RunSearch();

  constructor(clock: BatchClock) {
    this.#clock = clock;
  }

  /**
   * Executes a batch.
   *
   * @param first the lane of the first event in `input`.
   * @param timestamp of the batch: its last event's.
   */
  execute(
    creator: EventCreator,
    input: Uint32Array,
    first: number,
    count: number,
    timestamp: bigint,
    results: ResultWriter,
  ): void {
    const { statuses, importedFlag } = creator;
    const batchImported = count > 0 && (flagsOf(input, first) & importedFlag) !== 0;
    let chain: Chain = "none";
    let chainStart = 0;
    this.#clock.begin(timestamp, count);
    this.#runs.begin(batchImported);
    for (let index = 0; index < count; index += 1) {
      if (chain === "none") index += this.#createRun(creator, first + index * EVENT_LANES, index, count, results);
      if (index === count) break;
      const event = first + index * EVENT_LANES;
      const linked = (flagsOf(input, event) & LINKED) !== 0;
      this.#clock.next();
      if (linked && chain === "none") {
        chain = "intact";
        chainStart = index;
        creator.scopeOpen();
      }

      let status: number;
      if (linked && index === count - 1) status = statuses.linked_event_chain_open;
      else if (chain === "broken") status = statuses.linked_event_failed;
      else status = this.#statusOf(creator, input, event, batchImported);

      if (status === statuses.created) {
        results.created(index, this.#clock.result);
      } else {
        if (chain === "intact") {
          chain = "broken";
          creator.scopeClose("discard");
          results.failedBefore(chainStart, index, statuses.linked_event_failed);
        }
        results.failed(index, status, this.#clock.result);
        creator.failed(event, status);
      }

      if (chain !== "none" && (!linked || status === statuses.linked_event_chain_open)) {
        if (chain === "intact") creator.scopeClose("persist");
        chain = "none";
      }
    }
    assert(chain === "none", "a chain outlives its batch");
  }

  /** Creates the next events in one go, if they let themselves. Returns how many. */
  #createRun(creator: EventCreator, event: number, index: number, count: number, results: ResultWriter): number {
    if (!this.#runs.worthTrying(index)) return 0;
    const created = creator.createRun(event, count - index);
    this.#runs.tried(index, created);
    for (let number = 0; number < created; number += 1) {
      this.#clock.next();
      results.created(index + number, this.#clock.result);
    }
    return created;
  }

  #statusOf(creator: EventCreator, input: Uint32Array, event: number, batchImported: boolean): number {
    const { statuses, importedFlag } = creator;
    const imported = (flagsOf(input, event) & importedFlag) !== 0;
    if (imported !== batchImported) {
      return imported ? statuses.imported_event_not_expected : statuses.imported_event_expected;
    }
    const timestamp = event + TIMESTAMP_LANE;
    if (imported) {
      if (!timestampLanesValid(input, timestamp)) return statuses.imported_event_timestamp_out_of_range;
      if (!u64.lessThan(input, timestamp, this.#clock.batch, 0)) {
        return statuses.imported_event_timestamp_must_not_advance;
      }
    } else if (!u64.isZero(input, timestamp)) {
      return statuses.timestamp_must_be_zero;
    }
    return creator.create(event);
  }
}

function flagsOf(input: Uint32Array, event: number): number {
  return (input[event + FLAGS_LANE] as number) >>> 16;
}
