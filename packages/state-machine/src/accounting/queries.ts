/**
 * Executing queries by filter, one filter a batch (spec 02 §16.2 to §16.5).
 *
 * @module
 */
import { assert } from "@stagbeetle/kernels";
import type { Logger, MultiBatchDecoder } from "@stagbeetle/vsr-protocol";
import { type Forest, type Groove, NOT_FOUND, type Scan } from "../forest.ts";
import * as u128 from "../lanes/u128.ts";
import * as u64 from "../lanes/u64.ts";
import { ACCOUNT_EVENT_SIZE_BYTES, AccountEventLane } from "./account-event.ts";
import { AccountFlags, AccountLane } from "./account.ts";
import type { Context } from "./context.ts";
import { AccountFilter, accountFilterValid, QueryFilter, queryFilterValid } from "./filters.ts";
import type { Limits } from "./limits.ts";
import type { OperationTraits } from "./operations.ts";
import { accountTransfersScan, queryScan } from "./query.ts";
import { ResultBuffer } from "./result-buffer.ts";
import { ACCOUNT_BALANCE_SIZE_BYTES } from "./results.ts";

const OBJECT_LANES = 32;
const BALANCES_LANES = 16;
const FILTER_SIZE_BYTES_MIN = 64;

/** Runs the filters of an operation one after the other during prefetch; commit only writes what they have found. */
export class Queries {
  readonly #context: Context;
  readonly #forest: Forest;
  readonly #limits: Limits;
  readonly #decoder: MultiBatchDecoder;
  readonly #logger: Logger;
  readonly #found: ResultBuffer;
  /** Where the next filter is in the body. */
  #offset = 0;
  #lane = 0;

  /** @param decoder has read the body of the operation if it carries several batches. */
  constructor(context: Context, forest: Forest, limits: Limits, decoder: MultiBatchDecoder, logger: Logger) {
    this.#context = context;
    this.#forest = forest;
    this.#limits = limits;
    this.#decoder = decoder;
    this.#logger = logger;
    // Account events are twice as large as the balances made from them.
    const sizeBytes = limits.messageBodySizeMax * (ACCOUNT_EVENT_SIZE_BYTES / ACCOUNT_BALANCE_SIZE_BYTES);
    const filterCountMax = Math.ceil(limits.messageBodySizeMax / FILTER_SIZE_BYTES_MIN);
    this.#found = new ResultBuffer(forest.memory, sizeBytes, filterCountMax);
  }

  /** Evaluates all filters of the body. */
  prefetch(traits: OperationTraits, body: Uint8Array, callback: () => void): void {
    this.#found.clear();
    this.#offset = 0;
    const end = traits.multiBatch ? this.#decoder.payloadSizeBytes : body.length;
    assert(end % traits.eventSizeBytes === 0, () => `${end} bytes of filters`);
    if (traits.kind !== "get_account_balances") {
      this.#next(traits, body, end, callback);
      return;
    }
    // Whether an account has a history decides whether its filter is evaluated at all.
    const { accounts, input } = this.#context;
    for (let at = 0; at < end; at += traits.eventSizeBytes) accounts.enqueue(input, at / 4);
    accounts.prefetch(() => this.#next(traits, body, end, callback));
  }

  /** Writes the results of one filter to `output[at…]`. Returns their size in bytes. */
  commit(traits: OperationTraits, batch: number, output: Uint32Array, at: number): number {
    if (batch === 0) this.#lane = this.#found.pointer >>> 2;
    const count = this.#found.count(batch);
    if (traits.kind === "get_account_balances") {
      const accountId = (batch * traits.eventSizeBytes) / 4;
      for (let index = 0; index < count; index += 1) this.#writeBalance(accountId, output, at + index * OBJECT_LANES);
    } else {
      const { u32 } = this.#context;
      output.set(u32.subarray(this.#lane, this.#lane + count * OBJECT_LANES), at);
      this.#lane += count * OBJECT_LANES;
    }
    return count * traits.resultSizeBytes;
  }

  /** Evaluates the filters from the next one on. Those without results take no turn of the event loop and no stack. */
  #next(traits: OperationTraits, body: Uint8Array, end: number, callback: () => void): void {
    const groove = this.#grooveOf(traits);
    const { scans } = this.#forest;
    while (this.#offset < end) {
      const offset = this.#offset;
      this.#offset += traits.eventSizeBytes;
      const scan = this.#scanOf(traits, body, offset);
      if (scan === null) {
        this.#found.add(0, groove.declaration.sizeBytes);
        continue;
      }
      const limit = this.#context.input[(offset + traits.limitOffset) / 4] as number;
      const countMax = Math.min(limit, this.#limits.resultMax(traits));
      scans.read(scan, { groove, destination: this.#found.end, countMax }, (count) => {
        this.#found.add(count, groove.declaration.sizeBytes);
        scans.release();
        this.#next(traits, body, end, callback);
      });
      return;
    }
    groove.prefetch(callback);
  }

  /** Whose objects are the results. */
  #grooveOf({ kind }: OperationTraits): Groove {
    const { accounts, transfers, accountEvents } = this.#context;
    if (kind === "query_accounts") return accounts;
    return kind === "get_account_balances" ? accountEvents : transfers;
  }

  /** The scan for the filter at `offset`; null if it has no results. */
  #scanOf(traits: OperationTraits, body: Uint8Array, offset: number): Scan | null {
    const { accounts, transfers } = this.#context;
    if (traits.eventSizeBytes === QueryFilter.sizeBytes) {
      const filter = new QueryFilter(body, offset);
      if (!queryFilterValid(filter)) return this.#nothing(traits, "the filter is invalid");
      return queryScan(this.#forest, traits.kind === "query_accounts" ? accounts : transfers, filter);
    }
    const filter = new AccountFilter(body, offset);
    if (traits.kind === "get_account_balances") {
      const account = accounts.get(this.#context.input, offset / 4);
      if (account === NOT_FOUND) return this.#nothing(traits, "the account does not exist");
      if (!this.#hasHistory(account)) return this.#nothing(traits, "the account has no history");
    }
    if (!accountFilterValid(filter)) return this.#nothing(traits, "the filter is invalid");
    return accountTransfersScan(this.#forest, transfers, filter);
  }

  #nothing(traits: OperationTraits, reason: string): null {
    if (this.#logger.enabled("debug")) this.#logger.log("debug", `${traits.name}: no results: ${reason}`);
    return null;
  }

  #hasHistory(account: number): boolean {
    const codeAndFlags = this.#forest.memory.u32[(account >>> 2) + AccountLane.codeAndFlags] as number;
    return ((codeAndFlags >>> 16) & AccountFlags.history) !== 0;
  }

  /** Makes a balance from the next account event: that of the side which the filter asks for. */
  #writeBalance(accountId: number, output: Uint32Array, at: number): void {
    const { input, u32 } = this.#context;
    const event = this.#lane;
    this.#lane += ACCOUNT_EVENT_SIZE_BYTES / 4;
    const isDebit = u128.equal(u32, event + AccountEventLane.drAccountId, input, accountId);
    assert(
      isDebit || u128.equal(u32, event + AccountEventLane.crAccountId, input, accountId),
      "an account event of another account",
    );
    const balances = event + (isDebit ? AccountEventLane.drBalances : AccountEventLane.crBalances);
    for (let lane = 0; lane < BALANCES_LANES; lane += 1) output[at + lane] = u32[balances + lane] as number;
    u64.copy(output, at + BALANCES_LANES, u32, event + AccountEventLane.timestamp);
    output.fill(0, at + BALANCES_LANES + u64.U64_LANES, at + OBJECT_LANES);
  }
}
