/**
 * Which timestamps belong to expiries. An expiry has no transfer of its own, so `key_max(transfers)` does not pass it, and an
 * imported transfer could ask for its timestamp. Two account events of one timestamp cannot be stored: the object tree would keep
 * one, the index trees both (spec 02 §23, hazard 7).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Forest, Groove, Pointer } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import { timestampLanesValid } from "../timestamp.ts";
import { ACCOUNT_EVENT_SIZE_BYTES } from "./account-event.ts";
import { TransferPendingStatus } from "./transfer-pending.ts";

/** How many expiries in a row a scan passes between two timestamps that are asked for, before a new scan leaps to the next. */
const PASSED_MAX = 4096;

/** In an entry of the index of statuses: the status, then the timestamp. */
const ENTRY_TIMESTAMP_LANE = 2;

/** The timestamps that one operation asks for, and after `find` those of them at which something expired. */
export class ExpiryTimestamps {
  readonly #forest: Forest;
  readonly #transfers: Groove;
  readonly #accountEvents: Groove;
  readonly #statusIndex: number;
  /** Those asked for, in two views. Those found move to the front, which the scan has passed. */
  readonly #timestamps: BigUint64Array;
  readonly #lanes: Uint32Array;
  #askedCount = 0;
  #foundCount = 0;
  /** The first one that the scan has not passed. */
  #next = 0;
  /** How many expiries the scan has passed since it began or found one. */
  #passedCount = 0;
  /** Where a scan would put objects, if it took any. */
  readonly #unused: Pointer;
  readonly #expired = Uint32Array.of(TransferPendingStatus.expired, 0);

  /** @param transfersMax how many transfers an operation has at most. */
  constructor(forest: Forest, transfersMax: number) {
    this.#forest = forest;
    this.#transfers = forest.groove("transfers");
    this.#accountEvents = forest.groove("account_events");
    this.#statusIndex = this.#accountEvents.indexOf("transfer_pending_status");
    this.#timestamps = new BigUint64Array(transfersMax);
    this.#lanes = new Uint32Array(this.#timestamps.buffer);
    this.#unused = forest.memory.allocate(ACCOUNT_EVENT_SIZE_BYTES, 16, "scan for expiries");
  }

  /** Forgets the operation before. */
  begin(): void {
    this.#askedCount = 0;
    this.#foundCount = 0;
  }

  /** Asks for a timestamp. Nearly always nothing needs to be read: it is older than a transfer, or newer than all events. */
  enqueue(timestamps: Uint32Array, at: number): void {
    assert(this.#foundCount === 0, "a timestamp is asked for after the scan");
    if (!timestampLanesValid(timestamps, at)) return;
    if (!this.#transfers.newerThanAll(timestamps, at) || this.#accountEvents.newerThanAll(timestamps, at)) return;
    u64.copy(this.#lanes, u64.U64_LANES * this.#askedCount, timestamps, at);
    this.#askedCount += 1;
  }

  /** Reads what is needed. The callback runs once. */
  find(callback: () => void): void {
    this.#timestamps.subarray(0, this.#askedCount).sort();
    this.#next = 0;
    this.#scan(callback);
  }

  /** Whether something expired at a timestamp that was asked for. A transfer with a newer timestamp hides it. */
  has(timestamps: Uint32Array, at: number): boolean {
    let low = 0;
    let high = this.#foundCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (u64.lessThan(this.#lanes, u64.U64_LANES * middle, timestamps, at)) low = middle + 1;
      else high = middle;
    }
    return low < this.#foundCount && u64.equal(this.#lanes, u64.U64_LANES * low, timestamps, at);
  }

  #scan(callback: () => void): void {
    if (this.#next === this.#askedCount) {
      callback();
      return;
    }
    const { scans } = this.#forest;
    const min = this.#timestamps[this.#next] as bigint;
    const max = this.#timestamps[this.#askedCount - 1] as bigint;
    this.#passedCount = 0;
    const scan = scans.prefix(this.#accountEvents, this.#statusIndex, this.#expired, 0, { min, max }, "ascending");
    const into = {
      groove: this.#accountEvents,
      destination: this.#unused,
      countMax: 1,
      inspect: (lanes: Uint32Array, at: number) => this.#inspect(lanes, at + ENTRY_TIMESTAMP_LANE),
    };
    scans.read(scan, into, (count) => {
      assert(count === 0, () => `${count} expiries were taken`);
      scans.release();
      // The scan came to its end, unless it gave up.
      if (this.#passedCount <= PASSED_MAX) this.#next = this.#askedCount;
      this.#scan(callback);
    });
  }

  /** Compares the expiry that the scan has come to with the timestamps that were asked for. Both ascend. */
  #inspect(lanes: Uint32Array, at: number): "skip" | "stop" {
    while (this.#next < this.#askedCount && u64.lessThan(this.#lanes, u64.U64_LANES * this.#next, lanes, at)) {
      this.#next += 1;
    }
    if (this.#next === this.#askedCount) return "stop";
    if (u64.equal(this.#lanes, u64.U64_LANES * this.#next, lanes, at)) {
      u64.copy(this.#lanes, u64.U64_LANES * this.#foundCount, lanes, at);
      this.#foundCount += 1;
      this.#next += 1;
      this.#passedCount = 0;
      return "skip";
    }
    this.#passedCount += 1;
    return this.#passedCount > PASSED_MAX ? "stop" : "skip";
  }
}
