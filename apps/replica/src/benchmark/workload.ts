/**
 * The events of the benchmark (spec 06 §7.3): the same for ever for the same options, however many clients send them.
 */
import { assert } from "@stagbeetle/kernels";
import {
  ACCOUNT_LAYOUT,
  ACCOUNT_SIZE_BYTES,
  AccountFlags,
  TRANSFER_LAYOUT,
  TRANSFER_SIZE_BYTES,
  TransferFlags,
  workload,
} from "@stagbeetle/state-machine";
import { Random } from "@stagbeetle/vsr-protocol";

import type { WorkloadOptions } from "../commands/benchmark-flags.ts";
import { createDistribution } from "./distribution.ts";
import type { Distribution } from "./distribution.ts";
import { createIds } from "./ids.ts";
import type { Ids } from "./ids.ts";

/** The size of an account and of a transfer, in bytes. */
export const EVENT_SIZE_BYTES: number = TRANSFER_SIZE_BYTES;

const LANE_SIZE_BYTES = 4;
const EVENT_LANES = EVENT_SIZE_BYTES / LANE_SIZE_BYTES;
const LEDGER = 2;
const ACCOUNT_CODE = 1;
const CODE_MAX = 0xffff;
const FLAGS_SHIFT = 16;
const PERCENT = 100;
/** 3 of 10 transfers, if any. */
const PENDING_OF_TEN = 3;
const TIMEOUT_SECONDS_MAX = 5;
const AMOUNT_MEAN = 10_000;
const LANE = 2 ** 32;

/** Where the fields are in lanes. The code is the lower half of its lane, and the flags are the upper one. */
const ACCOUNT_LANE = lanesOf(ACCOUNT_LAYOUT);
const TRANSFER_LANE = lanesOf(TRANSFER_LAYOUT);

function lanesOf<Name extends string>(
  layout: Readonly<Record<Name, { readonly offset: number }>>,
): Record<Name, number> {
  const entries = Object.entries<{ readonly offset: number }>(layout);
  const lanes = entries.map(([name, { offset }]) => [name, Math.floor(offset / LANE_SIZE_BYTES)] as const);
  return Object.fromEntries(lanes) as Record<Name, number>;
}

/** Makes the events in their order: all accounts, then all transfers, then the accounts that are asked about. */
export class Workload {
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  readonly #ids: Ids;
  /** Of the accounts that are hot, which come first, and of the others. Null: there are none. */
  readonly #hot: Distribution | null;
  readonly #cold: Distribution | null;
  /** The 192 bits of user data that accounts and transfers have side by side. */
  readonly #userData = new Uint32Array(6);
  readonly #userDataBytes = new Uint8Array(this.#userData.buffer);
  #accounts = 0;
  #transfers = 0;

  constructor(options: WorkloadOptions) {
    const { accountCount, accountCountHot, accountDistribution } = options;
    assert(ACCOUNT_SIZE_BYTES === EVENT_SIZE_BYTES, "accounts and transfers have one size");
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#ids = createIds(options.idOrder, this.#random);
    const coldCount = accountCount - accountCountHot;
    this.#cold = coldCount === 0 ? null : createDistribution(accountDistribution, coldCount, this.#random);
    this.#hot = accountCountHot === 0 ? null : createDistribution(accountDistribution, accountCountHot, this.#random);
  }

  /** Writes the next accounts, as many as there are and fit into `lanes`. Returns their number. */
  fillAccounts(lanes: Uint32Array): number {
    const count = Math.min(lanes.length / EVENT_LANES, this.#options.accountCount - this.#accounts);
    for (let event = 0; event < count * EVENT_LANES; event += EVENT_LANES) this.#writeAccount(lanes, event);
    return count;
  }

  /** Writes the next transfers in the same way. */
  fillTransfers(lanes: Uint32Array): number {
    const count = Math.min(lanes.length / EVENT_LANES, this.#options.transferCount - this.#transfers);
    for (let event = 0; event < count * EVENT_LANES; event += EVENT_LANES) this.#writeTransfer(lanes, event);
    return count;
  }

  /** Writes the id of an account whose transfers are asked for: a hot one, if there are any. */
  drawQueried(lanes: Uint32Array, at: number): void {
    this.#ids.writeAccount(this.#hot === null ? this.#drawCold() : this.#hot.draw(this.#random), lanes, at);
  }

  #writeAccount(lanes: Uint32Array, event: number): void {
    const { history, imported } = this.#options;
    const index = this.#accounts;
    this.#accounts += 1;
    lanes.fill(0, event, event + EVENT_LANES);
    this.#ids.writeAccount(index, lanes, event + ACCOUNT_LANE.id);
    this.#drawUserData(lanes, event + ACCOUNT_LANE.userData128);
    lanes[event + ACCOUNT_LANE.ledger] = LEDGER;
    const flags = (history ? AccountFlags.history : 0) | (imported ? AccountFlags.imported : 0);
    lanes[event + ACCOUNT_LANE.code] = ACCOUNT_CODE | (flags << FLAGS_SHIFT);
    if (imported) writeU64(lanes, event + ACCOUNT_LANE.timestamp, index + 1);
  }

  #writeTransfer(lanes: Uint32Array, event: number): void {
    const { accountCount, imported, transferPending } = this.#options;
    const random = this.#random;
    const index = this.#transfers;
    this.#transfers += 1;
    lanes.fill(0, event, event + EVENT_LANES);
    this.#ids.writeTransfer(index, lanes, event + TRANSFER_LANE.id);
    const debit = this.#drawDebit();
    const drawn = this.#drawCold();
    const credit = drawn === debit ? (drawn + 1) % accountCount : drawn;
    this.#ids.writeAccount(debit, lanes, event + TRANSFER_LANE.debitAccountId);
    this.#ids.writeAccount(credit, lanes, event + TRANSFER_LANE.creditAccountId);
    const pending = transferPending && random.chance(PENDING_OF_TEN, 10);
    this.#drawUserData(lanes, event + TRANSFER_LANE.userData128);
    const code = Math.min(random.intInclusive(16, CODE_MAX) + 1, CODE_MAX);
    const flags = (pending ? TransferFlags.pending : 0) | (imported ? TransferFlags.imported : 0);
    lanes[event + TRANSFER_LANE.code] = code | (flags << FLAGS_SHIFT);
    if (pending) lanes[event + TRANSFER_LANE.timeout] = random.rangeInclusive(32, 1, TIMEOUT_SECONDS_MAX);
    writeU64(lanes, event + TRANSFER_LANE.amount, 1 + workload.exponential(random, AMOUNT_MEAN));
    lanes[event + TRANSFER_LANE.ledger] = LEDGER;
    if (imported) writeU64(lanes, event + TRANSFER_LANE.timestamp, accountCount + index + 1);
  }

  #drawDebit(): number {
    const hot = this.#random.chance(this.#options.transferHotPercent, PERCENT);
    if (this.#hot !== null && (hot || this.#cold === null)) return this.#hot.draw(this.#random);
    return this.#drawCold();
  }

  /** One that is not hot, unless all are. */
  #drawCold(): number {
    if (this.#cold !== null) return this.#options.accountCountHot + this.#cold.draw(this.#random);
    assert(this.#hot !== null, "there are no accounts");
    return this.#hot.draw(this.#random);
  }

  /** A u128, a u64 and a u32, one behind the other. */
  #drawUserData(lanes: Uint32Array, at: number): void {
    this.#random.fill(this.#userDataBytes);
    lanes.set(this.#userData, at);
    lanes[at + this.#userData.length] = this.#random.u32();
  }
}

function writeU64(lanes: Uint32Array, at: number, value: number): void {
  lanes[at] = value;
  lanes[at + 1] = Math.floor(value / LANE);
}
