/**
 * Creating runs of transfers that ask for nothing special, in a kernel (spec 02 §12).
 *
 * What the kernel does not create, the rules decide about one by one: it only ever does what they would have done.
 *
 * @module
 */
import { type Kernels, type TransferBatch, TransfersKernel } from "@stagbeetle/kernels";
import type { GrooveWindow } from "../forest.ts";
import * as u64 from "../lanes/u64.ts";
import { AccountFlags } from "./account.ts";
import type { Context } from "./context.ts";

const EVENT_SIZE_BYTES = 128;
/** Events that are tried at first, and again after one that was not simple; twice as many after each run without such. */
const RUN_MIN = 32;
/** What an account must not have for its transfers to be simple: limits, an end. */
const FLAGS_EXCLUDED =
  AccountFlags.debits_must_not_exceed_credits | AccountFlags.credits_must_not_exceed_debits | AccountFlags.closed;

/** The kernel over the windows of three grooves. */
export class SimpleTransfers {
  readonly #context: Context;
  readonly #kernel: TransfersKernel;
  readonly #accounts: GrooveWindow;
  readonly #transfers: GrooveWindow;
  readonly #accountEvents: GrooveWindow;
  /** Of the first event of a run, and how far that is from the clock's. */
  readonly #timestamp = new Uint32Array(2);
  readonly #distance = new Uint32Array(2);
  readonly #batch: { -readonly [Field in keyof TransferBatch]: TransferBatch[Field] };
  #runMax = RUN_MIN;

  private constructor(
    context: Context,
    kernels: Kernels,
    windows: readonly [GrooveWindow, GrooveWindow, GrooveWindow],
  ) {
    this.#context = context;
    this.#kernel = new TransfersKernel(kernels, "simple transfers");
    [this.#accounts, this.#transfers, this.#accountEvents] = windows;
    this.#batch = {
      events: 0,
      count: 0,
      timestamp: this.#timestamp,
      accountFlagsExcluded: FLAGS_EXCLUDED,
      accounts: this.#accounts.pointer,
      transfers: this.#transfers.pointer,
      accountEvents: this.#accountEvents.pointer,
    };
  }

  /** Null if the forest lets no kernel write. */
  static over(context: Context, kernels: Kernels | null): SimpleTransfers | null {
    const { accounts, transfers, accountEvents } = context;
    if (kernels === null || accounts.window === null || transfers.window === null || accountEvents.window === null) {
      return null;
    }
    return new SimpleTransfers(context, kernels, [accounts.window, transfers.window, accountEvents.window]);
  }

  /**
   * Creates transfers from the one at this lane of the input on, up to one that is not simple. The clock is at the event before.
   *
   * @returns how many of `count` were created.
   */
  create(event: number, count: number): number {
    let created = 0;
    while (created < count) {
      const tried = Math.min(count - created, this.#runMax);
      const run = this.#createRun(event, created, tried);
      created += run;
      if (run < tried) {
        this.#runMax = RUN_MIN;
        break;
      }
      this.#runMax *= 2;
    }
    return created;
  }

  /** Every transfer changes two accounts, of which each may have a history. */
  #possible(count: number): number {
    const { room, entriesRoom } = this.#accountEvents;
    return Math.min(count, this.#transfers.room, room, entriesRoom >>> 1, this.#accounts.room >>> 1);
  }

  #createRun(event: number, skipped: number, count: number): number {
    const { input, clock, u32 } = this.#context;
    // Only a message that lies in the forest's memory can be seen by a kernel.
    if (input.buffer !== u32.buffer) return 0;
    const possible = this.#possible(count);
    if (possible === 0) return 0;
    const batch = this.#batch;
    batch.events = input.byteOffset + 4 * event + skipped * EVENT_SIZE_BYTES;
    batch.count = possible;
    this.#distance[0] = skipped + 1;
    u64.add(this.#timestamp, 0, clock.event, 0, this.#distance, 0);
    this.#accounts.open(0);
    this.#transfers.open(possible);
    this.#accountEvents.open(0);
    const created = this.#kernel.create(batch);
    this.#accounts.close(0, 2 * created);
    this.#transfers.close(created, 0);
    this.#accountEvents.close(created, 0);
    return created;
  }
}
